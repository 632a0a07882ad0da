// The numbers of ELEPHANT's tags in one lineage, looked up once instead of by name in every loop.

import Core
import Lineage

/// Tags of the sets `Detection` and `Tracking`.
struct ElephantTagIDs {
  let detection, tracking: TagSetID
  let tp, fp, tn, fn, tb, fb, unlabeled: TagID
  let approved, trackingUnlabeled: TagID
  /// The Tracking tag `Rejected`, which ELEPHANT does not have; nil unless somebody has added it.
  let rejected: TagID?

  /// Throws `.state` when a set or tag is missing; `ensureElephantTagSets` makes them.
  init(_ lineage: LineageGraph) throws {
    func set(_ name: String) throws -> TagSetID {
      guard let set = lineage.tagSet(named: name) else {
        throw HowdahError(.state, "the project has no tag set \"\(name)\"")
      }
      return set
    }
    func tag(_ label: String, _ set: TagSetID) throws -> TagID {
      guard let tag = lineage.tag(named: label, in: set) else {
        throw HowdahError(
          .state, "tag set \"\(lineage.tagSetInfo(set).name)\" has no tag \"\(label)\"")
      }
      return tag
    }
    detection = try set("Detection")
    tracking = try set("Tracking")
    tp = try tag("tp", detection)
    fp = try tag("fp", detection)
    tn = try tag("tn", detection)
    fn = try tag("fn", detection)
    tb = try tag("tb", detection)
    fb = try tag("fb", detection)
    unlabeled = try tag("unlabeled", detection)
    approved = try tag("Approved", tracking)
    trackingUnlabeled = try tag("unlabeled", tracking)
    rejected = lineage.tag(named: "Rejected", in: tracking)
  }
}
