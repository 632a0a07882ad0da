// What a flow network says of nuclei, made into a smooth drift of the tissue, and a frame moved back by it. A network
// tells small ways better than large ones: shown the earlier frame moved by what it saw itself, it sees what is left.
//
// The drift at a voxel is the mean way of what is bright around it, so that neither a nucleus that went its own way nor
// the network's guesses in the dark bend it.

import Core
import Imaging

/// The drift of the tissue from a frame back to the one before, in voxels, over a part of the frames.
struct FlowDrift: Sendable {
  private let size: Size3
  /// The way back along each axis, in the order of voxels.
  private let ways: [[Float]]

  /// Smooth ways over the surroundings of each voxel.
  ///
  /// - Parameters:
  ///   - ways: what the network says of each voxel, a volume an axis, in voxels.
  ///   - frame: the later frame, intensities from 0 to 1.
  ///   - earlier: the drift by which the earlier frame that it saw was moved already.
  ///   - reach: standard deviation of the Gaussian that weighs the surroundings, voxels along x.
  ///   - spacing: of the voxels, for as far a reach along the other axes.
  init(
    _ ways: [Volume], frame: Volume, after earlier: FlowDrift?, reach: Double,
    spacing: VoxelSize, progress: Progress = .none
  ) throws {
    size = frame.size
    func smooth(_ volume: Volume) throws -> Volume {
      try FlowContrast.surroundings(volume, reach: reach, spacing, least: 1, progress)
    }
    // Brighter than the surroundings; where nothing is, everything counts a little.
    let weights = try (frame - smooth(frame)).mapFloats { max(0, $0) + 1e-3 }
    let sum = try smooth(weights)
    var all = ways
    if let earlier { all = try earlier.added(to: ways, progress) }
    self.ways = try all.map { way in
      let mean = try smooth(way * weights) / sum
      return mean.withVoxels(as: Float.self) { Array($0) }
    }
  }

  /// The drift at a place, which may lie outside.
  func way(at p: WorldPoint) -> WorldPoint {
    let place = Place(p, size)
    var way = WorldPoint.zero
    for (values, axis) in zip(ways, Axis.allCases) {
      way[axis] = values.withUnsafeBufferPointer { Double(place.value($0.baseAddress!)) }
    }
    return way
  }

  /// The whole ways, where a network said these of the moved frame: there, and from there on with the drift.
  func added(to ways: [Volume], _ progress: Progress = .none) throws -> [Volume] {
    let rest = ways.map { $0.withVoxels(as: Float.self) { Array($0) } }
    return try ways.indices.map { k in
      try map(ways[k].voxelSize, progress) { i, p in
        var q = p
        for (values, axis) in zip(rest, Axis.allCases) { q[axis] += Double(values[i]) }
        return rest[k][i]
          + self.ways[k].withUnsafeBufferPointer { Place(q, size).value($0.baseAddress!) }
      }
    }
  }

  /// The part at `origin` of the earlier frame, each voxel seen where the drift came from; its edges go on.
  func moved(_ earlier: Volume, from origin: Size3, progress: Progress = .none) throws -> Volume {
    let corner = WorldPoint(x: Double(origin.x), y: Double(origin.y), z: Double(origin.z))
    return try earlier.withVoxels(as: Float.self) { source in
      nonisolated(unsafe) let source = source.baseAddress!
      return try map(earlier.voxelSize, progress) { i, p in
        var q = p + corner
        for (values, axis) in zip(ways, Axis.allCases) { q[axis] += Double(values[i]) }
        return Place(q, earlier.size).value(source)
      }
    }
  }

  /// A volume of the drift's size from a function of a voxel's number and place.
  private func map(
    _ voxelSize: VoxelSize, _ progress: Progress, _ body: @Sendable (Int, WorldPoint) -> Float
  ) throws -> Volume {
    try Volume.make(size: size, voxelSize: voxelSize, of: Float.self) { out in
      nonisolated(unsafe) let out = out.baseAddress!
      try parallelFor(size.z) { z in
        for y in 0..<size.y {
          try progress.check()
          for x in 0..<size.x {
            let i = (z * size.y + y) * size.x + x
            out[i] = body(i, WorldPoint(x: Double(x), y: Double(y), z: Double(z)))
          }
        }
      }
    }
  }

  /// A place between voxels; outside of the volume the nearest one in it.
  private struct Place {
    private var corners = (0, 0, 0)
    private var steps = (0, 0, 0)
    private var share = SIMD3<Float>.zero

    init(_ p: WorldPoint, _ size: Size3) {
      func split(_ v: Double, _ count: Int) -> (Int, Int, Float) {
        // What is no number counts as 0.
        let inside = v > 0 ? min(v, Double(count - 1)) : 0
        let low = min(Int(inside), max(0, count - 2))
        return (low, count > 1 ? 1 : 0, Float(inside - Double(low)))
      }
      let (x, y, z) = (split(p.x, size.x), split(p.y, size.y), split(p.z, size.z))
      corners = (x.0, y.0 * size.x, z.0 * size.x * size.y)
      steps = (x.1, y.1 * size.x, z.1 * size.x * size.y)
      share = SIMD3(x.2, y.2, z.2)
    }

    func value(_ v: UnsafePointer<Float>) -> Float {
      let i = corners.0 + corners.1 + corners.2
      func row(_ i: Int) -> Float { v[i] + share.x * (v[i + steps.0] - v[i]) }
      func plane(_ i: Int) -> Float {
        let a = row(i)
        return a + share.y * (row(i + steps.1) - a)
      }
      let a = plane(i)
      return a + share.z * (plane(i + steps.2) - a)
    }
  }
}
