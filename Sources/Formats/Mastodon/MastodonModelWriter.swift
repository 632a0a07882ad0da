// Encodes `model.raw` from a lineage; the layout is in MastodonModel.swift.

import Core
import Lineage

enum MastodonModelWriter {
  /// The bytes of `model.raw`.
  ///
  /// - Parameter labelOrder: numbers of spots whose labels come first, in this order; the others follow in
  ///   ascending order.
  static func encode(_ graph: LineageGraph, _ numbering: MastodonNumbering, labelOrder: [UInt32])
    -> (bytes: [UInt8], labelOrder: [UInt32])
  {
    let run = spotsAndLinks(graph, numbering)
    var stream = JavaStreamWriter(capacity: run.count + run.count / 200 + 4096)
    run.withUnsafeBytes { stream.data($0) }
    stream.strings(["label"])
    var order: [UInt32] = []
    var texts = DataRun()
    func add(_ number: UInt32) {
      guard let label = graph.label(numbering.spots[Int(number)]) else { return }
      order.append(number)
      texts.utf(label)
    }
    if graph.labelCount > 0 {
      var done = [Bool](repeating: false, count: numbering.spots.count)
      for number in labelOrder where Int(number) < done.count && !done[Int(number)] {
        done[Int(number)] = true
        add(number)
      }
      for number in done.indices where !done[number] { add(UInt32(number)) }
    }
    stream.ints(order.map { Int32(bitPattern: $0) })
    stream.byteArray(texts.bytes)
    return (stream.bytes, order)
  }

  /// The block data: bounded by memory bandwidth, one pass over spots and two over links.
  private static func spotsAndLinks(_ graph: LineageGraph, _ numbering: MastodonNumbering)
    -> [UInt8]
  {
    let (spots, links) = (numbering.spots, numbering.links)
    let size =
      8 + spots.count * MastodonModel.spotBytes + links.count * MastodonModel.linkBytes
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      let base = UnsafeMutableRawPointer(buffer.baseAddress!)
      func int(_ value: UInt32, at offset: Int) {
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
      }
      int(UInt32(spots.count), at: 0)
      var offset = 4
      for spot in spots {
        base.storeBytes(of: graph.position(spot), toByteOffset: offset, as: WorldPoint.self)
        base.storeBytes(
          of: Int32(graph.timepoint(spot)), toByteOffset: offset + 24, as: Int32.self)
        base.storeBytes(of: graph.covariance(spot), toByteOffset: offset + 28, as: Covariance.self)
        base.storeBytes(
          of: graph.boundingSphereRadiusSquared(spot), toByteOffset: offset + 76, as: Double.self)
        offset += MastodonModel.spotBytes
      }
      int(UInt32(links.count), at: offset)
      let first = offset + 4
      for (index, link) in links.enumerated() {
        let at = first + index * MastodonModel.linkBytes
        int(numbering.number(graph.source(link)), at: at)
        int(numbering.number(graph.target(link)), at: at + 4)
      }
      for spot in spots {
        for (place, link) in graph.outgoing(spot).enumerated() {
          let at = first + Int(numbering.number(link)) * MastodonModel.linkBytes
          int(UInt32(place), at: at + 8)
        }
        for (place, link) in graph.incoming(spot).enumerated() {
          let at = first + Int(numbering.number(link)) * MastodonModel.linkBytes
          int(UInt32(place), at: at + 12)
        }
      }
      filled = size
    }
  }
}
