// What spots and links have in common as Lua collections: counting, iterating, choosing by tag or by a
// function, columns of numbers, and the verbs that change all of them in one step.

import Core
import Lineage

/// A collection of spots or links as Lua holds it.
final class Collection<Item: LineageItem> {
  let project: ProjectObject
  let selection: Selection<Item>

  init(_ project: ProjectObject, _ selection: Selection<Item>) {
    self.project = project
    self.selection = selection
  }

  var graph: LineageGraph { project.graph }

  /// How many there are; of everything, without a walk.
  func count() throws -> Int {
    selection.isEverything ? Item.count(in: graph) : try selection.items().count
  }
}
