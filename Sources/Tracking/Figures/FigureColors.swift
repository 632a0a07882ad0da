// The colours of spots and links in figures: by tag, by track, by a feature, or all alike.

import Core
import Imaging
import Lineage

/// Says in which colour a spot or link is drawn; nil means not at all.
///
/// Tags with opacity 0 hide what carries them, as in Mastodon. What has no tag or value gets the
/// neutral colour. Dark colours are lightened, as the grounds of figures are dark.
struct FigureColors {
  /// The colour of what has no colour of its own.
  static let neutral = Color(r: 190, g: 190, b: 190)

  /// Three times as bright as the grounds, the contrast that WCAG 2 asks of lines in figures; still dark
  /// enough to be seen on bright nuclei and on white paper.
  private static let leastLuminance = 0.13

  private enum Rule {
    case uniform
    case track
    case tags(TagSetID, [Color])
    case feature(String, ClosedRange<Double>)
  }

  private let lineage: LineageGraph
  private let rule: Rule

  /// - Parameters:
  ///   - name: a tag set, "track", "none" or a spot feature, looked for in this order; nil takes
  ///     the tag set "Detection" when spots carry its tags, else tracks.
  ///   - timepoint: features are scaled to the values at this timepoint; nil takes all spots.
  /// - Throws: `.argument` that lists what there is when nothing has this name.
  init(_ name: String?, _ lineage: LineageGraph, timepoint: Timepoint? = nil) throws {
    self.lineage = lineage
    let wanted = name ?? Self.defaultName(lineage)
    if let set = lineage.tagSet(named: wanted) {
      rule = .tags(set, lineage.tagSetInfo(set).tags.map { Self.legible(Color(argb: $0.color)) })
    } else if wanted == "track" {
      rule = .track
    } else if wanted == "none" {
      rule = .uniform
    } else if lineage.featureNames.contains(wanted) {
      let spots = timepoint.map { lineage.spots(at: $0) } ?? lineage.spots
      rule = .feature(wanted, Self.range(spots.compactMap { lineage.feature(wanted, $0) }))
    } else {
      let known = lineage.tagSets.map(\.name) + ["track", "none"] + lineage.featureNames
      throw HowdahError(
        .argument,
        "colour by \"\(wanted)\": no tag set or feature has this name; there are "
          + known.map { "\"\($0)\"" }.joined(separator: ", "))
    }
  }

  /// The colour of a spot; nil hides it.
  func color(_ spot: SpotID) -> Color? {
    switch rule {
    case .uniform: return Self.neutral
    case .track: return Color.distinct(lineage.trackIndex(of: spot))
    case .tags(let set, let colors):
      return Self.visible(lineage.tag(set, of: spot).map { colors[$0] })
    case .feature(let name, let range):
      guard let value = lineage.feature(name, spot), !value.isNaN else { return Self.neutral }
      let part = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
      return Self.legible(Colormap.viridis(part))
    }
  }

  /// The colour of a link; nil hides it. With tags it is that of the link's own tag, otherwise that
  /// of the spot it leads to.
  func color(_ link: LinkID) -> Color? {
    if case .tags(let set, let colors) = rule {
      return Self.visible(lineage.tag(set, of: link).map { colors[$0] })
    }
    return color(lineage.target(link))
  }

  private static func legible(_ color: Color) -> Color {
    color.lightened(toLuminance: leastLuminance)
  }

  private static func visible(_ color: Color?) -> Color? {
    guard let color else { return neutral }
    return color.a == 0 ? nil : color
  }

  private static func defaultName(_ lineage: LineageGraph) -> String {
    let set = lineage.tagSet(named: ElephantTags.detection)
    return set.map { lineage.taggedSpotCount($0) > 0 } == true ? ElephantTags.detection : "track"
  }

  /// From the 2nd to the 98th percentile, so that single extremes do not take the whole scale.
  private static func range(_ values: [Double]) -> ClosedRange<Double> {
    let sorted = values.filter(\.isFinite).sorted()
    guard let first = sorted.first else { return 0...1 }
    let low = sorted[(sorted.count - 1) * 2 / 100]
    let high = sorted[(sorted.count - 1) * 98 / 100]
    return low < high ? low...high : first...first + 1
  }
}
