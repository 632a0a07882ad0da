// Components of a probability map divided into parts, for separating nuclei that touch.
//
// Watershed by flooding: voxels are taken from high to low; one without neighbours that were taken begins a basin,
// others join the neighbour that is highest, and where basins meet a rule says whether they are one.
// Peaks: the middles of such basins, however shallow the dips between them are, from high to low, unless one was
// taken nearby; every voxel goes to the nearest of them.

import Core
import Imaging

/// Divides components of runs into basins.
struct BasinSplit {
  let separation: ProbabilitySpots.Separation
  /// What a part must exceed somewhere.
  let threshold: Float
  let voxel: VoxelSize
  let runs: ForegroundRuns
  /// The row of each run.
  let rows: [Int32]
  /// Radius of a typical component, world units.
  let typical: Double

  /// The least dip between basins as a share of the lower peak. A dip that no eye would see makes no peak.
  private var depth: Double {
    separation.method == .peaks ? 0.01 : separation.depth
  }

  /// Larger boxes are taken as they are: a component that fills a volume is no group of nuclei.
  private static let largestBox = 1 << 27

  /// The parts of a component that exceed the threshold somewhere, in the order of their first voxels.
  func parts(of component: [Int32], _ whole: RegionSum, progress: Progress) throws -> [RegionSum] {
    let sigma = separation.smoothing * typical
    let margin = SIMD3(
      1 + Int(2 * sigma / voxel.x), 1 + Int(2 * sigma / voxel.y), 1 + Int(2 * sigma / voxel.z))
    let crop = Crop(whole.box, margin: margin, isPlane: runs.planes == 1)
    let highest = component.reduce(Float(0)) { highest, run in
      let run = Int(run)
      let start = runs.valueStarts[run]
      let values = runs.values[start..<start + Int(runs.ends[run] - runs.starts[run])]
      return max(highest, values.max() ?? 0)
    }
    guard highest > threshold else { return [] }
    guard crop.size.checkedCount ?? .max <= Self.largestBox else {
      return [whole]
    }
    var values = [Float](repeating: 0, count: crop.size.count)
    var voxels: [Int32] = []
    for run in component {
      let run = Int(run)
      let (z, y) = Int(rows[run]).quotientAndRemainder(dividingBy: runs.height)
      let start = crop.index(x: Int(runs.starts[run]), y: y, z: z)
      for i in 0..<Int(runs.ends[run] - runs.starts[run]) {
        values[start + i] = runs.values[runs.valueStarts[run] + i]
        voxels.append(Int32(start + i))
      }
    }
    let keys =
      sigma > 0
      ? try Volume(floats: values, size: crop.size).gaussian(
        sigma: (sigma / voxel.x, sigma / voxel.y, crop.size.z > 1 ? sigma / voxel.z : 0),
        progress: progress
      ).withVoxels(as: Float.self) { Array($0) } : values
    let labels =
      switch separation.method {
      case .watershed: try basins(voxels, keys, crop, progress)
      case .peaks: try nearestPeaks(voxels, keys, crop, progress)
      }
    return sums(voxels, labels, values, crop)
  }

  /// The basin of each voxel (by the voxel that began it), aligned with `voxels`.
  private func basins(
    _ voxels: [Int32], _ keys: [Float], _ crop: Crop, _ progress: Progress
  ) throws -> [Int32] {
    // The voxel that began the basin of a voxel, through other basins that became one with it; -1: not yet taken.
    var parent = [Int32](repeating: -1, count: keys.count)
    func root(_ voxel: Int) -> Int {
      var at = voxel
      while Int(parent[at]) != at {
        parent[at] = parent[Int(parent[at])]
        at = Int(parent[at])
      }
      return at
    }
    let order = voxels.sorted { a, b in
      let (p, q) = (keys[Int(a)], keys[Int(b)])
      return p > q || (p == q && a < b)
    }
    let offsets = crop.neighbours
    for (step, voxel) in order.enumerated() {
      if step & 4095 == 0 { try progress.check() }
      let voxel = Int(voxel)
      var best = -1
      for offset in offsets where parent[voxel + offset] >= 0 {
        let other = voxel + offset
        if best < 0 || keys[other] > keys[best] { best = other }
      }
      guard best >= 0 else {
        parent[voxel] = Int32(voxel)
        continue
      }
      parent[voxel] = Int32(root(best))
      for offset in offsets where parent[voxel + offset] >= 0 {
        let (a, b) = (root(voxel), root(voxel + offset))
        if a != b, areOne(Double(keys[a]), Double(keys[b]), meetingAt: Double(keys[voxel])) {
          // The basin of the higher peak goes on.
          if keys[a] > keys[b] || (keys[a] == keys[b] && a < b) {
            parent[b] = Int32(a)
          } else {
            parent[a] = Int32(b)
          }
        }
      }
    }
    return voxels.map { Int32(root(Int($0))) }
  }

  /// The peak that each voxel is nearest to, aligned with `voxels`. A peak is where a basin is on average, so that a
  /// flat top is one peak in its middle.
  private func nearestPeaks(
    _ voxels: [Int32], _ keys: [Float], _ crop: Crop, _ progress: Progress
  ) throws -> [Int32] {
    func place(_ index: Int32) -> SIMD3<Double> {
      let (x, y, z) = crop.position(Int(index))
      return SIMD3(Double(x) * voxel.x, Double(y) * voxel.y, Double(z) * voxel.z)
    }
    let labels = try basins(voxels, keys, crop, progress)
    var sums: [Int32: (place: SIMD3<Double>, count: Double)] = [:]
    for (index, label) in zip(voxels, labels) {
      let old = sums[label] ?? (.zero, 0)
      sums[label] = (old.place + place(index), old.count + 1)
    }
    // From the highest peak down.
    let summits = sums.keys.sorted { a, b in
      let (p, q) = (keys[Int(a)], keys[Int(b)])
      return p > q || (p == q && a < b)
    }
    let apart = separation.spacing * typical
    var peaks: [(label: Int32, place: SIMD3<Double>)] = []
    for label in summits {
      try progress.check()
      let p = sums[label].map { $0.place / $0.count } ?? .zero
      if peaks.allSatisfy({ (($0.place - p) * ($0.place - p)).sum() >= apart * apart }) {
        peaks.append((label, p))
      }
    }
    if peaks.count == 1 { return voxels.map { _ in peaks[0].label } }
    return try voxels.enumerated().map { step, index in
      if step & 4095 == 0 { try progress.check() }
      let p = place(index)
      var (best, least) = (peaks[0].label, Double.infinity)
      for peak in peaks {
        let d = peak.place - p
        let square = (d * d).sum()
        if square < least { (best, least) = (peak.label, square) }
      }
      return best
    }
  }

  private func areOne(_ peak: Double, _ other: Double, meetingAt saddle: Double) -> Bool {
    let lower = min(peak, other)
    return lower - saddle <= depth * lower
  }

  private func sums(
    _ voxels: [Int32], _ labels: [Int32], _ values: [Float], _ crop: Crop
  ) -> [RegionSum] {
    var sums: [RegionSum] = []
    var highest: [Float] = []
    var place: [Int32: Int] = [:]
    for (voxel, label) in zip(voxels, labels) {
      let (x, y, z) = crop.position(Int(voxel))
      let k = place[label] ?? sums.count
      if k == sums.count {
        place[label] = k
        sums.append(RegionSum(origin: SIMD3(x, y, z)))
        highest.append(0)
      }
      highest[k] = max(highest[k], values[Int(voxel)])
      sums[k].add(x: x, y: y, z: z, probability: Double(values[Int(voxel)]), weight: 1)
    }
    return zip(sums, highest).filter { $0.1 > threshold }.map(\.0)
  }
}

/// A box around a component with a margin of nothing, so that neighbours need no checks.
private struct Crop {
  let origin: SIMD3<Int>
  let size: Size3

  init(_ box: VoxelBox, margin: SIMD3<Int>, isPlane: Bool) {
    let z = isPlane ? 0 : margin.z
    origin = SIMD3(box.origin.x - margin.x, box.origin.y - margin.y, box.origin.z - z)
    size = Size3(
      x: box.size.x + 2 * margin.x, y: box.size.y + 2 * margin.y, z: box.size.z + 2 * z)
  }

  func index(x: Int, y: Int, z: Int) -> Int {
    ((z - origin.z) * size.y + y - origin.y) * size.x + x - origin.x
  }

  func position(_ index: Int) -> (x: Int, y: Int, z: Int) {
    let (row, x) = index.quotientAndRemainder(dividingBy: size.x)
    let (z, y) = row.quotientAndRemainder(dividingBy: size.y)
    return (x + origin.x, y + origin.y, z + origin.z)
  }

  /// What is added to an index for each of the 26 neighbours (8 in a plane).
  var neighbours: [Int] {
    var result: [Int] = []
    for dz in size.z == 1 ? 0...0 : -1...1 {
      for dy in -1...1 {
        for dx in -1...1 where (dx, dy, dz) != (0, 0, 0) {
          result.append((dz * size.y + dy) * size.x + dx)
        }
      }
    }
    return result
  }
}
