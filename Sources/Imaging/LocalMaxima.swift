// Local maxima of a volume, one for each peak or plateau.

import Core
import Kernels

/// A voxel that no neighbour exceeds.
public struct LocalMaximum: Hashable, Sendable {
  /// Voxel coordinates.
  public let x, y, z: Int
  /// Its value.
  public let value: Double
}

extension Volume {
  /// The local maxima above a threshold, brightest first, equal ones in z, y, x order.
  ///
  /// A voxel counts when it is greater than each of its 26 neighbours (8 in 2D data, 2 in 1D).
  /// Voxels of equal value that touch form a plateau; a plateau counts once, when every voxel
  /// around it is smaller, and stands at its voxel nearest to the plateau's centroid (the first of
  /// equals). Voxels at the border count; a volume of one value has no maximum. NaN are neither
  /// maxima nor higher than anything.
  ///
  /// - Parameters:
  ///   - threshold: maxima must be greater than this.
  ///   - radius: semi-axes in voxels of an ellipsoid in which the maximum must be the highest
  ///     besides. Of equal maxima within one ellipsoid the first in z, y, x order stays.
  public func localMaxima(
    threshold: Double = -.infinity, radius: (x: Double, y: Double, z: Double)? = nil,
    progress: Progress = .none
  ) throws -> [LocalMaximum] {
    let floats = try converted(to: .float32, progress: progress)
    let marked = try floats.markedVoxels(threshold: Float(threshold), progress: progress)
    var indices = try floats.withVoxels(as: Float.self) {
      var plateaus = Plateaus(voxels: $0, size: size)
      return try plateaus.representatives(of: marked, progress: progress)
    }
    if let radius {
      indices = try floats.highestInEllipsoid(indices, radius: radius, progress: progress)
    }
    return floats.withVoxels(as: Float.self) { voxels in
      indices.sorted { (-voxels[$0], $0) < (-voxels[$1], $1) }.map { index in
        LocalMaximum(
          x: index % size.x, y: index / size.x % size.y, z: index / (size.x * size.y),
          value: Double(voxels[index]))
      }
    }
  }

  /// Indices of the voxels above the threshold that no neighbour exceeds, ascending.
  private func markedVoxels(threshold: Float, progress: Progress) throws -> [Int] {
    nonisolated(unsafe) let base = storage.bytes.baseAddress!.assumingMemoryBound(to: Float.self)
    let (nx, ny, nz) = (size.x, size.y, size.z)
    let pieces = pieceCount(ny * nz, grain: max(1, (1 << 16) / nx))
    let results = PieceResults<[Int]>(count: pieces)
    try parallelFor(pieces) { piece in
      var found: [Int] = []
      var mask = [UInt8](repeating: 0, count: nx)
      var rows = [UnsafePointer<Float>?](repeating: nil, count: 9)
      try withScratch(nx + 2) { scratch in
        for row in pieceRange(piece, of: pieces, total: ny * nz) {
          if row & 15 == 0 { try progress.check() }
          let (z, y) = row.quotientAndRemainder(dividingBy: ny)
          for k in 0..<9 {
            let (dz, dy) = (k / 3 - 1, k % 3 - 1)
            let inside = (0..<nz).contains(z + dz) && (0..<ny).contains(y + dy)
            rows[k] = inside ? UnsafePointer(base + ((z + dz) * ny + y + dy) * nx) : nil
          }
          if hk_mark_maxima(&rows, threshold, scratch, &mask, nx) > 0 {
            for x in 0..<nx where mask[x] != 0 { found.append(row * nx + x) }
          }
        }
      }
      results.set(piece, found)
    }
    withExtendedLifetime(storage) {}
    return results.all.flatMap { $0 }
  }

  /// Those of the candidates that are highest within an ellipsoid around them.
  private func highestInEllipsoid(
    _ candidates: [Int], radius: (x: Double, y: Double, z: Double), progress: Progress
  ) throws -> [Int] {
    guard radius.x >= 0, radius.y >= 0, radius.z >= 0,
      radius.x.isFinite, radius.y.isFinite, radius.z.isFinite
    else {
      throw HowdahError(.argument, "local maxima: radii must be finite and 0 or more")
    }
    let reach = EllipsoidRows(radius: radius, size: size)
    let isCandidate = Set(candidates)
    let pieces = pieceCount(candidates.count, grain: 16)
    let results = PieceResults<[Int]>(count: pieces)
    try parallelFor(pieces) { piece in
      var kept: [Int] = []
      try withVoxels(as: Float.self) { voxels in
        for position in pieceRange(piece, of: pieces, total: candidates.count) {
          try progress.check()
          let index = candidates[position]
          let higher = reach.contains(around: index) { other in
            voxels[other] > voxels[index]
              || (voxels[other] == voxels[index] && other < index && isCandidate.contains(other))
          }
          if !higher { kept.append(index) }
        }
      }
      results.set(piece, kept)
    }
    return results.all.flatMap { $0 }
  }
}

/// The voxels of an ellipsoid as one stretch of x for each (y, z), clipped to the volume.
private struct EllipsoidRows: Sendable {
  private var rows: [(dy: Int, dz: Int, dx: Int)] = []
  private let size: Size3

  init(radius: (x: Double, y: Double, z: Double), size: Size3) {
    self.size = size
    let (ry, rz) = (min(Int(radius.y), size.y), min(Int(radius.z), size.z))
    for dz in -rz...rz {
      for dy in -ry...ry {
        let v = radius.y > 0 ? Double(dy) / radius.y : 0
        let w = radius.z > 0 ? Double(dz) / radius.z : 0
        let rest = 1 - v * v - w * w
        if rest >= 0 { rows.append((dy, dz, min(Int(radius.x * rest.squareRoot()), size.x))) }
      }
    }
    // Near rows first: a higher voxel is usually close.
    rows.sort { ($0.dy * $0.dy + $0.dz * $0.dz) < ($1.dy * $1.dy + $1.dz * $1.dz) }
  }

  /// Whether a voxel of the ellipsoid around an index fulfils the condition.
  func contains(around index: Int, _ condition: (Int) -> Bool) -> Bool {
    let (x, y, z) = (index % size.x, index / size.x % size.y, index / (size.x * size.y))
    for row in rows {
      let (yy, zz) = (y + row.dy, z + row.dz)
      guard yy >= 0, yy < size.y, zz >= 0, zz < size.z else { continue }
      let start = (zz * size.y + yy) * size.x
      for xx in max(0, x - row.dx)...min(size.x - 1, x + row.dx) where condition(start + xx) {
        return true
      }
    }
    return false
  }
}

/// Finds one representative for each plateau among voxels that no neighbour exceeds.
private struct Plateaus {
  let voxels: UnsafeBufferPointer<Float>
  let size: Size3
  /// One bit a voxel, there from the first plateau of more than one voxel on.
  private var visited: [UInt64] = []

  init(voxels: UnsafeBufferPointer<Float>, size: Size3) {
    self.voxels = voxels
    self.size = size
  }

  /// `marked` is ascending. A marked voxel without an equal neighbour stands for itself.
  mutating func representatives(of marked: [Int], progress: Progress) throws -> [Int] {
    guard size.count > 1 else { return [] }
    var result: [Int] = []
    for (position, index) in marked.enumerated() {
      if position & 255 == 0 { try progress.check() }
      var hasEqual = false
      forNeighbours(of: index) { hasEqual = hasEqual || voxels[$0] == voxels[index] }
      if !hasEqual {
        result.append(index)
      } else if visit(index) {
        let (plateau, isHighest) = try fill(from: index, progress)
        if isHighest { result.append(representative(plateau)) }
      }
    }
    return result
  }

  /// Mark a voxel; false when it was marked before.
  private mutating func visit(_ index: Int) -> Bool {
    if visited.isEmpty { visited = [UInt64](repeating: 0, count: (size.count + 63) / 64) }
    let bit = UInt64(1) << UInt64(index & 63)
    if visited[index >> 6] & bit != 0 { return false }
    visited[index >> 6] |= bit
    return true
  }

  /// The plateau around a voxel, and whether every voxel around the plateau is smaller (and there
  /// is one).
  private mutating func fill(from start: Int, _ progress: Progress) throws -> ([Int], Bool) {
    let value = voxels[start]
    var plateau = [start]
    var next = 0
    var (isExceeded, hasLower) = (false, false)
    var equal: [Int] = []
    while next < plateau.count {
      if next & 1023 == 0 { try progress.check() }
      equal.removeAll(keepingCapacity: true)
      forNeighbours(of: plateau[next]) { other in
        if voxels[other] == value {
          equal.append(other)
        } else if voxels[other] > value {
          isExceeded = true
        } else {
          hasLower = true
        }
      }
      for other in equal where visit(other) { plateau.append(other) }
      next += 1
    }
    return (plateau, hasLower && !isExceeded)
  }

  private func representative(_ plateau: [Int]) -> Int {
    let points = plateau.map { index in
      SIMD3<Double>(
        Double(index % size.x), Double(index / size.x % size.y), Double(index / (size.x * size.y)))
    }
    let centre = points.reduce(.zero, +) / Double(points.count)
    let ranked = zip(points, plateau).map { point, index in
      let d = point - centre
      return ((d * d).sum(), index)
    }
    return ranked.min { ($0.0, $0.1) < ($1.0, $1.1) }!.1
  }

  @inline(__always)
  private func forNeighbours(of index: Int, _ body: (Int) -> Void) {
    let (x, y, z) = (index % size.x, index / size.x % size.y, index / (size.x * size.y))
    for zz in max(0, z - 1)...min(size.z - 1, z + 1) {
      for yy in max(0, y - 1)...min(size.y - 1, y + 1) {
        for xx in max(0, x - 1)...min(size.x - 1, x + 1) {
          let other = (zz * size.y + yy) * size.x + xx
          if other != index { body(other) }
        }
      }
    }
  }
}
