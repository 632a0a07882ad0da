// Mean image intensity inside the ellipsoids of spots. Each image is read once, and only the part that the
// spots cover.

import Core
import Formats
import Imaging
import Lineage

/// Measures how bright spots are.
public enum SpotIntensity {
  /// The mean of the voxels whose centres lie inside each spot's ellipsoid (at least the voxel that holds the
  /// centre), NaN for spots outside the image, in the order of `spots`.
  ///
  /// - Throws: `.argument` for a setup or level that is not there, what reading throws, `.interrupted`.
  public static func means(
    of spots: [SpotID], in graph: LineageGraph, images source: any ImageSource, setup: Int = 0,
    level: Int = 0, progress: Progress = .none
  ) throws -> [Double] {
    var means = [Double](repeating: .nan, count: spots.count)
    let byTime = Dictionary(grouping: spots.indices) { graph.timepoint(spots[$0]) }
    progress.begin(total: byTime.count, "measuring")
    for t in byTime.keys.sorted() {
      try progress.check()
      defer { progress.advance() }
      if t >= source.timepoints { continue }
      try source.checkView(t: t, setup: setup, level: level)
      let view = source.transform(t: t, setup: setup, level: level)
      guard let toVoxel = view.inverse else { continue }
      let full = source.size(setup: setup, level: level)
      let regions = byTime[t]!.compactMap { i -> (Int, Region)? in
        Region(graph.position(spots[i]), graph.covariance(spots[i]), toVoxel, full).map { (i, $0) }
      }
      guard let box = Region.hull(regions.map { $0.1.box }) else { continue }
      let volume = try source.volume(t: t, setup: setup, level: level, box: box, progress: progress)
      for (i, region) in regions { means[i] = region.mean(volume, origin: box.origin) }
    }
    return means
  }
}

/// An ellipsoid in voxel coordinates with the box of voxels around it.
private struct Region {
  let center: WorldPoint
  let inverse: Matrix3?
  let box: VoxelBox

  /// Nil when the ellipsoid lies outside the image.
  init?(_ position: WorldPoint, _ covariance: Covariance, _ toVoxel: Affine3, _ size: Size3) {
    center = toVoxel(position)
    let shape = covariance.transformed(by: toVoxel.linear)
    inverse = shape.determinant > 0 ? shape.matrix.inverse : nil
    let reach = WorldPoint(
      x: max(0, shape.xx).squareRoot(), y: max(0, shape.yy).squareRoot(),
      z: max(0, shape.zz).squareRoot())
    var box = VoxelBox(size)
    for axis in Axis.allCases {
      let nearest = center[axis].rounded()
      let low = max(0, min((center[axis] - reach[axis]).rounded(.up), nearest))
      let high = min(
        Double(size[axis] - 1), max((center[axis] + reach[axis]).rounded(.down), nearest))
      guard low <= high else { return nil }
      box.origin[axis] = Int(low)
      box.size[axis] = Int(high) - Int(low) + 1
    }
    self.box = box
  }

  static func hull(_ boxes: [VoxelBox]) -> VoxelBox? {
    guard var hull = boxes.first else { return nil }
    for box in boxes.dropFirst() {
      for axis in Axis.allCases {
        let end = max(hull.origin[axis] + hull.size[axis], box.origin[axis] + box.size[axis])
        hull.origin[axis] = min(hull.origin[axis], box.origin[axis])
        hull.size[axis] = end - hull.origin[axis]
      }
    }
    return hull
  }

  func mean(_ volume: Volume, origin: Size3) -> Double {
    var (sum, count) = (0.0, 0)
    for z in box.origin.z..<box.origin.z + box.size.z {
      for y in box.origin.y..<box.origin.y + box.size.y {
        for x in box.origin.x..<box.origin.x + box.size.x where contains(x, y, z) {
          sum += volume.value(x: x - origin.x, y: y - origin.y, z: z - origin.z)
          count += 1
        }
      }
    }
    return count == 0 ? .nan : sum / Double(count)
  }

  private func contains(_ x: Int, _ y: Int, _ z: Int) -> Bool {
    let d = WorldPoint(x: Double(x), y: Double(y), z: Double(z)) - center
    // The voxel that holds the centre always counts.
    if abs(d.x) <= 0.5, abs(d.y) <= 0.5, abs(d.z) <= 0.5 { return true }
    guard let inverse else { return false }
    let e = inverse * d
    return d.x * e.x + d.y * e.y + d.z * e.z <= 1
  }
}
