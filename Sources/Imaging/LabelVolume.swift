// Labelled regions of a volume: 0 is background, labels are 1 ... count.

import Core

/// Which voxels belong to which region. Made by `Volume.labelled` or from labels of a file.
public struct LabelVolume: Sendable {
  /// Size in voxels.
  public let size: Size3
  /// Extent of one voxel in world units.
  public let voxelSize: VoxelSize
  /// The largest label; labels are 1 ... `count`, some of which may be absent in labels from a
  /// file.
  public let count: Int
  /// One label a voxel in z, y, x order with x fastest; 0 is background.
  public let labels: [UInt32]

  /// Labels that are already there. Throws `.argument` when there is not one a voxel.
  public init(labels: [UInt32], size: Size3, voxelSize: VoxelSize = .one) throws {
    guard size.checkedCount == labels.count else {
      throw HowdahError(
        .argument, "labels: \(labels.count) labels do not fill a size of \(size)")
    }
    self.init(
      size: size, voxelSize: voxelSize, count: Int(labels.max() ?? 0), labels: labels)
  }

  init(size: Size3, voxelSize: VoxelSize, count: Int, labels: [UInt32]) {
    self.size = size
    self.voxelSize = voxelSize
    self.count = count
    self.labels = labels
  }

  /// The label of a voxel, which must be inside.
  public subscript(x x: Int, y y: Int, z z: Int) -> Int {
    Int(labels[(z * size.y + y) * size.x + x])
  }

  /// The labels as voxels: uint16 when they fit, else float32, which is exact up to 16777216
  /// (`.limit` above).
  public func volume() throws -> Volume {
    if count <= 65535 {
      return try Volume.make(size: size, voxelSize: voxelSize, of: UInt16.self) { out in
        for i in 0..<labels.count { out[i] = UInt16(labels[i]) }
      }
    }
    guard count <= 1 << 24 else {
      throw HowdahError(.limit, "labels: \(count) labels do not fit voxels of type float32")
    }
    return try Volume.make(size: size, voxelSize: voxelSize, of: Float.self) { out in
      for i in 0..<labels.count { out[i] = Float(labels[i]) }
    }
  }
}

/// Which voxels count as neighbours.
public enum Connectivity: Int, Sendable {
  /// Those that share a face (4 in 2D data).
  case six = 6
  /// Those that share a face, an edge or a corner (8 in 2D data).
  case twentySix = 26
}

extension Volume {
  /// The connected components of the voxels that are not 0 (NaN counts as not 0).
  ///
  /// Labels run from 1 in z, y, x order of each component's first voxel, as `scipy.ndimage.label`
  /// numbers them. Works on runs of voxels along x joined by union-find: memory is 12 bytes a run
  /// besides the labels.
  public func labelled(connectivity: Connectivity = .twentySix, progress: Progress = .none) throws
    -> LabelVolume
  {
    let runs = try foregroundRuns(progress: progress)
    var forest = RunForest(count: runs.starts.count)
    try join(runs, connectivity, &forest, progress)
    let (labelOfRun, count) = forest.numbered()

    let (nx, rowCount) = (size.x, size.y * size.z)
    let labels = try [UInt32](unsafeUninitializedCapacity: size.count) { buffer, filled in
      buffer.initialize(repeating: 0)
      filled = size.count
      nonisolated(unsafe) let base = buffer.baseAddress!
      try parallelRanges(rowCount, grain: voxelGrain / nx, progress: progress) { rows in
        for row in rows {
          for run in runs.firstOfRow[row]..<runs.firstOfRow[row + 1] {
            let (start, end) = (Int(runs.starts[run]), Int(runs.ends[run]))
            (base + row * nx + start).update(repeating: labelOfRun[run], count: end - start)
          }
        }
      }
    }
    return LabelVolume(size: size, voxelSize: voxelSize, count: count, labels: labels)
  }

  /// Stretches of foreground along x, row by row.
  private func foregroundRuns(progress: Progress) throws -> Runs {
    let (nx, rowCount) = (size.x, size.y * size.z)
    let pieces = pieceCount(rowCount, grain: max(1, voxelGrain / nx))
    let results = PieceResults<Runs>(count: pieces)
    try parallelFor(pieces) { piece in
      var runs = Runs()
      try withScratch(nx) { scratch in
        for row in pieceRange(piece, of: pieces, total: rowCount) {
          if row & 63 == 0 { try progress.check() }
          runs.firstOfRow.append(runs.starts.count)
          let values = floats(from: row * nx, count: nx, scratch: scratch)
          var x = 0
          while x < nx {
            while x < nx && values[x] == 0 { x += 1 }
            if x == nx { break }
            runs.starts.append(Int32(x))
            while x < nx && values[x] != 0 { x += 1 }
            runs.ends.append(Int32(x))
          }
        }
      }
      results.set(piece, runs)
    }
    var all = Runs()
    for runs in results.all {
      let offset = all.starts.count
      all.firstOfRow.append(contentsOf: runs.firstOfRow.map { $0 + offset })
      all.starts.append(contentsOf: runs.starts)
      all.ends.append(contentsOf: runs.ends)
    }
    all.firstOfRow.append(all.starts.count)
    return all
  }

  /// Join the runs of each row with those that touch them in rows above and in the plane before.
  private func join(
    _ runs: Runs, _ connectivity: Connectivity, _ forest: inout RunForest, _ progress: Progress
  ) throws {
    let reach: Int32 = connectivity == .twentySix ? 1 : 0
    let offsets =
      connectivity == .twentySix ? [(-1, 0), (-1, -1), (0, -1), (1, -1)] : [(-1, 0), (0, -1)]
    for z in 0..<size.z {
      for y in 0..<size.y {
        let row = z * size.y + y
        if row & 63 == 0 { try progress.check() }
        for (dy, dz) in offsets where (0..<size.y).contains(y + dy) && z + dz >= 0 {
          let other = (z + dz) * size.y + y + dy
          var (a, b) = (runs.firstOfRow[row], runs.firstOfRow[other])
          let (endA, endB) = (runs.firstOfRow[row + 1], runs.firstOfRow[other + 1])
          while a < endA && b < endB {
            if runs.starts[a] < runs.ends[b] + reach && runs.starts[b] < runs.ends[a] + reach {
              forest.join(a, b)
            }
            if runs.ends[a] < runs.ends[b] { a += 1 } else { b += 1 }
          }
        }
      }
    }
  }
}

/// Half-open stretches of x, in the order of rows; `firstOfRow` has one more entry than there are
/// rows.
private struct Runs: Sendable {
  var starts: [Int32] = []
  var ends: [Int32] = []
  var firstOfRow: [Int] = []
}

/// Union-find in which the root of a set is always its smallest member, so roots come in raster
/// order.
private struct RunForest {
  private var parent: [Int32]

  init(count: Int) { parent = (0..<Int32(count)).map { $0 } }

  private mutating func root(_ member: Int) -> Int {
    var at = member
    while Int(parent[at]) != at {
      parent[at] = parent[Int(parent[at])]
      at = Int(parent[at])
    }
    return at
  }

  mutating func join(_ a: Int, _ b: Int) {
    let (x, y) = (root(a), root(b))
    parent[max(x, y)] = Int32(min(x, y))
  }

  /// The label of every member, numbered from 1 by the order of the roots, and the number of
  /// labels.
  func numbered() -> (labels: [UInt32], count: Int) {
    var labels = [UInt32](repeating: 0, count: parent.count)
    var count = 0
    for i in 0..<parent.count {
      // A parent is never behind its child, so its label is known already.
      if Int(parent[i]) == i { count += 1 }
      labels[i] = Int(parent[i]) == i ? UInt32(count) : labels[Int(parent[i])]
    }
    return (labels, count)
  }
}
