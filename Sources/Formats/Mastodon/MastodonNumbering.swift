// Which number each spot and link has in the file. In memory ids may have gaps and be reused; files number
// without gaps, in ascending order of ids.

import Lineage

/// The numbers that spots and links get in a file.
struct MastodonNumbering {
  /// All spots in the order of the file.
  let spots: [SpotID]
  /// All links in the order of the file.
  let links: [LinkID]
  /// For each slot the number in the file; nil when numbers and slots are the same.
  private let spotNumbers: [UInt32]?
  private let linkNumbers: [UInt32]?

  init(_ graph: LineageGraph) {
    spots = graph.spots
    links = graph.links
    spotNumbers = Self.numbers(spots.map(\.index), slots: graph.spotSlots)
    linkNumbers = Self.numbers(links.map(\.index), slots: graph.linkSlots)
  }

  private static func numbers(_ ids: [UInt32], slots: Int) -> [UInt32]? {
    if ids.count == slots { return nil }
    var numbers = [UInt32](repeating: .max, count: slots)
    for (number, id) in ids.enumerated() { numbers[Int(id)] = UInt32(number) }
    return numbers
  }

  /// Whether numbers and ids are the same.
  var isPlain: Bool { spotNumbers == nil && linkNumbers == nil }

  /// The number of a spot in the file.
  func number(_ spot: SpotID) -> UInt32 { spotNumbers?[Int(spot.index)] ?? spot.index }

  /// The number of a link in the file.
  func number(_ link: LinkID) -> UInt32 { linkNumbers?[Int(link.index)] ?? link.index }
}

/// The spots and links in the order of the file that was read or written last: tells whether the numbers of
/// that file still mean the same objects.
struct MastodonOrigin {
  /// Nil while the numbers are the ids and all generations are 0, as after reading.
  private let spots: [SpotRef]?
  private let links: [LinkRef]?
  private let spotCount: Int
  private let linkCount: Int

  /// Remembers which objects a numbering numbers.
  init(_ graph: LineageGraph, _ numbering: MastodonNumbering) {
    spotCount = numbering.spots.count
    linkCount = numbering.links.count
    let isPlain =
      numbering.isPlain
      && numbering.spots.allSatisfy { graph.ref($0).generation == 0 }
      && numbering.links.allSatisfy { graph.ref($0).generation == 0 }
    spots = isPlain ? nil : numbering.spots.map { graph.ref($0) }
    links = isPlain ? nil : numbering.links.map { graph.ref($0) }
  }

  /// Whether every spot and every link of that file is still there and gets the same number again. New ones
  /// may come behind them.
  func holds(_ numbering: MastodonNumbering, in graph: LineageGraph) -> Bool {
    guard numbering.spots.count >= spotCount, numbering.links.count >= linkCount else {
      return false
    }
    for i in 0..<spotCount {
      let ref = spots?[i] ?? SpotRef(id: SpotID(UInt32(i)), generation: 0)
      if numbering.spots[i] != ref.id || !graph.isCurrent(ref) { return false }
    }
    for i in 0..<linkCount {
      let ref = links?[i] ?? LinkRef(id: LinkID(UInt32(i)), generation: 0)
      if numbering.links[i] != ref.id || !graph.isCurrent(ref) { return false }
    }
    return true
  }
}
