// Adding the content of another Mastodon project (client specification 5.8).

import Core
import Lineage

/// What an import added.
public struct ImportCounts: Hashable, Sendable {
  /// New spots.
  public var spots = 0
  /// New links.
  public var links = 0
  /// New tag sets.
  public var tagSets = 0
  /// New tags, those of new sets included.
  public var tags = 0

  /// Nothing added yet.
  public init() {}
}

extension Project {
  /// Add the spots, links, tags, labels and features of another Mastodon project to this one.
  ///
  /// Nothing is cleared and nothing compared: importing twice doubles. Images, timepoints and units of the
  /// other project are not looked at. Tag sets are matched by name: those that are here keep their colours
  /// and get the tags they lack appended, others are made. Spots come in the order of their ids, then the
  /// links, for each spot in order its incoming ones; no tags are given automatically.
  ///
  /// All or nothing, one undo point. (ELEPHANT stops half-way when a tag has to be appended, and loses labels
  /// and features.)
  /// - Throws: what opening the other project throws, `.interrupted`.
  @discardableResult
  public func importMastodon(_ path: String, progress: Progress = .none) throws -> ImportCounts {
    let source = try MastodonReader.lineage(of: path, progress: progress)
    return try lineage.edit("import \(ProjectPath.name(path))") {
      try LineageImport(from: source, to: lineage).run(progress)
    }
  }
}

/// Copies one lineage behind another one; runs inside an edit.
private struct LineageImport {
  let source: LineageGraph
  let target: LineageGraph
  /// For each tag set of the source the set here, and for each of its tags the tag there.
  private var sets: [(set: TagSetID, tags: [TagID])] = []
  private var counts = ImportCounts()

  init(from source: LineageGraph, to target: LineageGraph) throws {
    self.source = source
    self.target = target
    var used = Set<TagSetID>()
    for info in source.tagSets {
      let matching = target.tagSets.indices.first {
        target.tagSets[$0].name == info.name && !used.contains($0)
      }
      guard let set = matching else {
        let set = try target.addTagSet(name: info.name, tags: info.tags)
        used.insert(set)
        sets.append((set, Array(info.tags.indices)))
        counts.tagSets += 1
        counts.tags += info.tags.count
        continue
      }
      used.insert(set)
      var tags: [TagID] = []
      for tag in info.tags {
        if let known = target.tag(named: tag.label, in: set) {
          tags.append(known)
        } else {
          tags.append(try target.addTag(tag, to: set))
          counts.tags += 1
        }
      }
      sets.append((set, tags))
    }
  }

  consuming func run(_ progress: Progress) throws -> ImportCounts {
    progress.begin(total: source.spotCount, "importing")
    var copies: [SpotID] = []
    copies.reserveCapacity(source.spotSlots)
    let features = source.featureNames
    for spot in source.spots {
      if copies.count % 4096 == 0 {
        try progress.check()
        progress.advance(by: copies.isEmpty ? 0 : 4096)
      }
      let copy = try target.addSpot(
        t: source.timepoint(spot), position: source.position(spot),
        covariance: source.covariance(spot))
      copies.append(copy)
      if let label = source.label(spot) { try target.setLabel(copy, label) }
      for name in features {
        if let value = source.feature(name, spot) { try target.setFeature(name, copy, value) }
      }
      for (index, set) in sets.enumerated() {
        if let tag = source.tag(index, of: spot) {
          try target.setTag(set.set, of: copy, to: set.tags[tag])
        }
      }
    }
    counts.spots = copies.count
    let linkFeatures = source.linkFeatureNames
    for (number, spot) in source.spots.enumerated() {
      if number % 4096 == 0 { try progress.check() }
      for link in source.incoming(spot) {
        // Ids of a graph that was just read are the positions of its spots.
        let copy = try target.addLink(copies[Int(source.source(link).index)], copies[number])
        counts.links += 1
        for name in linkFeatures {
          if let value = source.feature(name, link) { try target.setFeature(name, copy, value) }
        }
        for (index, set) in sets.enumerated() {
          if let tag = source.tag(index, of: link) {
            try target.setTag(set.set, of: copy, to: set.tags[tag])
          }
        }
      }
    }
    return counts
  }
}
