// Named float features of spots and of links, such as "Detection quality" and "Link cost". A spot
// or link may have no value; values travel with undo, and a feature is there as long as it has a
// column.

import Core

extension LineageGraph {
  /// Names of the spot features in the order in which they were made.
  public var featureNames: [String] { storage.pointee.spotFeatures.map(\.name) }

  /// Names of the link features in the order in which they were made.
  public var linkFeatureNames: [String] { storage.pointee.linkFeatures.map(\.name) }

  /// The value of a feature, nil when the spot has none or there is no such feature.
  public func feature(_ name: String, _ spot: SpotID) -> Double? {
    guard let position = storage.pointee.feature(name, .spot) else { return nil }
    let value = storage.pointee.spotFeatures[position].values[Int(checked(spot))]
    return value.isNaN ? nil : value
  }

  /// The value of a feature, nil when the link has none or there is no such feature.
  public func feature(_ name: String, _ link: LinkID) -> Double? {
    guard let position = storage.pointee.feature(name, .link) else { return nil }
    let value = storage.pointee.linkFeatures[position].values[Int(checked(link))]
    return value.isNaN ? nil : value
  }

  /// Set or clear (nil or NaN) a feature of a spot; the feature is made when it is new.
  public func setFeature(_ name: String, _ spot: SpotID, _ value: Double?) throws {
    let log = try requireEdit()
    try require(spot)
    setFeature(name, .spot, spot.index, value, log)
  }

  /// Set or clear (nil or NaN) a feature of a link; the feature is made when it is new.
  public func setFeature(_ name: String, _ link: LinkID, _ value: Double?) throws {
    let log = try requireEdit()
    try require(link)
    setFeature(name, .link, link.index, value, log)
  }

  /// Set a feature of many spots, one value each; NaN clears.
  /// - Throws: `argument` when there are not as many values as spots.
  public func setFeature(_ name: String, ofSpots spots: [SpotID], to values: [Double]) throws {
    let log = try requireEdit()
    guard spots.count == values.count else {
      throw HowdahError(.argument, "\(values.count) values for \(spots.count) spots; give one each")
    }
    for spot in spots { try require(spot) }
    let position = makeFeature(name, .spot, log)
    for (spot, value) in zip(spots, values) {
      storage.pointee.setFeature(position, .spot, spot.index, value, log)
    }
  }

  /// Set a feature of many links, one value each; NaN clears.
  /// - Throws: `argument` when there are not as many values as links.
  public func setFeature(_ name: String, ofLinks links: [LinkID], to values: [Double]) throws {
    let log = try requireEdit()
    guard links.count == values.count else {
      throw HowdahError(.argument, "\(values.count) values for \(links.count) links; give one each")
    }
    if links.isEmpty { return }
    for link in links { try require(link) }
    let position = makeFeature(name, .link, log)
    for (link, value) in zip(links, values) {
      storage.pointee.setFeature(position, .link, link.index, value, log)
    }
  }

  /// Remove a spot feature with its values; nothing happens when there is none of this name.
  public func removeFeature(_ name: String) throws {
    let log = try requireEdit()
    guard let position = storage.pointee.feature(name, .spot) else { return }
    storage.pointee.removeFeature(.spot, at: position, log)
  }

  /// Remove a link feature with its values; nothing happens when there is none of this name.
  public func removeLinkFeature(_ name: String) throws {
    let log = try requireEdit()
    guard let position = storage.pointee.feature(name, .link) else { return }
    storage.pointee.removeFeature(.link, at: position, log)
  }

  private func setFeature(
    _ name: String, _ carrier: Carrier, _ id: UInt32, _ value: Double?, _ log: ChangeLog
  ) {
    let value = value ?? .nan
    if value.isNaN, storage.pointee.feature(name, carrier) == nil { return }
    storage.pointee.setFeature(makeFeature(name, carrier, log), carrier, id, value, log)
  }

  private func makeFeature(_ name: String, _ carrier: Carrier, _ log: ChangeLog) -> Int {
    if let position = storage.pointee.feature(name, carrier) { return position }
    let isSpot = carrier == .spot
    let capacity = isSpot ? storage.pointee.spots.capacity : storage.pointee.links.capacity
    let position = isSpot ? storage.pointee.spotFeatures.count : storage.pointee.linkFeatures.count
    storage.pointee.insertFeature(
      FeatureColumn(name: name, capacity: capacity), carrier, at: position, log)
    return position
  }
}
