// Transactions, undo and redo.

import Core

/// The finished edits, and the one that is open.
struct History {
  /// One undo point.
  struct Step {
    var name: String
    var log: ChangeLog
    var revisionBefore: UInt64
    var revisionAfter: UInt64
  }

  var undo: [Step] = []
  var redo: [Step] = []
  var open: ChangeLog?
  var revision: UInt64 = 0
  var lastRevision: UInt64 = 0
  var limit = 1 << 30

  /// Bytes taken by finished edits.
  var memoryFootprint: Int {
    undo.reduce(0) { $0 + $1.log.memoryFootprint } + redo.reduce(0) { $0 + $1.log.memoryFootprint }
  }
}

extension LineageGraph {
  /// Make changes as one undo point.
  ///
  /// When `body` throws, everything it changed is taken back and the error passed on. An edit
  /// inside an edit joins the outer one: there is one undo point, and an inner failure takes back
  /// what the inner one did. An edit that changed nothing leaves no undo point. Costs memory in
  /// proportion to what was changed.
  @discardableResult
  public func edit<R>(_ name: String, _ body: () throws -> R) throws -> R {
    if let outer = history.open {
      let mark = outer.size
      do { return try body() } catch {
        storage.pointee.takeBack(outer, downTo: mark, ChangeLog())
        throw error
      }
    }
    let log = ChangeLog()
    history.open = log
    do {
      let result = try body()
      history.open = nil
      commit(name, log)
      return result
    } catch {
      storage.pointee.takeBack(log, downTo: 0, ChangeLog())
      history.open = nil
      throw error
    }
  }

  private func commit(_ name: String, _ log: ChangeLog) {
    if log.isEmpty { return }
    log.trim()
    history.lastRevision += 1
    history.redo.removeAll()
    history.undo.append(
      History.Step(
        name: name, log: log, revisionBefore: history.revision,
        revisionAfter: history.lastRevision))
    history.revision = history.lastRevision
    var total = history.memoryFootprint
    while total > history.limit, history.undo.count > 1 {
      total -= history.undo.removeFirst().log.memoryFootprint
    }
  }

  /// Whether an edit is open.
  public var isEditing: Bool { history.open != nil }

  /// Names of the edits that `undo` would take back, the next one last.
  public var undoNames: [String] { history.undo.map(\.name) }

  /// Names of the edits that `redo` would do again, the next one last.
  public var redoNames: [String] { history.redo.map(\.name) }

  /// Take the last edit back. Spots and links that come back have their old ids and generations, so
  /// that old references are current again; nothing is tagged automatically.
  /// - Throws: `state` when there is nothing to undo or an edit is open.
  public func undo() throws {
    try requireNoEdit("undo")
    guard let step = history.undo.popLast() else {
      throw HowdahError(.state, "there is nothing to undo")
    }
    let inverse = ChangeLog()
    storage.pointee.takeBack(step.log, downTo: 0, inverse)
    history.revision = step.revisionBefore
    history.redo.append(
      History.Step(
        name: step.name, log: inverse, revisionBefore: step.revisionBefore,
        revisionAfter: step.revisionAfter))
  }

  /// Do the edit that was taken back last again.
  /// - Throws: `state` when there is nothing to redo or an edit is open.
  public func redo() throws {
    try requireNoEdit("redo")
    guard let step = history.redo.popLast() else {
      throw HowdahError(.state, "there is nothing to redo")
    }
    let inverse = ChangeLog()
    storage.pointee.takeBack(step.log, downTo: 0, inverse)
    history.revision = step.revisionAfter
    history.undo.append(
      History.Step(
        name: step.name, log: inverse, revisionBefore: step.revisionBefore,
        revisionAfter: step.revisionAfter))
  }

  /// Forget all undo points, for example after reading a file.
  /// - Throws: `state` while an edit is open.
  public func clearHistory() throws {
    try requireNoEdit("forgetting the history")
    history.undo.removeAll()
    history.redo.removeAll()
  }

  /// Identifies the content between edits: undo brings the earlier number back, so a project is
  /// modified exactly when this number differs from the one it was saved with.
  public var revision: UInt64 { history.revision }

  /// How many bytes the history may take (1 GiB at first); the oldest undo points beyond it are
  /// forgotten, never the last one.
  public var historyLimit: Int {
    get { history.limit }
    set { history.limit = newValue }
  }

  /// Bytes that the history takes.
  public var historyFootprint: Int { history.memoryFootprint }

  func requireNoEdit(_ what: String) throws {
    if history.open != nil {
      throw HowdahError(.state, "\(what) is not possible inside an edit; end the edit first")
    }
  }

  /// The log of the open edit.
  func requireEdit() throws -> ChangeLog {
    guard let log = history.open else {
      throw HowdahError(
        .state, "the graph can only be changed inside an edit; use edit(\"what\") { ... }")
    }
    return log
  }
}
