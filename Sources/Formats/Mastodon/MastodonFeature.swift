// `features/<key>.raw`: one feature a file. All are kept as they are while the numbers inside still mean the
// same objects; those with one number a spot or link are features of the lineage as well.
//
//     block data:  UTF key, UTF info     enum Dimension     block data:  UTF units, int n, n x (int object, double)

import Core
import Lineage

/// One feature member of a project.
struct MastodonFeature {
  /// Which objects the numbers in the file mean.
  enum Carrier { case spot, link }

  /// A feature with one number an object, as far as the lineage does not hold it.
  struct Scalar {
    var key: String
    var carrier: Carrier
    var info: String
    var dimension: String
    var units: String
    /// Numbers of the objects, in the order of the file.
    var objects: [UInt32]
  }

  var member: ArchiveMember
  /// Nil when Howdah does not know what is inside.
  var scalar: Scalar?

  private static let dimensionType = "org.mastodon.feature.Dimension"
  /// Begins the info text of features that Howdah makes and Mastodon does not know; tells spots from links.
  private static let ownSpotInfo = "Spot feature made by Howdah."
  private static let ownLinkInfo = "Link feature made by Howdah."

  /// A member as it was read. One that Howdah cannot decode is kept all the same.
  ///
  /// - Returns: the values, one for each spot or link, NaN where there is none; nil when the member is not of
  ///   the simple kind. `problem` says what is wrong with a damaged one.
  static func read(
    _ member: ArchiveMember, spotCount: Int, linkCount: Int, path: String
  ) -> (feature: MastodonFeature, values: [Double]?, problem: String?) {
    var feature = MastodonFeature(member: member)
    do {
      let decoded = try decode(member, spotCount, linkCount, path)
      feature.scalar = decoded?.scalar
      return (feature, decoded?.values, nil)
    } catch {
      return (feature, nil, "\(error)")
    }
  }

  /// The values of a member, or nil when it has another layout. Throws when it is damaged.
  private static func decode(
    _ member: ArchiveMember, _ spotCount: Int, _ linkCount: Int, _ path: String
  )
    throws -> (scalar: Scalar, values: [Double])?
  {
    let stream = try JavaStreamReader(member.bytes, path: path, member: member.name)
    guard stream.items.count == 3, case .data(let head) = stream.items[0],
      case .constant(let type, let dimension) = stream.items[1], type == dimensionType,
      case .data(let body) = stream.items[2]
    else { return nil }
    return try stream.bytes.withUnsafeBytes { bytes in
      func cursor(_ range: Range<Int>) -> DataCursor {
        DataCursor(
          UnsafeRawBufferPointer(rebasing: bytes[range]), path: path, place: member.name)
      }
      var headCursor = cursor(head)
      let key = try headCursor.utf("the key")
      let info = try headCursor.utf("the description")
      try headCursor.finish()
      guard let carrier = carrier(ofKey: key, info: info) else { return nil }
      let total = carrier == .spot ? spotCount : linkCount
      var bodyCursor = cursor(body)
      let units = try bodyCursor.utf("the units")
      let count = try bodyCursor.count("values", bytesEach: 12)
      // Integer features have the same head and shorter entries.
      guard bodyCursor.left == count * 12 else { return nil }
      var values = [Double](repeating: .nan, count: total)
      var objects: [UInt32] = []
      objects.reserveCapacity(count)
      for _ in 0..<count {
        let object = try bodyCursor.int("a value")
        let value = try bodyCursor.double("a value")
        guard values.indices.contains(object) else {
          throw bodyCursor.fail("gives a value to number \(object) of \(total)")
        }
        values[object] = value
        objects.append(UInt32(object))
      }
      let scalar = Scalar(
        key: key, carrier: carrier, info: info, dimension: dimension, units: units,
        objects: objects)
      return (scalar, values)
    }
  }

  /// What carries a feature: the file does not say, so it must be known from the key.
  private static func carrier(ofKey key: String, info: String) -> Carrier? {
    if info == ownSpotInfo || key == "Detection quality" || key.hasPrefix("Spot ") { return .spot }
    if info == ownLinkInfo || key == "Link cost" || key.hasPrefix("Link ") { return .link }
    return nil
  }

  /// A feature of the lineage that the file did not have.
  static func new(_ key: String, _ carrier: Carrier) -> MastodonFeature {
    let (info, dimension) =
      switch key {
      case "Detection quality": ("Report the detection quality.", "QUALITY")
      case "Link cost": ("Report the link cost.", "COST")
      default: (carrier == .spot ? ownSpotInfo : ownLinkInfo, "NONE")
      }
    let scalar = Scalar(
      key: key, carrier: carrier, info: info, dimension: dimension, units: "", objects: [])
    return MastodonFeature(
      member: ArchiveMember(name: memberName(key, carrier), bytes: []), scalar: scalar)
  }

  /// The name of a feature's member. Characters that mean something in paths become `_`; the key inside the
  /// file keeps them.
  private static func memberName(_ key: String, _ carrier: Carrier) -> String {
    let safe = key.map { "/\\:\0".contains($0) || $0.isNewline ? "_" : $0 }
    let name = String(safe).hasPrefix(".") ? "_" + String(safe) : String(safe)
    return MastodonContainer.features + name + ".raw"
  }

  /// The feature as it is to be written now, nil when nothing carries it.
  ///
  /// - Parameters:
  ///   - isCurrent: whether the numbers of the file still mean the same objects.
  func updated(_ graph: LineageGraph, _ numbering: MastodonNumbering, isCurrent: Bool)
    -> MastodonFeature?
  {
    guard let scalar else { return isCurrent ? self : nil }
    let (column, slots) =
      scalar.carrier == .spot
      ? (graph.spotFeatureColumn(scalar.key), numbering.spots.map(\.index))
      : (graph.linkFeatureColumn(scalar.key), numbering.links.map(\.index))
    guard let column else { return nil }
    var present = slots.indices.filter { !column[Int(slots[$0])].isNaN }.count
    var order: [UInt32] = []
    var values = DataRun(capacity: present * 12)
    func add(_ number: UInt32, _ value: Double) {
      order.append(number)
      values.int(Int(number))
      values.double(value)
    }
    var done = [Bool](repeating: false, count: slots.count)
    if isCurrent {
      for number in scalar.objects where !done[Int(number)] {
        done[Int(number)] = true
        let value = column[Int(slots[Int(number)])]
        if !value.isNaN { add(number, value) }
      }
    }
    present -= order.count
    if present > 0 {
      for number in slots.indices where !done[number] {
        let value = column[Int(slots[number])]
        if !value.isNaN { add(UInt32(number), value) }
      }
    }
    // An object may be listed without a number (NaN), which the lineage cannot tell from being absent: while
    // nothing has changed, the bytes stay.
    if isCurrent, order.elementsEqual(scalar.objects), sameValues(values) { return self }
    if order.isEmpty { return nil }
    return encoded(scalar, order, values)
  }

  private func sameValues(_ values: DataRun) -> Bool {
    // The values end the run, and the run ends the file; blocks cut them, so decoding is the simple way.
    guard let stream = try? JavaStreamReader(member.bytes, path: "", member: member.name),
      case .data(let body)? = stream.items.last, body.count >= values.bytes.count
    else { return false }
    return stream.bytes[body].suffix(values.bytes.count).elementsEqual(values.bytes)
  }

  private func encoded(_ scalar: Scalar, _ order: [UInt32], _ values: DataRun) -> MastodonFeature {
    var head = DataRun()
    head.utf(scalar.key)
    head.utf(scalar.info)
    var body = DataRun(capacity: values.bytes.count + 64)
    body.utf(scalar.units)
    body.int(order.count)
    body.bytes.append(contentsOf: values.bytes)
    var stream = JavaStreamWriter(capacity: values.bytes.count + values.bytes.count / 200 + 512)
    stream.data(head)
    stream.constant(type: Self.dimensionType, name: scalar.dimension)
    stream.data(body)
    var feature = self
    feature.scalar?.objects = order
    feature.member.bytes = stream.bytes
    return feature
  }
}
