// Transactions, undo and redo: names, nesting, cost, limits.

import Core
import Lineage
import Testing

@Suite struct HistoryTests {
  @Test func anErrorRollsEverythingBack() throws {
    let graph = try chain(3)
    let (before, revision) = (graph.changeCount, graph.revision)
    #expect(throws: Failure.self) {
      try graph.edit("fails") {
        try graph.removeAll()
        try graph.ensureElephantTagSets()
        _ = try graph.add(0)
        throw Failure()
      }
    }
    #expect(graph.spotCount == 3 && graph.linkCount == 2 && graph.tagSets.isEmpty)
    #expect(graph.undoNames.isEmpty && graph.redoNames.isEmpty && !graph.isEditing)
    #expect(graph.revision == revision && graph.changeCount > before)
    #expect(graph.outgoing(SpotID(0)).map { graph.target($0).index } == [1])
  }

  @Test func anEditInsideAnEditJoinsIt() throws {
    let graph = LineageGraph()
    try graph.edit("outer") {
      _ = try graph.add(0)
      try graph.edit("inner") { _ = try graph.add(1) }
      #expect(graph.isEditing)
      // An inner failure that the outer edit survives takes back what the inner one did.
      do {
        try graph.edit("inner") {
          _ = try graph.add(2)
          throw Failure()
        }
      } catch is Failure {}
      #expect(graph.spotCount == 2)
    }
    #expect(graph.undoNames == ["outer"])
    try graph.undo()
    #expect(graph.spotCount == 0)
  }

  @Test func anEditThatChangesNothingLeavesNoUndoPoint() throws {
    let graph = try chain(2)
    try graph.edit("nothing") {}
    try graph.edit("same values") {
      try graph.move(SpotID(0), to: graph.position(SpotID(0)))
      try graph.setCovariance(SpotID(0), graph.covariance(SpotID(0)))
      try graph.setLabel(SpotID(0), nil)
      try graph.setFeature("f", SpotID(0), nil)
    }
    #expect(graph.undoNames.isEmpty)
  }

  @Test func namesAndTheOrderOfUndoAndRedo() throws {
    let graph = LineageGraph()
    for name in ["a", "b", "c"] { try graph.edit(name) { _ = try graph.add(0) } }
    #expect(graph.undoNames == ["a", "b", "c"] && graph.redoNames.isEmpty)
    try graph.undo()
    try graph.undo()
    #expect(graph.undoNames == ["a"] && graph.redoNames == ["c", "b"])
    try graph.redo()
    #expect(graph.undoNames == ["a", "b"] && graph.redoNames == ["c"])
    try graph.edit("d") { _ = try graph.add(0) }
    #expect(graph.undoNames == ["a", "b", "d"] && graph.redoNames.isEmpty)
  }

  @Test func joinedEditsAreOneUndoPoint() throws {
    let graph = LineageGraph()
    try graph.edit("before") { _ = try graph.add(0) }
    let mark = graph.historyMark
    graph.joinEdits(since: mark)
    #expect(graph.undoNames == ["before"])
    try graph.edit("alone") { _ = try graph.add(1) }
    graph.joinEdits(since: mark)
    #expect(graph.undoNames == ["before", "alone"])
    for i in 2..<5 { try graph.edit("add") { _ = try graph.add(i) } }
    let revision = graph.revision
    graph.joinEdits(since: mark)
    #expect(graph.undoNames == ["before", "alone and 3 more"] && graph.revision == revision)
    try graph.undo()
    #expect(graph.spotCount == 1 && graph.redoNames == ["alone and 3 more"])
    try graph.redo()
    #expect(graph.spotCount == 5 && graph.revision == revision)
    // What was undone in between is no part of it, and labels and tag sets travel along.
    let later = graph.historyMark
    try graph.undo()
    try graph.edit("set") { try graph.ensureElephantTagSets() }
    try graph.edit("set") { try graph.setLabel(SpotID(0), "founder") }
    graph.joinEdits(since: later)
    #expect(graph.undoNames == ["before", "set, 2 times"])
    try graph.undo()
    #expect(graph.tagSets.isEmpty && graph.label(SpotID(0)) == nil && graph.spotCount == 1)
  }

  @Test func theRevisionTellsWhetherTheContentIsTheSame() throws {
    let graph = LineageGraph()
    try graph.edit("a") { _ = try graph.add(0) }
    let saved = graph.revision
    try graph.edit("b") { _ = try graph.add(0) }
    let later = graph.revision
    #expect(later != saved)
    try graph.undo()
    #expect(graph.revision == saved)
    try graph.redo()
    #expect(graph.revision == later)
    try graph.undo()
    try graph.edit("c") { _ = try graph.add(0) }
    #expect(graph.revision != saved && graph.revision != later)
  }

  @Test func theRevisionChangesInsideAnEdit() throws {
    let graph = LineageGraph()
    let before = graph.revision
    #expect(throws: Failure.self) {
      try graph.edit("a") {
        #expect(graph.revision == before)
        _ = try graph.add(0)
        let one = graph.revision
        _ = try graph.add(0)
        #expect(one != before && graph.revision != before && graph.revision != one)
        throw Failure()
      }
    }
    #expect(graph.revision == before)
  }

  @Test func tensOfThousandsOfSmallEditsAreCheap() throws {
    let graph = LineageGraph()
    graph.historyLimit = 2_000_000
    for i in 0..<50_000 { try graph.edit("edit") { _ = try graph.add(i % 100) } }
    #expect(graph.historyFootprint <= 2_000_000 && graph.undoNames.count > 1000)
    let kept = graph.undoNames.count
    for _ in 0..<kept { try graph.undo() }
    #expect(graph.spotCount == 50_000 - kept && graph.redoNames.count == kept)
    try graph.edit("other") { _ = try graph.add(0) }
    #expect(graph.historyFootprint < 1000)
  }

  @Test func undoOfASpotWithManyLinksDoesNotWalkThemAgainAndAgain() throws {
    // With a walk for each link this would take 5 * 10^9 steps.
    let graph = LineageGraph()
    let n = 100_000
    try graph.edit("hub") {
      let hub = try graph.add(0)
      for _ in 0..<n { try graph.addLink(hub, try graph.add(1)) }
    }
    try graph.undo()
    try graph.redo()
    #expect(graph.outgoing(SpotID(0)).map { graph.target($0).index } == Array(1...UInt32(n)))
    try graph.edit("remove") { try graph.remove(SpotID(0)) }
    try graph.undo()
    #expect(graph.outDegree(SpotID(0)) == n)
  }

  @Test func manyLinksOfOneSpotAreRemovedInAnyOrderWithoutWalkingThemAgainAndAgain() throws {
    let n = 100_000
    let graph = LineageGraph()
    try graph.edit("hubs") {
      let (hub, sink) = (try graph.add(0), try graph.add(2))
      for _ in 0..<n {
        let spot = try graph.add(1)
        try graph.addLink(hub, spot)
        try graph.addLink(spot, sink)
      }
    }
    let (links, order) = (graph.links, graph.outgoing(SpotID(0)).map(\.index))
    try graph.edit("everything") { try graph.removeAll() }
    try graph.undo()
    try graph.edit("last first") { try graph.remove(links.reversed()) }
    try graph.undo()
    var random = SeededRandom(seed: 3)
    var shuffled = links
    for i in shuffled.indices { shuffled.swapAt(i, random.below(shuffled.count)) }
    try graph.edit("any order") { try graph.remove(Array(shuffled.prefix(2 * n - 10))) }
    #expect(graph.linkCount == 10)
    let left = Set(shuffled.suffix(10).map(\.index))
    #expect(graph.outgoing(SpotID(0)).map(\.index) == order.filter(left.contains))
    try graph.undo()
    #expect(graph.outgoing(SpotID(0)).map(\.index) == order)
    #expect(graph.incoming(SpotID(1)).map { graph.source($0).index } == Array(2..<UInt32(n + 2)))
  }

  @Test func undoInsideAnEditIsRefused() throws {
    let graph = LineageGraph()
    try graph.edit("a") { _ = try graph.add(0) }
    try graph.edit("b") {
      #expect(errorKind { try graph.undo() } == .state)
      #expect(errorKind { try graph.redo() } == .state)
      #expect(errorKind { try graph.clearHistory() } == .state)
    }
    #expect(graph.spotCount == 1)
    try graph.clearHistory()
    #expect(graph.undoNames.isEmpty)
  }

  @Test func memoryIsInProportionToTheEdit() throws {
    let graph = try chain(200_000)
    try graph.edit("sets") { try graph.ensureElephantTagSets() }
    try graph.clearHistory()
    try graph.edit("one") { try graph.move(SpotID(7), to: .zero) }
    #expect(graph.historyFootprint < 1000)
    try graph.edit("remove") { try graph.remove(SpotID(100_000)) }
    #expect(graph.historyFootprint < 2000)
    try graph.edit("tag") { try graph.setTag(0, ofSpots: graph.spots, to: 1) }
    #expect(graph.historyFootprint < 200_000 * 10)
  }

  @Test func theOldestUndoPointsAreForgottenBeyondTheLimit() throws {
    let graph = LineageGraph()
    graph.historyLimit = 100_000
    for k in 0..<100 {
      try graph.edit("edit \(k)") { for _ in 0..<500 { _ = try graph.add(k) } }
    }
    #expect(graph.historyFootprint <= 100_000)
    #expect(graph.undoNames.last == "edit 99" && graph.undoNames.count < 100)
    let kept = graph.undoNames.count
    for _ in 0..<kept { try graph.undo() }
    #expect(graph.spotCount == (100 - kept) * 500)
    // The last one can be undone however large it is.
    graph.historyLimit = 10
    try graph.edit("large") { for _ in 0..<500 { _ = try graph.add(0) } }
    try graph.undo()
    #expect(graph.spotCount == (100 - kept) * 500)
  }

  @Test func featuresTravelWithUndo() throws {
    let graph = try chain(3)
    try graph.edit("quality") {
      try graph.setFeature("Detection quality", SpotID(1), 0.5)
      try graph.setFeature("Link cost", LinkID(1), 2)
    }
    #expect(graph.featureNames == ["Detection quality"] && graph.linkFeatureNames == ["Link cost"])
    try graph.edit("remove") { try graph.remove(SpotID(1)) }
    let new = try graph.edit("add") { try graph.add(0) }
    #expect(new == SpotID(1) && graph.feature("Detection quality", new) == nil)
    try graph.undo()
    try graph.undo()
    #expect(graph.feature("Detection quality", SpotID(1)) == 0.5)
    #expect(graph.feature("Link cost", LinkID(1)) == 2)
    try graph.edit("drop") {
      try graph.removeFeature("Detection quality")
      try graph.removeLinkFeature("Link cost")
    }
    #expect(graph.featureNames.isEmpty && graph.feature("Link cost", LinkID(1)) == nil)
    try graph.undo()
    #expect(graph.feature("Detection quality", SpotID(1)) == 0.5)
    try graph.undo()
    #expect(graph.featureNames.isEmpty && graph.linkFeatureNames.isEmpty)
    try graph.edit("many") {
      try graph.setFeature("f", ofSpots: graph.spots, to: [1, .nan, 3])
      #expect(errorKind { try graph.setFeature("f", ofSpots: graph.spots, to: [1]) } == .argument)
    }
    #expect(graph.spots.map { graph.feature("f", $0) } == [1, nil, 3])
    #expect(graph.feature("f", LinkID(0)) == nil && graph.feature("g", SpotID(0)) == nil)
  }
}
