// Editing by hand: the client spec, section 7, with its worked examples by name.

import Core
import Lineage
import Testing

@Suite struct EditingTests {
  /// A graph with one spot of this covariance.
  private func spot(_ c: Covariance) throws -> (LineageGraph, SpotID) {
    let graph = LineageGraph()
    let id = try graph.edit("spot") { try graph.addSpot(t: 0, position: .zero, covariance: c) }
    return (graph, id)
  }

  private func expect(
    _ c: Covariance, _ xx: Double, _ xy: Double, _ yy: Double, _ zz: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let expected = Covariance(xx: xx, xy: xy, xz: 0, yy: yy, yz: 0, zz: zz)
    let pairs = [
      (c.xx, expected.xx), (c.xy, expected.xy), (c.xz, 0), (c.yy, expected.yy), (c.yz, 0),
      (c.zz, expected.zz),
    ]
    for (a, b) in pairs { #expect(abs(a - b) < 1e-6, sourceLocation: sourceLocation) }
  }

  @Test("EL-1 size along a world axis") func resize() throws {
    let c = Covariance.axisAligned(x: 3, y: 2, z: 1)
    let (graph, id) = try spot(c)
    try graph.edit("increase") { try graph.resize(id, axis: .x, factor: 1.1) }
    expect(graph.covariance(id), 10.89, 0, 4, 1)
    try graph.edit("decrease") { try graph.resize(id, axis: .x, factor: 0.9) }
    expect(graph.covariance(id), 8.8209, 0, 4, 1)
    try graph.undo()
    try graph.undo()
    #expect(graph.covariance(id) == c)
    try graph.edit("decrease") { try graph.resize(id, axis: .x, factor: 0.9) }
    expect(graph.covariance(id), 7.29, 0, 4, 1)
  }

  @Test("EL-2 rotation about a world axis") func rotate() throws {
    let c = Covariance.axisAligned(x: 3, y: 2, z: 1)
    let (graph, id) = try spot(c)
    try graph.edit("counterclockwise") { try graph.rotate(id, axis: .z, degrees: 1) }
    expect(graph.covariance(id), 8.998477, 0.087249, 4.001523, 1)
    try graph.undo()
    try graph.edit("clockwise") { try graph.rotate(id, axis: .z, degrees: -1) }
    expect(graph.covariance(id), 8.998477, -0.087249, 4.001523, 1)
  }

  @Test("EL-3 size after rotation") func resizeRotated() throws {
    let (graph, id) = try spot(.axisAligned(x: 3, y: 2, z: 1))
    try graph.edit("both") {
      try graph.rotate(id, axis: .z, degrees: -1)
      try graph.resize(id, axis: .x, factor: 1.1)
    }
    expect(graph.covariance(id), 10.888157, -0.095974, 4.001523, 1)
  }

  @Test("EL-4 reset rotation", arguments: [(Axis.y, 1.0, 9.0, 4.0), (.z, 1, 9, 4), (.z, 46, 4, 9)])
  func reset(axis: Axis, degrees: Double, xx: Double, yy: Double) throws {
    let (graph, id) = try spot(.axisAligned(x: 3, y: 2, z: 1))
    try graph.edit("tilt") { try graph.rotate(id, axis: axis, degrees: degrees) }
    try graph.edit("reset") { try graph.resetRotation(id) }
    expect(graph.covariance(id), xx, 0, yy, 1)
  }

  @Test func ellipsoidsOfZeroSizeCanBeEdited() throws {
    let (graph, id) = try spot(.sphere(radius: 0))
    try graph.edit("all") {
      try graph.resize(id, axis: .x, factor: 1.1)
      try graph.rotate(id, axis: .y, degrees: 30)
      try graph.resetRotation(id)
    }
    #expect(graph.covariance(id) == .sphere(radius: 0))
    #expect(graph.boundingSphereRadiusSquared(id) == 0)
  }

  @Test("MA-1 manual add and hold-add") func manualAdd() throws {
    let graph = LineageGraph()
    try graph.edit("sets") { try graph.ensureElephantTagSets() }
    let c = Covariance.sphere(radius: 5)
    let (source, a) = try graph.edit("spots") {
      (
        try graph.addSpot(t: 3, position: .zero, covariance: c),
        try graph.addSpot(t: 3, position: WorldPoint(9), covariance: c, manual: true)
      )
    }
    let (b, link) = try graph.edit("hold-add") {
      let b = try graph.addSpot(t: 4, position: WorldPoint(9), covariance: c, manual: true)
      return (b, try graph.addLink(a, b, manual: true))
    }
    for spot in [a, b] {
      #expect(graph.tagLabel("Detection", spot) == "fn")
      #expect(graph.tagLabel("Tracking", spot) == "Approved")
    }
    #expect(graph.tagLabel("Tracking", link) == "Approved")
    #expect(graph.tagLabel("Detection", link) == nil)
    #expect(graph.tagLabel("Detection", source) == nil && graph.tagLabel("Tracking", source) == nil)
    // Moving and resizing never tag.
    try graph.edit("move") {
      try graph.move(source, to: WorldPoint(1))
      try graph.resize(source, axis: .x, factor: 1.1)
    }
    #expect(graph.tagLabel("Detection", source) == nil)
    // Undo and redo restore what was there, they do not tag anew.
    try graph.edit("clear") {
      try graph.setTag(graph.tagSet(named: "Detection")!, of: b, to: nil)
    }
    try graph.edit("remove") { try graph.remove(b) }
    try graph.undo()
    #expect(graph.tagLabel("Detection", b) == nil && graph.tagLabel("Tracking", b) == "Approved")
  }

  @Test("Manual add, then undo, then redo") func manualUndoRedo() throws {
    let graph = LineageGraph()
    let a = try graph.edit("add") {
      try graph.addSpot(t: 0, position: .zero, covariance: .sphere(radius: 5), manual: true)
    }
    try graph.undo()
    #expect(graph.spotCount == 0 && graph.tagSets.isEmpty)
    try graph.redo()
    #expect(graph.tagLabel("Detection", a) == "fn" && graph.tagLabel("Tracking", a) == "Approved")
    #expect(graph.tagSets.count == 6)
  }

  @Test func toggledLinksAreStoredFromEarlierToLater() throws {
    let graph = LineageGraph()
    try graph.edit("toggle") {
      let early = try graph.add(1)
      let late = try graph.add(4)
      let link = try graph.toggleLink(late, early, manual: true)
      #expect(link != nil && graph.source(link!) == early && graph.target(link!) == late)
      #expect(graph.tagLabel("Tracking", link!) == "Approved")
      #expect(try graph.toggleLink(early, late) == nil)
      #expect(graph.linkCount == 0)
      // A link against time is found and removed from either side.
      try graph.addLink(late, early)
      #expect(try graph.toggleLink(early, late) == nil)
      #expect(graph.linkCount == 0)
    }
  }

  @Test func togglingWithinATimepointIsRefused() throws {
    let graph = LineageGraph()
    try graph.edit("toggle") {
      let a = try graph.add(1)
      let b = try graph.add(1)
      #expect(errorKind { try graph.toggleLink(a, b) } == .argument)
      #expect(errorKind { try graph.toggleLink(a, a) } == .argument)
      #expect(graph.linkCount == 0)
      // Removing what is there is possible.
      try graph.addLink(a, b)
      #expect(try graph.toggleLink(b, a) == nil)
      try graph.addLink(a, a)
      #expect(try graph.toggleLink(a, a) == nil)
      #expect(graph.linkCount == 0)
    }
  }

  @Test func theStoredBoundingRadiusIsKeptUntilTheEllipsoidChanges() throws {
    var table = SpotTable()
    table.append(t: 0, position: .zero, covariance: .sphere(radius: 2))
    table.append(t: 0, position: .zero, covariance: .sphere(radius: 2))
    table.storedRadii = [16, .nan]
    let graph = LineageGraph()
    try graph.load(spots: table)
    #expect(graph.boundingSphereRadiusSquared(SpotID(0)) == 16)
    #expect(graph.boundingSphereRadiusSquared(SpotID(1)) == 4)
    try graph.edit("move") { try graph.move(SpotID(0), to: WorldPoint(1)) }
    #expect(graph.boundingSphereRadiusSquared(SpotID(0)) == 16)
    try graph.edit("resize") { try graph.setCovariance(SpotID(0), .sphere(radius: 3)) }
    #expect(graph.boundingSphereRadiusSquared(SpotID(0)) == 9)
    try graph.edit("remove") { try graph.remove(SpotID(0)) }
    let fresh = try graph.edit("add") { try graph.add(0) }
    #expect(fresh == SpotID(0) && graph.boundingSphereRadiusSquared(fresh) == 25)
    for _ in 0..<3 { try graph.undo() }
    #expect(graph.boundingSphereRadiusSquared(SpotID(0)) == 16)
  }
}
