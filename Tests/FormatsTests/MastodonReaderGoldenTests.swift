// Real projects as an independent reader sees them (Golden/mastodon/make.py).

import Core
import Formats
import Foundation
import Lineage
import Testing

private struct Facts: Decodable {
  var spots: Int
  var links: Int
  var some: [String: [Double]]
  var firstLinks: [[UInt32]]
  var tags: [String: [String: [Int]]]
}

@Suite struct MastodonReaderGoldenTests {
  @Test("mastodon-reader finds the same spots, links and tags", .enabled(if: RealData.exists))
  func sameAsMastodonReader() throws {
    let url = URL(fileURLWithPath: Bundle.module.resourcePath! + "/Golden/mastodon/reader.json")
    let golden = try JSONDecoder().decode([String: Facts].self, from: Data(contentsOf: url))
    for (name, facts) in golden {
      let graph = try Project.open(RealData.path(name)).lineage
      #expect(graph.spotCount == facts.spots && graph.linkCount == facts.links, "\(name)")
      for (number, values) in facts.some {
        let spot = SpotID(try #require(UInt32(number)))
        let (p, c) = (graph.position(spot), graph.covariance(spot))
        let ours = [
          p.x, p.y, p.z, Double(graph.timepoint(spot)), c.xx, c.xy, c.xz, c.yy, c.yz, c.zz,
          graph.boundingSphereRadiusSquared(spot),
        ]
        // mastodon-reader keeps 32-bit floats.
        #expect(ours.map { Float($0) } == values.map { Float($0) }, "\(name), spot \(number)")
      }
      for (index, ends) in facts.firstLinks.enumerated() {
        let link = LinkID(UInt32(index))
        #expect([graph.source(link).index, graph.target(link).index] == ends, "\(name)")
      }
      #expect(graph.tagSets.count == facts.tags.count, "\(name)")
      for (set, tags) in facts.tags {
        let id = try #require(graph.tagSet(named: set))
        for (label, counts) in tags {
          let tag = try #require(graph.tag(named: label, in: id))
          let ours = [
            graph.spots(tagged: tag, in: id).count, graph.links(tagged: tag, in: id).count,
          ]
          #expect(ours == counts, "\(name), \(set), \(label)")
        }
      }
    }
  }
}
