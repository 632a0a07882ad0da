// What the flow network is told: in the later of two frames, the voxels of every nucleus whose parent is known for
// sure say where that parent was (elephant-server 5.2, elephant-client 4.3).
//
// Sure is a link with Tracking = Approved from one timepoint to the next; what the spots' own tags say does not matter.
// A link that skips timepoints says nothing about two neighbouring frames and is left out; ELEPHANT files it under the
// wrong pair. Later links overwrite earlier ones where nuclei overlap.

import Core
import Imaging
import Lineage

/// A nucleus whose place one timepoint earlier is known.
public struct FlowMark: Sendable, Equatable {
  /// Its centre in the later frame, world units.
  public var position: WorldPoint
  /// Its ellipsoid there, squared world units.
  public var covariance: Covariance
  /// The centre of its parent in the earlier frame, world units.
  public var source: WorldPoint

  /// A nucleus that came from somewhere.
  public init(position: WorldPoint, covariance: Covariance, source: WorldPoint) {
    self.position = position
    self.covariance = covariance
    self.source = source
  }

  /// The way back, world units.
  public var displacement: WorldPoint { source - position }

  /// The approved links of a lineage by the timepoint of their target, in the order of their numbers.
  ///
  /// - Parameter timepoints: of the targets; nil for all.
  public static func all(
    in lineage: LineageGraph, _ timepoints: Set<Timepoint>? = nil
  ) -> [Timepoint: [FlowMark]] {
    guard let set = lineage.tagSet(named: ElephantTags.tracking),
      let approved = lineage.tag(named: ElephantTags.approved, in: set)
    else { return [:] }
    var result: [Timepoint: [FlowMark]] = [:]
    for link in lineage.links where lineage.tag(set, of: link) == approved {
      let (a, b) = (lineage.source(link), lineage.target(link))
      let t = lineage.timepoint(b)
      guard timepoints?.contains(t) ?? true, t - lineage.timepoint(a) == 1 else { continue }
      result[t, default: []].append(
        FlowMark(
          position: lineage.position(b), covariance: lineage.covariance(b),
          source: lineage.position(a)))
    }
    return result
  }
}

/// The labels of a pair of frames, in voxels of the later one.
public struct FlowLabels: Sendable {
  /// Where the voxels of the earlier and the later frame are.
  public let earlier, later: VoxelGrid
  /// The nuclei that have voxels in the later frame.
  public let marks: [FlowMark]
  /// The way back of each in voxels: its place in the earlier frame minus that in the later one.
  public let ways: [WorldPoint]
  /// The voxels that their centres lie in.
  public let centers: [Size3]
  private let rasters: [EllipsoidRaster]

  /// Find the voxels of all marks.
  public init(_ marks: [FlowMark], earlier: VoxelGrid, later: VoxelGrid) {
    self.earlier = earlier
    self.later = later
    var seen: [(FlowMark, EllipsoidRaster)] = []
    for mark in marks where mark.source.isFinite {
      let raster = EllipsoidRaster(
        position: mark.position, covariance: mark.covariance, in: later)
      if raster.count > 0 { seen.append((mark, raster)) }
    }
    self.marks = seen.map(\.0)
    rasters = seen.map(\.1)
    let isFlat = later.size.z == 1
    ways = seen.map { mark, _ in
      var way = earlier.voxel(mark.source) - later.voxel(mark.position)
      if isFlat { way.z = 0 }
      return way
    }
    centers = seen.map { later.clampedVoxel($0.0.position) }
  }

  /// Which mark a voxel belongs to, counted from 1, and 0 for none: float32, so that it can be sampled like an image.
  public func numbers(_ box: VoxelBox? = nil) throws -> Volume {
    let box = box ?? VoxelBox(later.size)
    guard box.fits(in: later.size) else {
      throw HowdahError(.argument, "the box to paint does not lie inside \(later.size)")
    }
    return try Volume.make(size: box.size, voxelSize: later.spacing, of: Float.self) { voxels in
      voxels.update(repeating: 0)
      for (number, raster) in rasters.enumerated() {
        for run in raster.runs {
          let (z, y) = (Int(run.z) - box.origin.z, Int(run.y) - box.origin.y)
          guard z >= 0, z < box.size.z, y >= 0, y < box.size.y else { continue }
          let row = (z * box.size.y + y) * box.size.x
          let begin = max(0, Int(run.begin) - box.origin.x)
          let end = min(box.size.x, Int(run.end) - box.origin.x)
          for x in begin..<max(begin, end) { voxels[row + x] = Float(number + 1) }
        }
      }
    }
  }

  /// The labels as volumes: the flow along x, y and z as the network should say it, and a mask of 1 where there is
  /// one. All are 0 elsewhere.
  public func volumes(_ scale: FlowScale) throws -> (x: Volume, y: Volume, z: Volume, mask: Volume)
  {
    let numbers = try numbers()
    let flows = ways.map(scale.flow)
    func channel(_ value: @Sendable (WorldPoint) -> Double) throws -> Volume {
      let values = flows.map { Float(value($0)) }
      return try numbers.mapFloats { $0 > 0 ? values[Int($0) - 1] : 0 }
    }
    return (
      try channel(\.x), try channel(\.y), try channel(\.z),
      try numbers.mapFloats { $0 > 0 ? 1 : 0 }
    )
  }
}
