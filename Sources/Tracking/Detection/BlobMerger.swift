// Which hills of a filter's answer are one nucleus: those that look like one ellipsoid together.

import Core
import Imaging

/// Joins hills, the most alike first, until no two neighbours look like one nucleus.
///
/// A filter narrow enough to tell touching nuclei apart also breaks large, long and grainy nuclei up. Two
/// neighbours stay apart when
///
///     dip + distance / (2 radius) > 0.9 fill + 0.15
///
/// The dip is how far the answer falls between them, as a share of the lower peak; the distance is that of
/// their centroids; the fill is the share that they take of the solid ellipsoid with the second moments of
/// both together: about 0.9 for one convex body, 0.65 for two that touch. The numbers were chosen on
/// simulated tissue and on ELEPHANT's sample together, and a tenth more or less of each changes little.
struct BlobMerger {
  /// What is one nucleus.
  typealias Hill = BlobBasins.Hill

  /// Extent of the voxels of the hills, world units.
  let voxel: SIMD3<Double>
  let isFlat: Bool
  /// The radius of a typical nucleus.
  let radius: Double

  private struct Edge: HeapItem {
    /// Above 0: apart.
    var score: Double
    var a, b: Int

    func isBefore(_ other: Edge) -> Bool {
      (score, a, b) < (other.score, other.a, other.b)
    }
  }

  /// The hills after joining. Passes go by the rule that the pass to a joined hill is the higher of those to
  /// its parts.
  func merge(_ basins: BlobBasins) -> [Hill] {
    var hills = basins.hills
    var isGone = [Bool](repeating: false, count: hills.count)
    var passes = [[Int: Double]](repeating: [:], count: hills.count)
    var heap = Heap<Edge>()
    for pass in basins.passes {
      passes[pass.a][pass.b] = pass.height
      passes[pass.b][pass.a] = pass.height
      let score = score(hills[pass.a], hills[pass.b], pass.height)
      heap.push(Edge(score: score, a: pass.a, b: pass.b))
    }
    while let edge = heap.pop(), edge.score <= 0 {
      if isGone[edge.a] || isGone[edge.b] { continue }
      // The joined hill gets a number of its own, so that edges of its parts are known to be old.
      let joined = hills.count
      hills.append(hills[edge.a])
      hills[joined].add(hills[edge.b])
      isGone.append(false)
      isGone[edge.a] = true
      isGone[edge.b] = true
      let around = passes[edge.a].merging(passes[edge.b]) { max($0, $1) }
        .filter { !isGone[$0.key] }
      passes[edge.a] = [:]
      passes[edge.b] = [:]
      passes.append(around)
      for (other, height) in around {
        passes[other][joined] = height
        heap.push(
          Edge(score: score(hills[other], hills[joined], height), a: other, b: joined))
      }
    }
    return hills.indices.filter { !isGone[$0] }.map { hills[$0] }
  }

  private func score(_ a: Hill, _ b: Hill, _ pass: Double) -> Double {
    if a.count == 0 || b.count == 0 { return -1 }
    let dip = 1 - max(0, pass) / min(a.height, b.height)
    let distance = ((a.sum / a.count - b.sum / b.count) * voxel).length
    var both = a
    both.add(b)
    return dip + distance / (2 * radius) - 0.9 * fill(both) - 0.15
  }

  /// How much of the ellipsoid (ellipse in 2D) with its second moments a hill fills.
  private func fill(_ hill: Hill) -> Double {
    let mean = hill.sum / hill.count
    // A voxel is a box, not a point: its own moment is a twelfth of its squared side.
    let s = (hill.squares / hill.count - mean * mean + 1.0 / 12) * voxel * voxel
    let cross = SIMD3(mean.x * mean.y, mean.x * mean.z, mean.y * mean.z)
    let p =
      (hill.products / hill.count - cross)
      * SIMD3(voxel.x * voxel.y, voxel.x * voxel.z, voxel.y * voxel.z)
    if isFlat {
      let spread = max(0, s.x * s.y - p.x * p.x).squareRoot()
      return hill.count * voxel.x * voxel.y / (4 * Double.pi * max(spread, 1e-30))
    }
    let determinant =
      s.x * (s.y * s.z - p.z * p.z) - p.x * (p.x * s.z - p.z * p.y)
      + p.y * (p.x * p.z - s.y * p.y)
    let solid = 4.0 / 3 * Double.pi * 5 * 5.0.squareRoot() * max(0, determinant).squareRoot()
    return hill.count * voxel.x * voxel.y * voxel.z / max(solid, 1e-30)
  }
}
