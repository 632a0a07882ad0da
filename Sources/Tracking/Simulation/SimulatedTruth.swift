// The truth of a simulated movie as a lineage.

import Core
import Lineage

/// Writes the nuclei that an annotator would mark, and who came from whom.
struct SimulatedTruth {
  private let o: Simulator.Options
  private let shape: TissueShape

  init(_ options: Simulator.Options, _ shape: TissueShape) {
    o = options
    self.shape = shape
  }

  /// Add spots, links and tags. Must run inside an edit.
  func write(_ frames: [[Nucleus]], to lineage: LineageGraph, _ progress: Progress) throws {
    try lineage.ensureElephantTagSets()
    let tags = try ElephantTagIDs(lineage)
    var names: [Int32: String] = [:]
    var daughters: [Int32: Int] = [:]
    var before: [Int32: SpotID] = [:]
    var spots: [SpotID] = []
    var links: [LinkID] = []
    for (t, nuclei) in frames.enumerated() {
      try progress.check()
      var now: [Int32: SpotID] = [:]
      for nucleus in nuclei where !nucleus.isDebris {
        if o.labels, names[nucleus.cell] == nil {
          let mother = nucleus.mother >= 0 ? names[nucleus.mother] : nil
          let birth = daughters[nucleus.mother, default: 0] + 1
          daughters[nucleus.mother] = birth
          names[nucleus.cell] = mother.map { "\($0).\(birth)" } ?? "\(nucleus.cell)"
        }
        guard isMarked(nucleus) else { continue }
        let spot = try lineage.addSpot(
          t: t, position: nucleus.position, covariance: nucleus.covariance)
        now[nucleus.cell] = spot
        spots.append(spot)
        if let name = names[nucleus.cell] { try lineage.setLabel(spot, name) }
        let parent = before[nucleus.mother >= 0 ? nucleus.mother : nucleus.cell]
        if let parent { links.append(try lineage.addLink(parent, spot)) }
      }
      before = now
    }
    try lineage.setTag(tags.detection, ofSpots: spots, to: tags.fn)
    try lineage.setTag(tags.tracking, ofSpots: spots, to: tags.approved)
    try lineage.setTag(tags.tracking, ofLinks: links, to: tags.approved)
    if let status = lineage.tagSet(named: ElephantTags.status) {
      let completed = lineage.tag(named: ElephantTags.completed, in: status)
      try lineage.setTag(status, ofSpots: lineage.roots(), to: completed)
    }
  }

  /// Whether an annotator would mark a nucleus: its centre is in the field, and it can be seen.
  private func isMarked(_ n: Nucleus) -> Bool {
    guard shape.field.contains(n.position) else { return false }
    let fade = exponential(-shape.depth(n.position) / o.attenuation)
    let signal = o.photons * n.brightness * fade
    let dark = o.background * fade
    let read = o.readNoise / o.gain
    let noise = ((signal + dark) * (1 + o.excessNoise * o.excessNoise) + read * read).squareRoot()
    return signal >= o.visible * max(noise, 1e-9)
  }
}
