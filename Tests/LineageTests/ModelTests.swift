// Thousands of random edits, errors, undos and redos against a naive model of the graph.

import Core
import Lineage
import Testing

@Suite struct ModelTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
  func randomEditsMatchANaiveGraph(seed: UInt64) throws {
    var edits = RandomEdits(seed: seed)
    for step in 0..<1500 {
      try edits.step()
      edits.compareSearches()
      if step % 7 == 0 { edits.compare() }
      if step % 31 == 0 { edits.compareTracks() }
    }
    while try edits.undoOne() {}
    #expect(edits.graph.spotCount == 0 && edits.graph.linkCount == 0)
    #expect(edits.graph.tagSets.isEmpty && edits.graph.featureNames.isEmpty)
    #expect(edits.graph.revision == 0 && edits.graph.spotSlots == 0)
    while try edits.redoOne() {}
    edits.compare()
    edits.compareTracks()
  }
}
