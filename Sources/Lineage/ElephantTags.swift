// The six tag sets of ELEPHANT, their tags and colours, and the tags that manual work gets.

import Core

/// Names and colours of ELEPHANT's tag sets, in their order. Comparisons are by exact name.
public enum ElephantTags {
  /// What a detector learns from a spot.
  public static let detection = "Detection"
  /// Whether a spot or link was confirmed.
  public static let tracking = "Tracking"
  /// Which progenitor a lineage comes from.
  public static let progenitor = "Progenitor"
  /// Whether a track is finished; carried by its root.
  public static let status = "Status"
  /// Where divisions are.
  public static let division = "Division"
  /// Whether a lineage divides at all.
  public static let proliferator = "Proliferator"

  /// The names of the six sets in order.
  public static let setNames = [detection, tracking, progenitor, status, division, proliferator]

  /// True positive of the detector: accepted, was predicted.
  public static let tp = "tp"
  /// False positive: rejected, was predicted.
  public static let fp = "fp"
  /// True negative: rejected, was not predicted.
  public static let tn = "tn"
  /// False negative: accepted, was not predicted; manual spots get it.
  public static let fn = "fn"
  /// True border.
  public static let tb = "tb"
  /// False border.
  public static let fb = "fb"
  /// Predicted and not judged yet. Not the same as having no tag.
  public static let unlabeled = "unlabeled"
  /// Confirmed by a person.
  public static let approved = "Approved"
  /// A finished track.
  public static let completed = "Completed"

  /// Opaque cyan.
  public static let cyan: UInt32 = 0xFF00_FFFF
  /// Opaque magenta.
  public static let magenta: UInt32 = 0xFFFF_00FF
  /// Opaque orange.
  public static let orange: UInt32 = 0xFFFF_C800
  /// Opaque green.
  public static let green: UInt32 = 0xFF00_FF00
  /// Opaque yellow.
  public static let yellow: UInt32 = 0xFFFF_FF00
  /// Opaque red.
  public static let red: UInt32 = 0xFFFF_0000
  /// Opaque pink.
  public static let pink: UInt32 = 0xFFFF_AFAF
  /// Fully transparent; ELEPHANT writes it with 1 in each colour channel.
  public static let transparent: UInt32 = 0x0001_0101

  /// The two colour schemes of the Detection set.
  public enum DetectionColors: String, CaseIterable, Sendable {
    /// One colour for each role in training; the default.
    case basic = "Basic"
    /// One colour for each tag.
    case advanced = "Advanced"

    /// Label and colour (0xAARRGGBB) of each Detection tag, in order.
    public var tags: [Tag] {
      let isBasic = self == .basic
      return [
        Tag(label: tp, color: cyan), Tag(label: fp, color: magenta),
        Tag(label: tn, color: isBasic ? magenta : red),
        Tag(label: fn, color: isBasic ? cyan : yellow),
        Tag(label: tb, color: orange), Tag(label: fb, color: isBasic ? orange : pink),
        Tag(label: unlabeled, color: green),
      ]
    }
  }

  /// The six sets with their tags and colours, in order.
  public static let sets: [TagSetInfo] = {
    let lineages = progenitorColors.enumerated().map { Tag(label: String($0 + 1), color: $1) }
    return [
      TagSetInfo(name: detection, tags: DetectionColors.basic.tags),
      TagSetInfo(
        name: tracking,
        tags: [Tag(label: approved, color: cyan), Tag(label: unlabeled, color: green)]),
      TagSetInfo(name: progenitor, tags: lineages + [Tag(label: unlabeled, color: transparent)]),
      TagSetInfo(name: status, tags: [Tag(label: completed, color: cyan)]),
      TagSetInfo(
        name: division,
        tags: [
          Tag(label: "Dividing", color: cyan), Tag(label: "Divided", color: yellow),
          Tag(label: "Non-dividing", color: magenta), Tag(label: "Invisible", color: transparent),
        ]),
      TagSetInfo(
        name: proliferator,
        tags: [
          Tag(label: "Proliferator", color: cyan), Tag(label: "Non-proliferator", color: magenta),
          Tag(label: "Invisible", color: transparent),
        ]),
    ]
  }()
}

extension LineageGraph {
  /// Make the six tag sets of ELEPHANT where they are missing, in their order at the end of the
  /// list, and add tags that are missing from sets that are there. Existing tags keep their order
  /// and colours.
  public func ensureElephantTagSets() throws {
    _ = try requireEdit()
    for wanted in ElephantTags.sets {
      guard let set = tagSet(named: wanted.name) else {
        try addTagSet(name: wanted.name, tags: wanted.tags)
        continue
      }
      for tag in wanted.tags where self.tag(named: tag.label, in: set) == nil {
        try addTag(tag, to: set)
      }
    }
  }

  /// Colour the tags of the Detection set; other tags in the set keep their colours.
  /// - Throws: `state` when there is no Detection set.
  public func setDetectionColors(_ colors: ElephantTags.DetectionColors) throws {
    _ = try requireEdit()
    guard let set = tagSet(named: ElephantTags.detection) else {
      throw HowdahError(.state, "Detection tag set not found")
    }
    for wanted in colors.tags {
      if let tag = tag(named: wanted.label, in: set) { try setColor(set, tag, wanted.color) }
    }
  }

  /// The tags of a spot that a person made: Detection fn, Tracking Approved.
  func tagAsManual(_ spot: SpotID) throws {
    let (detection, fn) = try elephantTag(ElephantTags.detection, ElephantTags.fn)
    try setTag(detection, of: spot, to: fn)
    let (tracking, approved) = try elephantTag(ElephantTags.tracking, ElephantTags.approved)
    try setTag(tracking, of: spot, to: approved)
  }

  /// The tag of a link that a person made: Tracking Approved.
  func tagAsManual(_ link: LinkID) throws {
    let (tracking, approved) = try elephantTag(ElephantTags.tracking, ElephantTags.approved)
    try setTag(tracking, of: link, to: approved)
  }

  /// A tag of ELEPHANT, made together with all others when it is missing.
  private func elephantTag(_ name: String, _ label: String) throws -> (TagSetID, TagID) {
    for isEnsured in [false, true] {
      if isEnsured { try ensureElephantTagSets() }
      if let set = tagSet(named: name), let tag = tag(named: label, in: set) { return (set, tag) }
    }
    throw HowdahError(.internal, "tag \(name)/\(label) is missing")
  }
}
