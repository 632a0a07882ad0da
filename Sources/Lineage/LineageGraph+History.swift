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

  private(set) var undo: [Step] = []
  private(set) var redo: [Step] = []
  var open: ChangeLog?
  private(set) var revision: UInt64 = 0
  private(set) var lastRevision: UInt64 = 0
  var limit = 1 << 30
  /// Bytes taken by finished edits.
  private(set) var memoryFootprint = 0

  /// The content is another one, and no edit leads to it.
  mutating func startAnew() {
    clear()
    lastRevision += 1
    revision = lastRevision
  }

  mutating func clear() {
    undo.removeAll()
    redo.removeAll()
    memoryFootprint = 0
  }

  /// Keep a finished edit.
  mutating func commit(_ name: String, _ log: ChangeLog) {
    log.trim()
    for step in redo { memoryFootprint -= step.log.memoryFootprint }
    redo.removeAll()
    lastRevision += 1
    push(
      Step(name: name, log: log, revisionBefore: revision, revisionAfter: lastRevision), to: \.undo)
    revision = lastRevision
    forgetOldest()
  }

  /// Make the edits that were finished after `mark` one.
  mutating func join(since mark: UInt64) {
    let first = undo.lastIndex { $0.revisionAfter <= mark }.map { $0 + 1 } ?? 0
    let count = undo.count - first
    if count < 2 { return }
    let steps = undo[first...]
    var whole = undo[first]
    let isUniform = steps.allSatisfy { $0.name == whole.name }
    whole.name += isUniform ? ", \(count) times" : " and \(count - 1) more"
    whole.revisionAfter = undo[undo.count - 1].revisionAfter
    for step in steps { memoryFootprint -= step.log.memoryFootprint }
    for step in steps.dropFirst() { whole.log.append(step.log) }
    whole.log.trim()
    undo.removeSubrange(first...)
    push(whole, to: \.undo)
  }

  /// Beyond the limit, go an eighth below it, so that forgetting is rare.
  private mutating func forgetOldest() {
    if memoryFootprint <= limit { return }
    var forgotten = 0
    while memoryFootprint > limit - limit / 8, forgotten < undo.count - 1 {
      memoryFootprint -= undo[forgotten].log.memoryFootprint
      forgotten += 1
    }
    undo.removeFirst(forgotten)
  }

  private mutating func push(_ step: Step, to stack: WritableKeyPath<History, [Step]>) {
    memoryFootprint += step.log.memoryFootprint
    self[keyPath: stack].append(step)
  }

  private mutating func pop(from stack: WritableKeyPath<History, [Step]>) -> Step? {
    guard let step = self[keyPath: stack].popLast() else { return nil }
    memoryFootprint -= step.log.memoryFootprint
    return step
  }

  /// Take the last edit back in `storage`; false when there is none.
  mutating func undo(in storage: UnsafeMutablePointer<GraphStorage>) -> Bool {
    guard let step = pop(from: \.undo) else { return false }
    push(takeBack(step, storage), to: \.redo)
    revision = step.revisionBefore
    return true
  }

  /// Do the last undone edit again in `storage`; false when there is none.
  mutating func redo(in storage: UnsafeMutablePointer<GraphStorage>) -> Bool {
    guard let step = pop(from: \.redo) else { return false }
    push(takeBack(step, storage), to: \.undo)
    revision = step.revisionAfter
    return true
  }

  private func takeBack(_ step: Step, _ storage: UnsafeMutablePointer<GraphStorage>) -> Step {
    var inverse = step
    inverse.log = ChangeLog()
    storage.pointee.takeBack(step.log, downTo: 0, inverse.log)
    inverse.log.trim()
    return inverse
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
      if !log.isEmpty { history.commit(name, log) }
      return result
    } catch {
      storage.pointee.takeBack(log, downTo: 0, ChangeLog())
      history.open = nil
      throw error
    }
  }

  /// Whether an edit is open.
  public var isEditing: Bool { history.open != nil }

  /// The history as it is now, for `joinEdits`.
  public var historyMark: UInt64 { history.lastRevision }

  /// Make the edits that were finished since `mark` one undo point, named after them. What was undone
  /// since then is no part of it. Nothing happens while an edit is open.
  public func joinEdits(since mark: UInt64) {
    if !isEditing { history.join(since: mark) }
  }

  /// Names of the edits that `undo` would take back, the next one last.
  public var undoNames: [String] { history.undo.map(\.name) }

  /// Names of the edits that `redo` would do again, the next one last.
  public var redoNames: [String] { history.redo.map(\.name) }

  /// Take the last edit back. Spots and links that come back have their old ids and generations, so
  /// that old references are current again; nothing is tagged automatically.
  /// - Throws: `state` when there is nothing to undo or an edit is open.
  public func undo() throws {
    try requireNoEdit("undo")
    if !history.undo(in: storage) { throw HowdahError(.state, "there is nothing to undo") }
  }

  /// Do the edit that was taken back last again.
  /// - Throws: `state` when there is nothing to redo or an edit is open.
  public func redo() throws {
    try requireNoEdit("redo")
    if !history.redo(in: storage) { throw HowdahError(.state, "there is nothing to redo") }
  }

  /// Forget all undo points, for example after reading a file.
  /// - Throws: `state` while an edit is open.
  public func clearHistory() throws {
    try requireNoEdit("forgetting the history")
    history.clear()
  }

  /// Identifies the content: undo brings the earlier number back, so a project is modified exactly
  /// when this number differs from the one it was saved with. Inside an edit that has changed
  /// something it is a number of its own.
  public var revision: UInt64 {
    if let open = history.open, !open.isEmpty { return 1 << 63 | changeCount }
    return history.revision
  }

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
