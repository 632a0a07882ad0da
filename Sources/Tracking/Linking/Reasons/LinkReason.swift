// Why a linker made a link: what it cost, what else was possible, and how little lay between.

import Core
import Lineage

/// The reason for one automatic link.
public struct LinkReason: Sendable {
  /// Which linker made it.
  public enum Method: UInt8, Sendable, CaseIterable {
    /// Nearest neighbours, one child after another.
    case nearest
    /// Linear assignment, a frame at a time, then gaps, splits and merges.
    case lap
    /// The optimum over the whole movie.
    case global
  }

  /// What kind of step the link is.
  public enum Step: UInt8, Sendable, CaseIterable {
    /// From one frame to the next.
    case link
    /// Over skipped frames.
    case gap
    /// To a daughter.
    case split
    /// Of a track that ends into one that goes on.
    case merge
  }

  /// Another parent that the child might have got.
  public struct Alternative: Sendable, Equatable {
    /// The spot; stale when it was removed since.
    public var parent: SpotRef
    /// What that link would have cost.
    public var cost: Double

    /// A possible parent and its cost.
    public init(parent: SpotRef, cost: Double) {
      self.parent = parent
      self.cost = cost
    }
  }

  /// Which linker made it.
  public var method: Method
  /// What kind of step it is.
  public var step: Step
  /// What the link cost: squared world units for `nearest` and `lap` (times penalties), natural logarithms of
  /// probabilities for `global`.
  public var cost: Double
  /// What it would have cost to leave the child without a parent.
  public var aloneCost: Double
  /// How sure the choice is: 0 or less where another was as good, 1 where nothing else came near. `nearest` and
  /// `lap`: the share of the next best choice's cost that is saved; `global`: 1 minus the likelihood of the
  /// next best choice relative to this one.
  public var margin: Double
  /// Where the child was expected in the parent's frame by flow or motion (world units); nil where its own
  /// place was used.
  public var expected: WorldPoint?
  /// The cheapest other parents, cheapest first; at most `LinkReasons.alternativesKept`.
  public var alternatives: [Alternative]

  /// A reason from its parts.
  public init(
    method: Method, step: Step, cost: Double, aloneCost: Double, margin: Double,
    expected: WorldPoint? = nil, alternatives: [Alternative] = []
  ) {
    self.method = method
    self.step = step
    self.cost = cost
    self.aloneCost = aloneCost
    self.margin = margin
    self.expected = expected
    self.alternatives = alternatives
  }

  /// The margin of a choice by squared distance: how much of the next best cost is saved.
  static func margin(cost: Double, loss: Double) -> Double {
    let next = cost + loss
    return next > 0 ? loss / next : loss < 0 ? -1 : 0
  }
}
