// The links that a person should look at first: those with the least between them and their alternative.

import Core
import Lineage

/// Lists automatic links by how doubtful they are.
public enum LinkReview {
  /// What is listed.
  public struct Options: Sendable {
    /// Links into spots of these timepoints; `nil` means all.
    public var timepoints: ClosedRange<Timepoint>?
    /// At most so many.
    public var count = 100
    /// Only links whose Tracking tag is `unlabeled`: those that nobody has judged.
    public var onlyUnlabeled = true
    /// Only links with a margin up to this; 1 lists all.
    public var maxMargin = 1.0

    /// The defaults.
    public init() {}
  }

  /// A link with what is known about it.
  public struct Item: Sendable {
    /// The link.
    public var link: LinkID
    /// See `LinkReason.margin`.
    public var margin: Double
    /// Its cost; nil when it is not known.
    public var cost: Double?
    /// The next best parent, nil when none was near or the alternatives are not remembered.
    public var alternative: SpotID?
    /// One sentence for a person.
    public var text: String
  }

  /// The links with a margin, most doubtful first, ties by id.
  public static func run(
    _ lineage: LineageGraph, reasons: LinkReasons, options: Options = Options(),
    progress: Progress = .none
  ) throws -> [Item] {
    guard let margins = lineage.linkFeatureColumn(LinkReasons.marginFeature) else { return [] }
    var unlabeled: (set: TagSetID, tag: TagID)?
    if options.onlyUnlabeled {
      guard let set = lineage.tagSet(named: ElephantTags.tracking),
        let tag = lineage.tag(named: ElephantTags.unlabeled, in: set)
      else { return [] }
      unlabeled = (set, tag)
    }
    var found: [(margin: Double, link: LinkID)] = []
    for (n, link) in lineage.links.enumerated() {
      if n & 4095 == 0 { try progress.check() }
      let margin = margins[Int(link.index)]
      if margin.isNaN || margin > options.maxMargin { continue }
      if let unlabeled, lineage.tag(unlabeled.set, of: link) != unlabeled.tag { continue }
      if let range = options.timepoints,
        !range.contains(lineage.timepoint(lineage.target(link)))
      {
        continue
      }
      found.append((margin, link))
    }
    found.sort { ($0.margin, $0.link) < ($1.margin, $1.link) }
    return found.prefix(max(0, options.count)).map { item($0.link, $0.margin, lineage, reasons) }
  }

  private static func item(
    _ link: LinkID, _ margin: Double, _ lineage: LineageGraph, _ reasons: LinkReasons
  ) -> Item {
    let cost = lineage.feature(LinkReasons.costFeature, link)
    guard let reason = reasons.reason(for: link, in: lineage) else {
      return Item(
        link: link, margin: margin, cost: cost, alternative: nil,
        text: "linked in an earlier session; link again to see the alternatives")
    }
    let present = reason.alternatives.first { lineage.isCurrent($0.parent) }
    let alternative =
      present.flatMap { $0.cost <= reason.aloneCost || reason.method == .global ? $0 : nil }
    let text: String
    switch (reason.step, alternative) {
    case (_, let other?) where other.cost < reason.cost:
      text = "spot \(other.parent.id) would fit better but was given to another child"
    case (.split, _): text = "a second daughter, or the beginning of a new track"
    case (.merge, _): text = "two tracks become one, or one of them ends"
    case (.gap, nil): text = "after a gap, or the beginning of a new track"
    case (_, let other?): text = "spot \(other.parent.id) fits nearly as well"
    case (.link, nil): text = "far from its parent, or the beginning of a new track"
    }
    return Item(
      link: link, margin: margin, cost: cost, alternative: alternative?.parent.id, text: text)
  }
}
