// What linkers read of a lineage, copied once into plain arrays by frame: so that many frames can be worked
// on at once, and the lineage is only touched again to write the links.

import Core
import Lineage

/// Linkable spots by frame. A spot is known by its place in the arrays; places ascend by timepoint, then id.
struct SpotFrames: Sendable {
  /// The first frame.
  let first: Timepoint
  /// Places of the spots of frame `first + f` are `frameStart[f] ..< frameStart[f + 1]`.
  private(set) var frameStart: [Int] = [0]
  private(set) var spots: [SpotID] = []
  private(set) var positions: [WorldPoint] = []
  /// Whether the spot looks for a parent: it is in the timepoints and the box that were asked for, and has
  /// no parent that stays.
  private(set) var seeks: [Bool] = []
  /// Links out of the spot that stay; rejected ones do not count.
  private(set) var children: [UInt8] = []
  /// The frame of each spot.
  private(set) var timepoint: [Timepoint] = []

  /// Read the frames `first ... last`; spots of `sought` look for a parent.
  init(
    _ lineage: LineageGraph, frames: ClosedRange<Timepoint>, sought: ClosedRange<Timepoint>,
    box: WorldBox?, linkable: LinkableTags, _ tags: ElephantTagIDs,
    _ progress: Progress
  ) throws {
    func counts(_ link: LinkID) -> Bool {
      tags.rejected == nil || lineage.tag(tags.tracking, of: link) != tags.rejected
    }
    first = frames.lowerBound
    for t in frames {
      try progress.check()
      lineage.withSpots(at: t) { list in
        for spot in list where linkable.contains(spot, lineage) {
          let position = lineage.position(spot)
          spots.append(spot)
          positions.append(position)
          timepoint.append(t)
          children.append(UInt8(clamping: lineage.outgoing(spot).count(where: counts)))
          seeks.append(
            sought.contains(t) && (box?.contains(position) ?? true)
              && !lineage.incoming(spot).contains(where: counts))
        }
      }
      frameStart.append(spots.count)
    }
  }

  /// Remove the links into spots of `sought` that nobody has judged, and read those frames with up to `back` before
  /// them. Answers how many links were removed, too.
  static func clear(
    _ lineage: LineageGraph, into sought: ClosedRange<Timepoint>, back: Int, box: WorldBox?,
    _ tags: ElephantTagIDs, _ progress: Progress
  ) throws -> (frames: SpotFrames, cleared: Int) {
    let cleared = try lineage.clearLinks(
      into: sought, tagged: tags.trackingUnlabeled, in: tags.tracking, box: box, progress)
    let earliest = max(lineage.timepoints?.lowerBound ?? 0, sought.lowerBound - back)
    let frames = try SpotFrames(
      lineage, frames: earliest...sought.upperBound, sought: sought, box: box,
      linkable: LinkableTags(lineage, tags.detection), tags, progress)
    return (frames, cleared)
  }

  /// Number of spots.
  var count: Int { spots.count }
  /// Number of frames.
  var frames: Int { frameStart.count - 1 }

  /// How many spots that look for a parent do not get one by these links.
  func unlinked(_ links: [ChosenLink]) -> Int {
    var isAlone = seeks
    for link in links where link.step != .merge { isAlone[link.child] = false }
    return isAlone.reduce(0) { $0 + ($1 ? 1 : 0) }
  }

  /// Places of the spots at a timepoint; empty outside of what was read.
  func places(at t: Timepoint) -> Range<Int> {
    let f = t - first
    return f < 0 || f >= frames ? 0..<0 : frameStart[f]..<frameStart[f + 1]
  }
}

/// Which spots may be linked: those whose Detection tag is tp, fn or unlabeled.
struct LinkableTags {
  private let detection: TagSetID
  private let isLinkable: [Bool]

  init(_ lineage: LineageGraph, _ detection: TagSetID) {
    self.detection = detection
    isLinkable = lineage.tagSetInfo(detection).tags.map {
      [ElephantTags.tp, ElephantTags.fn, ElephantTags.unlabeled].contains($0.label)
    }
  }

  @inline(__always)
  func contains(_ spot: SpotID, _ lineage: LineageGraph) -> Bool {
    guard let tag = lineage.tag(detection, of: spot) else { return false }
    return isLinkable[tag]
  }
}

extension LineageGraph {
  /// Remove the links with this tag (Tracking `unlabeled`) into spots of these timepoints; with a box those
  /// with both ends inside. Answers how many.
  func clearLinks(
    into timepoints: ClosedRange<Timepoint>, tagged tag: TagID, in set: TagSetID, box: WorldBox?,
    _ progress: Progress
  ) throws -> Int {
    var stale: [LinkID] = []
    for t in timepoints {
      try progress.check()
      withSpots(at: t) { spots in
        for spot in spots {
          for link in incoming(spot) where self.tag(set, of: link) == tag {
            if let box, !box.contains(position(spot)) || !box.contains(position(source(link))) {
              continue
            }
            stale.append(link)
          }
        }
      }
    }
    try remove(stale)
    return stale.count
  }
}

extension LineageGraph {
  /// The timepoints whose spots can get a parent: the wanted ones (nil for all) that there are, but timepoint 0. Nil
  /// when there are none.
  func linked(_ wanted: ClosedRange<Timepoint>?) -> ClosedRange<Timepoint>? {
    guard let present = timepoints else { return nil }
    let wanted = wanted ?? present
    let first = max(1, wanted.lowerBound, present.lowerBound)
    let last = min(wanted.upperBound, present.upperBound)
    return first <= last ? first...last : nil
  }
}
