// Putting predicted spots into a lineage that people have worked on: what was judged stays, what was not is
// replaced, and what is found again is said to be so.

import Core
import Lineage

/// A spot that a detector found.
public struct DetectedSpot: Sendable {
  /// Centre, world units.
  public var position: WorldPoint
  /// Ellipsoid, squared world units.
  public var covariance: Covariance
  /// How sure the detector is; becomes the feature "Detection quality".
  public var quality: Double

  /// A found spot.
  public init(position: WorldPoint, covariance: Covariance, quality: Double) {
    self.position = position
    self.covariance = covariance
    self.quality = quality
  }
}

/// Replaces the predictions of a timepoint by new ones, by the rules of ELEPHANT's "predict spots".
///
/// 1. Judged spots lose the mark that they were predicted: `tp` becomes `fn`, `fp` `tn`, `fb` `tb`.
/// 2. Spots with Detection = `unlabeled` are removed, unless they or one of their links are Approved.
///    (ELEPHANT does not look at the links and silently removes confirmed ones with the spot; see
///    `keepsApprovedLinks`.)
/// 3. A found spot nearer than `suppressionDistance` to a spot that is there is not added; a judged one
///    gets its mark back (`fn` becomes `tp`, `tn` `fp`, `tb` `fb`). All others are added with Detection and
///    Tracking = `unlabeled`. Found spots suppress later ones, so give the best first.
public struct DetectionUpdate: Sendable {
  /// A found spot strictly nearer than this to a spot that is there is not added; world units. ELEPHANT's
  /// default is 3.0.
  public var suppressionDistance = 3.0
  /// The same for spots that are found together; nil for `suppressionDistance`, as in ELEPHANT. A detector that keeps
  /// nuclei apart itself has found daughters that have just parted when it finds two spots side by side.
  public var distanceOfFound: Double?
  /// Move an unlabeled, not approved spot to a larger found one that it suppresses, instead of dropping
  /// the found one. ELEPHANT means to do so, but its comparison of volumes never succeeds.
  public var refit = false
  /// Keep unlabeled spots with an Approved link. ELEPHANT removes them.
  public var keepsApprovedLinks = true
  /// Steps 1 and 2 only touch spots inside this box; world units.
  public var box: WorldBox?

  /// Name of the feature that holds the quality.
  public static let qualityFeature = "Detection quality"

  /// What an update did.
  public struct Counts: Sendable, Equatable {
    /// New spots.
    public var added = 0
    /// Unlabeled spots of before that were removed.
    public var removed = 0
    /// Judged spots that were found again.
    public var confirmed = 0
    /// Found spots that were not added because a spot is there.
    public var suppressed = 0
    /// Unlabeled spots that were moved to a larger found one.
    public var refitted = 0
  }

  /// The rules with ELEPHANT's distance.
  public init() {}

  /// Apply found spots to timepoint `t`. Must run inside an edit of the lineage, after
  /// `ensureElephantTagSets`.
  public func apply(_ found: [DetectedSpot], to lineage: LineageGraph, at t: Timepoint) throws
    -> Counts
  {
    let tags = try ElephantTagIDs(lineage)
    var counts = Counts()
    try refresh(lineage, t, tags, &counts)
    /// Whether a found spot lies on one that is there, and if so, what becomes of them.
    func meets(_ spot: DetectedSpot, _ distance: Double) throws -> Bool {
      let nearest = lineage.nearest(
        to: spot.position, at: t, count: 1, maxDistance: distance
      ).first
      guard let nearest, nearest.squaredDistance < distance * distance else { return false }
      try meet(spot, nearest.id, lineage, tags, &counts)
      return true
    }
    // With a distance of their own, found spots first meet those that were there before any of them.
    let fresh =
      try distanceOfFound == nil ? found : found.filter { try !meets($0, suppressionDistance) }
    for spot in fresh where try !meets(spot, distanceOfFound ?? suppressionDistance) {
      try add(spot, to: lineage, t, tags)
      counts.added += 1
    }
    return counts
  }

  private func refresh(
    _ lineage: LineageGraph, _ t: Timepoint, _ tags: ElephantTagIDs, _ counts: inout Counts
  ) throws {
    let unpredicted = [tags.tp: tags.fn, tags.fp: tags.tn, tags.fb: tags.tb]
    var stale: [SpotID] = []
    for spot in lineage.spots(at: t) {
      if let box, !box.contains(lineage.position(spot)) { continue }
      guard let tag = lineage.tag(tags.detection, of: spot) else { continue }
      if let plain = unpredicted[tag] {
        try lineage.setTag(tags.detection, of: spot, to: plain)
      } else if tag == tags.unlabeled, !isApproved(spot, lineage, tags) {
        stale.append(spot)
      }
    }
    try lineage.remove(stale)
    counts.removed = stale.count
  }

  /// Whether a spot, or a link at it, was confirmed by a person.
  private func isApproved(_ spot: SpotID, _ lineage: LineageGraph, _ tags: ElephantTagIDs) -> Bool {
    if lineage.tag(tags.tracking, of: spot) == tags.approved { return true }
    return keepsApprovedLinks
      && (lineage.outgoing(spot).contains { lineage.tag(tags.tracking, of: $0) == tags.approved }
        || lineage.incoming(spot).contains { lineage.tag(tags.tracking, of: $0) == tags.approved })
  }

  /// A found spot lies on a spot that is there.
  private func meet(
    _ found: DetectedSpot, _ spot: SpotID, _ lineage: LineageGraph, _ tags: ElephantTagIDs,
    _ counts: inout Counts
  ) throws {
    let predicted = [tags.fn: tags.tp, tags.tn: tags.fp, tags.tb: tags.fb]
    let tag = lineage.tag(tags.detection, of: spot)
    if let tag, let confirmed = predicted[tag] {
      try lineage.setTag(tags.detection, of: spot, to: confirmed)
      counts.confirmed += 1
      return
    }
    if refit, tag == tags.unlabeled, !isApproved(spot, lineage, tags),
      found.covariance.determinant > lineage.covariance(spot).determinant
    {
      try lineage.move(spot, to: found.position)
      try lineage.setCovariance(spot, found.covariance)
      try lineage.setFeature(DetectionUpdate.qualityFeature, spot, found.quality)
      counts.refitted += 1
      return
    }
    counts.suppressed += 1
  }

  private func add(
    _ found: DetectedSpot, to lineage: LineageGraph, _ t: Timepoint, _ tags: ElephantTagIDs
  ) throws {
    let spot = try lineage.addSpot(t: t, position: found.position, covariance: found.covariance)
    try lineage.setTag(tags.detection, of: spot, to: tags.unlabeled)
    try lineage.setTag(tags.tracking, of: spot, to: tags.trackingUnlabeled)
    try lineage.setFeature(DetectionUpdate.qualityFeature, spot, found.quality)
  }
}
