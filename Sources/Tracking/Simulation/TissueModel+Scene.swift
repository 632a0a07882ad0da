// One moment of a tissue's life, or two that follow each other, for pictures that stand alone: nuclei of all ages and
// stages at their places.

import Core

extension TissueModel {
  /// Nuclei at one moment, without the frames before it.
  ///
  /// - Parameters:
  ///   - dividing: share of nuclei between condensation and the rounding up of the daughters.
  ///   - dying: share of nuclei that die or have fallen into crumbs.
  ///   - settling: how many times overlapping nuclei are pushed apart; few steps leave them touching.
  mutating func moment(
    dividing: Double, dying: Double, settling: Int, progress: Progress = .none
  ) throws -> [Nucleus] {
    var staged: [Cell] = []
    staged.reserveCapacity(cells.count + 8)
    for var cell in cells {
      cell.growth = random.uniform(0.75, 1)
      let chance = random.uniform()
      if chance < dying {
        let age = random.below(7)
        cell.stage = age < 3 ? .dying(age) : .debris(age - 3)
      } else if chance < dying + dividing {
        switch random.below(10) {
        case 0, 1: cell.stage = .condensing(random.below(2))
        case 2, 3, 4: cell.stage = .metaphase(0)
        default:
          part(cell, frames: random.below(5), into: &staged)
          continue
        }
      }
      staged.append(cell)
    }
    cells = staged
    try settle(steps: settling, progress)
    return snapshot()
  }

  /// The two daughters of a cell, some frames after the chromatids parted.
  private mutating func part(_ mother: Cell, frames: Int, into cells: inout [Cell]) {
    divide(mother, into: &cells)
    let way = 1 + 0.42 * Double(frames)
    for i in cells.count - 2..<cells.count {
      cells[i].position =
        mother.position + (cells[i].position - mother.position) * way
      cells[i].stage = .parting(frames)
    }
  }

  /// Nuclei at one moment and one frame later, with divisions between.
  ///
  /// - Parameters:
  ///   - dividing: share of nuclei that divide, have just divided or soon will.
  ///   - stirred: where the tissue takes what is at a place.
  mutating func pair(
    dividing: Double, settling: Int, progress: Progress = .none,
    stirred: (WorldPoint) -> WorldPoint = { $0 }
  ) throws -> ([Nucleus], [Nucleus]) {
    for i in cells.indices {
      cells[i].growth = random.uniform(0.75, 1)
      guard random.uniform() < dividing else { continue }
      switch random.below(8) {
      case 0: cells[i].stage = .condensing(random.below(2))
      case 1: cells[i].stage = .metaphase(0)
      case 2, 3: cells[i].stage = .parting(random.below(5))
      // The last frame of a plate: two daughters come next.
      default: cells[i].stage = .metaphase(o.metaphaseFrames - 1)
      }
    }
    try settle(steps: settling, progress)
    let before = snapshot()
    for i in cells.indices { cells[i].position = stirred(cells[i].position) }
    try step(1, progress)
    return (before, snapshot())
  }
}
