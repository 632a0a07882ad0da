// Raw columns for hosts that read properties in a few nanoseconds and sum columns at memory speed.

import Core

/// Base addresses of the columns, indexed by slot. They stay valid until
/// `LineageGraph.columnsVersion` changes; read only.
public struct LineageColumns {
  /// Coordinates of the centres in world units.
  public let x, y, z: UnsafePointer<Double>
  /// Six doubles a spot: xx, xy, xz, yy, yz, zz.
  public let covariance: UnsafePointer<Covariance>
  /// 0-based timepoints.
  public let timepoint: UnsafePointer<Int32>
  /// The generation of each slot. A free slot has bit 31 set and the generation of the next object,
  /// so a handle is current exactly when its 20-bit generation equals this number, and no handle of
  /// a removed object equals its low 20 bits.
  public let spotGeneration: UnsafePointer<UInt32>
  /// As `spotGeneration`, for links.
  public let linkGeneration: UnsafePointer<UInt32>
  /// Source, target and two private numbers a link.
  public let links: UnsafePointer<UInt32>
  /// Numbers from one link to the next in `links`.
  public static let linkStride = 4
  /// Spot slots, free ones included. Ids of handles that were once valid may be read beyond it.
  public let spotSlots: Int
  /// Link slots, free ones included.
  public let linkSlots: Int
}

/// The tags of a set: 0 for none, else 1 + the tag's position. Valid until
/// `LineageGraph.columnsVersion` changes.
public struct TagColumnView {
  /// One entry a slot; nil while nothing has a tag of the set.
  public let base: UnsafeRawPointer?
  /// Bytes an entry, 1 or 2.
  public let width: Int
}

extension LineageGraph {
  /// The columns as they are now.
  public var columns: LineageColumns {
    let s = storage.pointee.spots
    let l = storage.pointee.links
    return LineageColumns(
      x: UnsafePointer(s.x.base), y: UnsafePointer(s.y.base), z: UnsafePointer(s.z.base),
      covariance: UnsafePointer(s.covariance.base), timepoint: UnsafePointer(s.timepoint.base),
      spotGeneration: UnsafePointer(s.pool.state.base),
      linkGeneration: UnsafePointer(l.pool.state.base),
      links: UnsafeRawPointer(l.record.base).assumingMemoryBound(to: UInt32.self),
      spotSlots: s.pool.slots, linkSlots: l.pool.slots)
  }

  /// Grows whenever a base address may have changed.
  public var columnsVersion: UInt64 { storage.pointee.columnsVersion }

  /// Where numbers stand of which at least one changes whenever `columns` would give something else. The
  /// addresses stay the same as long as the graph lives; read only.
  public var columnsWatch: [UnsafePointer<UInt64>] {
    let base = UnsafeRawPointer(storage)
    let offsets = [
      MemoryLayout<GraphStorage>.offset(of: \.columnsVersion),
      MemoryLayout<GraphStorage>.offset(of: \.spots.pool.slots),
      MemoryLayout<GraphStorage>.offset(of: \.links.pool.slots),
    ]
    return offsets.map { base.advanced(by: $0!).assumingMemoryBound(to: UInt64.self) }
  }

  /// The tags of all spots in a set.
  public func spotTagColumn(_ set: TagSetID) -> TagColumnView {
    view(storage.pointee.tagSets[set].spots.pointee)
  }

  /// The tags of all links in a set.
  public func linkTagColumn(_ set: TagSetID) -> TagColumnView {
    view(storage.pointee.tagSets[set].links.pointee)
  }

  private func view(_ column: TagColumn) -> TagColumnView {
    TagColumnView(base: column.base.map { UnsafeRawPointer($0) }, width: column.width)
  }

  /// The values of a spot feature, one a slot with NaN for none, valid until `columnsVersion`
  /// changes; nil when there is no such feature.
  public func spotFeatureColumn(_ name: String) -> UnsafePointer<Double>? {
    storage.pointee.feature(name, .spot).map {
      UnsafePointer(storage.pointee.spotFeatures[$0].values)
    }
  }

  /// The values of a link feature, one a slot with NaN for none, valid until `columnsVersion`
  /// changes; nil when there is no such feature.
  public func linkFeatureColumn(_ name: String) -> UnsafePointer<Double>? {
    storage.pointee.feature(name, .link).map {
      UnsafePointer(storage.pointee.linkFeatures[$0].values)
    }
  }

  /// Real bytes of memory by what they are for.
  public struct MemoryFootprint: Hashable, Sendable {
    /// Columns of the spots and the lists of timepoints.
    public var spots: Int
    /// Columns of the links.
    public var links: Int
    /// Assignments of tags.
    public var tags: Int
    /// Labels, features and bounding radii kept from a file.
    public var extras: Int
    /// Spatial indices that have been built.
    public var spatialIndices: Int
    /// Undo and redo.
    public var history: Int
  }

  /// Real bytes of memory that the graph takes now; pages that were never touched do not count.
  public var memoryFootprint: MemoryFootprint {
    let s = storage.pointee
    let (spotPeak, linkPeak) = (s.spots.pool.peak, s.links.pool.peak)
    var tags = 0
    for set in s.tagSets {
      tags += set.spots.pointee.memoryFootprint(peak: spotPeak)
      tags += set.links.pointee.memoryFootprint(peak: linkPeak)
    }
    var extras = s.labels.memoryFootprint(peak: spotPeak)
    for column in s.spotFeatures + s.linkFeatures { extras += column.capacity * 8 }
    extras += (s.storedRadii?.capacity ?? 0) * 8
    return MemoryFootprint(
      spots: s.spots.memoryFootprint + s.times.memoryFootprint, links: s.links.memoryFootprint,
      tags: tags,
      extras: extras,
      spatialIndices: s.times.buckets.reduce(0) { $0 + ($1.index?.memoryFootprint ?? 0) },
      history: history.memoryFootprint)
  }
}
