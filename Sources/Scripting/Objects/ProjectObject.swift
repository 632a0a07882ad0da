// A project as Lua holds it: the project itself and the space that its spot, link and track handles point
// into. Collections keep it alive; a handle alone does not.

import Core
import Formats
import Lineage
import Tracking

/// A project that a Lua state has opened. Belongs to one state and one thread.
public final class ProjectObject: Settling {
  /// Images and lineage.
  public let project: Project
  let graph: LineageGraph
  let graphReference: Unmanaged<LineageGraph>
  /// `p.spots` and `p.links`: what one of them has found serves the next.
  let spots: Selection<SpotID>
  let links: Selection<LinkID>
  /// Why its links were made, for those that a linker made in this session.
  let reasons = LinkReasons()
  private(set) var space: HandleSpace!
  /// The live training on its labels, running or stopped. It looks for changes after every call.
  var live: LiveObject? {
    didSet { space.syncsAlways = live != nil }
  }
  /// Where the history was when the input of the prompt began.
  private var inputMark: UInt64
  private var isClosed = false

  /// Makes a project reachable from a state. Throws `.limit` when the state holds too many projects.
  public init(_ project: Project, host: LuaHost) throws {
    self.project = project
    graph = project.lineage
    graphReference = Unmanaged.passUnretained(graph)
    spots = .all(graph)
    links = .all(graph)
    inputMark = graph.historyMark
    space = try host.makeSpace(owner: self, watching: graph.columnsWatch) {
      [unowned(unsafe) self] in describeColumns(to: $0)
    }
  }

  /// Column slots of spots that properties name.
  enum SpotColumn { static let id = 0, t = 1, x = 2, y = 3, z = 4 }
  /// Column slots of links that properties name.
  enum LinkColumn { static let id = 0 }

  /// Tell the fast path where the columns are.
  private func describeColumns(to space: HandleSpace) {
    if isClosed { return }
    live?.refresh(always: false)
    let columns = graph.columns
    space.setStorage(0, generation: columns.spotGeneration, stride: 4, count: columns.spotSlots)
    space.setColumn(SpotColumn.id, of: 0, base: nil, stride: 0, type: .index)
    space.setColumn(SpotColumn.t, of: 0, base: columns.timepoint, stride: 4, type: .int32)
    space.setColumn(SpotColumn.x, of: 0, base: columns.x, stride: 8, type: .double)
    space.setColumn(SpotColumn.y, of: 0, base: columns.y, stride: 8, type: .double)
    space.setColumn(SpotColumn.z, of: 0, base: columns.z, stride: 8, type: .double)
    space.setStorage(1, generation: columns.linkGeneration, stride: 4, count: columns.linkSlots)
    space.setColumn(LinkColumn.id, of: 1, base: nil, stride: 0, type: .index)
  }

  func handle(_ spot: SpotID, _ kind: HandleKind = .spot) -> Handle {
    Handle(kind, in: space, index: spot.index, generation: graph.ref(spot).generation)
  }

  func handle(_ link: LinkID, _ kind: HandleKind = .link) -> Handle {
    Handle(kind, in: space, index: link.index, generation: graph.ref(link).generation)
  }

  func begin() { inputMark = graph.historyMark }

  /// What an input has changed is one undo point, and the labels go to the live training as they are.
  func settle() {
    graph.joinEdits(since: inputMark)
    live?.refresh(always: true)
  }

  /// Number of timepoints: those of the images, or up to the last spot when that is later.
  var timepoints: Int {
    max(project.images?.timepoints ?? 0, (graph.timepoints?.upperBound ?? -1) + 1)
  }

  /// Make changes as one undo point; they join an edit that is open.
  func edit<R>(_ name: String, _ body: () throws -> R) throws -> R { try graph.edit(name, body) }

  /// Close the images and make all handles stale, also those made from now on.
  func close() {
    live?.training.stop()
    live = nil
    project.images?.close()
    isClosed = true
    space.setStorage(0, generation: nil, stride: 4, count: 0)
    space.setStorage(1, generation: nil, stride: 4, count: 0)
  }
}

extension ProjectObject {
  /// The tag set of this name; nil when it is one of ELEPHANT's six and this project does not have it (yet),
  /// which reads as "nothing is tagged".
  ///
  /// Throws `.argument` with the nearest name.
  func tagSet(_ name: String) throws -> TagSetID? {
    if let set = graph.tagSet(named: name) { return set }
    if ElephantTags.sets.contains(where: { $0.name == name }) { return nil }
    throw unknownTagSet(name)
  }

  /// A tag by name; nil as above.
  func tag(_ set: String, _ label: String) throws -> (set: TagSetID, tag: TagID)? {
    let known: [String]
    if let id = try tagSet(set) {
      if let tag = graph.tag(named: label, in: id) { return (id, tag) }
      known = graph.tagSetInfo(id).tags.map(\.label)
    } else {
      known = []
    }
    if ElephantTags.sets.contains(where: {
      $0.name == set && $0.tags.contains { $0.label == label }
    }) {
      return nil
    }
    throw unknownTag(label, set, known)
  }

  /// A tag to give to something. What is missing of ELEPHANT's six tag sets is made. Call it in an edit.
  func tagForWriting(_ set: String, _ label: String) throws -> (set: TagSetID, tag: TagID) {
    if let found = try tag(set, label) { return found }
    try graph.ensureElephantTagSets()
    guard let found = try tag(set, label) else { throw unknownTag(label, set, []) }
    return found
  }

  private func unknownTagSet(_ name: String) -> HowdahError {
    let names = graph.tagSets.map(\.name)
    return HowdahError(
      .argument,
      "there is no tag set \"\(name)\""
        + (Suggest.nearest(to: name, among: names + ElephantTags.sets.map(\.name)).map {
          "; did you mean \"\($0)\"?"
        } ?? listed(names)))
  }

  private func unknownTag(_ label: String, _ set: String, _ known: [String]) -> HowdahError {
    HowdahError(
      .argument,
      "tag set \"\(set)\" has no tag \"\(label)\""
        + (Suggest.nearest(to: label, among: known).map { "; did you mean \"\($0)\"?" }
          ?? listed(known)))
  }

  private func listed(_ names: [String]) -> String {
    if names.isEmpty { return "; there are none" }
    let shown = names.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ")
    return "; there are \(shown)" + (names.count > 8 ? ", ..." : "")
  }
}

extension Operands {
  /// The project of the receiver.
  var project: ProjectObject { owner(ProjectObject.self) }
  /// Look into the lineage of the receiver. (As a property it would be retained and released.)
  @inline(__always)
  func look<R>(_ body: (LineageGraph) -> R) -> R {
    project.graphReference._withUnsafeGuaranteedRef(body)
  }

  /// Look into the lineage of argument 0 or 1.
  @inline(__always)
  func look<R>(at i: Int, _ body: (LineageGraph) -> R) -> R {
    owner(i, ProjectObject.self).graphReference._withUnsafeGuaranteedRef(body)
  }

  /// The spot that the receiver stands for.
  var spot: SpotID { SpotID(handle.index) }
  /// The link that the receiver stands for.
  var link: LinkID { LinkID(handle.index) }

  /// The bits of the handle of a spot of the receiver's project.
  func bits(_ spot: SpotID, _ kind: HandleKind = .spot, in graph: LineageGraph) -> UInt64 {
    bits(kind, index: spot.index, generation: graph.ref(spot).generation)
  }
}

extension Call {
  /// The project of the receiver, which is a handle.
  var project: ProjectObject { owner(ProjectObject.self) }
  /// The spot that the receiver stands for.
  var spot: SpotID { SpotID(handle.index) }
  /// The link that the receiver stands for.
  var link: LinkID { LinkID(handle.index) }

  /// Push a collection.
  func push(_ project: ProjectObject, _ selection: Selection<SpotID>) {
    push(object: Collection(project, selection))
  }

  /// Push a collection.
  func push(_ project: ProjectObject, _ selection: Selection<LinkID>) {
    push(object: Collection(project, selection))
  }

  /// Push a size in voxels.
  func push(_ size: Size3) {
    push(.record([("x", .int(size.x)), ("y", .int(size.y)), ("z", .int(size.z))]) as LuaValue)
  }

  /// Push a voxel size.
  func push(_ size: VoxelSize) {
    push(
      .record([("x", .double(size.x)), ("y", .double(size.y)), ("z", .double(size.z))]) as LuaValue)
  }
}
