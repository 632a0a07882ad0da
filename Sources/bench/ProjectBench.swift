// Opening and saving a project of 260,000 spots over 500 timepoints, with links and tags.

import Core
import Formats
import Glibc
import Lineage

/// Rows for `Project.open` and `Project.save`; mastodon-reader (PyPI) beside the former.
func projectBench() throws -> [BenchRow] {
  let path = "/tmp/howdah-bench-\(getpid()).mastodon"
  defer { unlink(path) }
  try largeProject().save(to: path)
  let open = try medianTime(9) { _ = try Project.open(path) }
  let project = try Project.open(path)
  let save = try medianTime(9) { try project.save(to: path) }
  let peer = runPeer("mastodon_open.py", [path])
  return [
    BenchRow(
      name: "open project, 260k spots", ours: open * 1e3, unit: "ms", peer: "mastodon-reader",
      peerValue: peer["open_ms"], target: "< 150 ms", reached: open < 0.150),
    BenchRow(
      name: "save project, 260k spots, synced", ours: save * 1e3, unit: "ms", target: "< 300 ms",
      reached: save < 0.300),
  ]
}

/// 520 tracks over 500 timepoints, ellipsoids of all directions, all spots and links tagged in two sets.
private func largeProject() throws -> Project {
  var random = SeededRandom(seed: 1)
  let (tracks, frames) = (520, 500)
  var spots = SpotTable()
  var links = LinkTable()
  for t in 0..<frames {
    for track in 0..<tracks {
      let p = WorldPoint(
        x: random.uniform(0, 500), y: random.uniform(0, 500), z: random.uniform(0, 200))
      let c = Covariance.axisAligned(x: 5, y: 4, z: random.uniform(6, 9))
        .rotated(about: .x, degrees: random.uniform(0, 90))
      spots.append(t: Int32(t), position: p, covariance: c)
      if t > 0 {
        links.sources.append(UInt32((t - 1) * tracks + track))
        links.targets.append(UInt32(t * tracks + track))
      }
    }
  }
  let info = TagSetInfo(
    name: "Detection", tags: (0..<6).map { Tag(label: "tag \($0)", color: 0xFF00_00FF + $0) })
  func tags(_ count: Int, _ step: Int) -> [UInt16] { (0..<count).map { UInt16($0 / step % 7) } }
  let graph = LineageGraph()
  try graph.load(
    spots: spots, links: links,
    tags: [
      TagTable(info: info, spotTags: tags(spots.count, 1), linkTags: tags(links.count, 3)),
      TagTable(
        info: TagSetInfo(name: "Tracking", tags: info.tags), spotTags: tags(spots.count, 11),
        linkTags: tags(links.count, 5)),
    ])
  return Project(images: nil, lineage: graph)
}
