// Small lineages written as text, in the notation of ELEPHANT's specification: "1(t0) 2(t1) 1>2".

import Core
import Formats
import Foundation
import Imaging
import Lineage

/// Builds projects whose spots have the ids that an example gives them.
enum Fixture {
  /// A project over black images of 4 x 4 x 4 voxels.
  ///
  /// `text` lists spots as `id(t)` and links as `source>target`, in the order in which they are made. Every
  /// spot starts as Detection and Tracking `unlabeled`, every link as Tracking `unlabeled`.
  static func project(_ text: String, timepoints: Int = 10) throws -> Project {
    let graph = LineageGraph()
    var spots: [Int: Int] = [:]
    var links: [(Int, Int)] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      if let arrow = word.firstIndex(of: ">") {
        links.append((Int(word[..<arrow])!, Int(word[word.index(after: arrow)...])!))
      } else {
        let open = word.firstIndex(of: "(")!
        spots[Int(word[..<open])!] = Int(word[open...].dropFirst(2).dropLast())!
      }
    }
    try graph.edit("fixture") {
      try graph.ensureElephantTagSets()
      // Ids are slots: fill all of them, then take away those that the example does not have.
      for id in 0...(spots.keys.max() ?? 0) {
        _ = try graph.addSpot(
          t: spots[id] ?? 0, position: WorldPoint(x: Double(id), y: 0, z: 0),
          covariance: .sphere(radius: 1))
      }
      for (a, b) in links { _ = try graph.addLink(SpotID(UInt32(a)), SpotID(UInt32(b))) }
      for id in 0...(spots.keys.max() ?? 0) where spots[id] == nil {
        try graph.remove(SpotID(UInt32(id)))
      }
    }
    let project = Project(images: try images(timepoints: timepoints), lineage: graph)
    for set in ["Detection", "Tracking"] {
      for id in spots.keys { try tag(project, id, set, "unlabeled") }
    }
    for link in graph.links { try tag(project, link: link, "Tracking", "unlabeled") }
    try graph.clearHistory()
    return project
  }

  static func images(timepoints: Int) throws -> MemoryImageSource {
    let volume = try Volume(zeroed: Size3(x: 4, y: 4, z: 4), type: .uint8)
    return try MemoryImageSource(Array(repeating: [volume], count: timepoints))
  }

  /// Give a spot a tag, or take it away with nil.
  static func tag(_ project: Project, _ id: Int, _ set: String, _ tag: String?) throws {
    let graph = project.lineage
    let set = graph.tagSet(named: set)!
    try graph.edit("tag") {
      try graph.setTag(
        set, of: SpotID(UInt32(id)), to: tag.map { graph.tag(named: $0, in: set)! })
    }
  }

  /// Give a link a tag, or take it away with nil.
  static func tag(_ project: Project, link: LinkID, _ set: String, _ tag: String?) throws {
    let graph = project.lineage
    let set = graph.tagSet(named: set)!
    try graph.edit("tag") {
      try graph.setTag(set, of: link, to: tag.map { graph.tag(named: $0, in: set)! })
    }
  }

  /// The label of a spot's tag.
  static func tag(_ project: Project, _ id: Int, _ set: String) -> String? {
    let graph = project.lineage
    let set = graph.tagSet(named: set)!
    return graph.tag(set, of: SpotID(UInt32(id))).map { graph.tagSets[set].tags[$0].label }
  }

  /// The label of the tag of the first link between two spots.
  static func tag(_ project: Project, _ a: Int, _ b: Int, _ set: String) -> String? {
    let graph = project.lineage
    let set = graph.tagSet(named: set)!
    return graph.link(from: SpotID(UInt32(a)), to: SpotID(UInt32(b)))
      .flatMap { graph.tag(set, of: $0) }.map { graph.tagSets[set].tags[$0].label }
  }

  /// The ids of all spots.
  static func ids(_ project: Project) -> [Int] { project.lineage.spots.map { Int($0.index) } }

  /// A folder for one test's files.
  static func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/howdah-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
