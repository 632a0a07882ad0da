// Keeps the probabilities of a movie on disk, as ELEPHANT's `seg_outputs.zarr`: t, z, y, x, channel, float16, a file a
// plane and channel. Written plane by plane while the prediction goes on.

import Core
import Formats
import Imaging
import Learning

/// A Zarr array of probabilities. It has the shape of the images; what was not predicted is 0.
public struct ProbabilityStore: Sendable {
  /// The array.
  public let array: ZarrArray
  /// The names of the channels in order.
  public static let channels = ["background", "border", "center"]

  /// Make or go on with a store for the images of a setup. Throws `.file` when something else is at the path.
  public init(_ path: String, images: any ImageSource, setup: Int = 0) throws {
    let size = images.size(setup: setup, level: 0)
    let shape = [images.timepoints, size.z, size.y, size.x, 3]
    let chunks = [1, 1, min(size.y, 1024), min(size.x, 1024), 1]
    if let known = try? ZarrArray.open(path), known.shape == shape, known.chunks == chunks,
      known.type == .float16, known.isWritable
    {
      array = known
      return
    }
    array = try ZarrArray.create(
      path, shape: shape, chunks: chunks, type: .float16,
      axes: [
        .init("t", "time"), .init("z", "space", images.unit, images.voxelSize.z),
        .init("y", "space", images.unit, images.voxelSize.y),
        .init("x", "space", images.unit, images.voxelSize.x), .init("c", "channel"),
      ], labels: Self.channels)
  }

  /// The probabilities of one timepoint and channel.
  public func volume(t: Timepoint, channel: Int, progress: Progress = .none) throws -> Volume {
    try array.volume(leading: [t], trailing: [channel], progress: progress)
  }

  func writer(t: Timepoint, box: VoxelBox, mapSize: Size3) -> Writer {
    Writer(array: array, t: t, box: box, map: mapSize)
  }

  /// Writes the planes of one timepoint as they come, resampled to the image's voxels if need be.
  struct Writer {
    let array: ZarrArray
    let t: Timepoint
    let box: VoxelBox
    let map: Size3
    private var next = 0
    private var last: [Volume] = []

    init(array: ZarrArray, t: Timepoint, box: VoxelBox, map: Size3) {
      self.array = array
      self.t = t
      self.box = box
      self.map = map
    }

    mutating func append(_ part: PredictedPlanes, progress: Progress) throws {
      if map == box.size {
        // One file a plane and channel: the compression of several goes on at the same time.
        let (array, t, box) = (array, t, box)
        try parallelFor(part.planes.count * 3) { item in
          try progress.check()
          let (k, c) = item.quotientAndRemainder(dividingBy: 3)
          let z = part.planes.lowerBound + k
          try Self.write(part.plane(z, channel: c), array, t, box, z, c)
        }
        return
      }
      for z in part.planes {
        try progress.check()
        let planes = try (0..<3).map { c in
          try Volume.make(size: Size3(x: map.x, y: map.y, z: 1), of: Float.self) {
            _ = $0.update(fromContentsOf: part.plane(z, channel: c))
          }.resampled(to: Size3(x: box.size.x, y: box.size.y, z: 1))
        }
        try resample(planes, at: z)
        last = planes
      }
    }

    /// Write those planes of the image that lie between the last plane of the map and this one.
    private mutating func resample(_ planes: [Volume], at z: Int) throws {
      let (n, m) = (box.size.z, map.z)
      while next < n {
        let place = n > 1 ? Double(next) * Double(m - 1) / Double(n - 1) : 0
        if place > Double(z) { return }
        let weight = Float(Double(z) - place)
        for c in 0..<3 {
          if weight == 0 || last.isEmpty {
            try planes[c].withVoxels(as: Float.self) { try Self.write($0, array, t, box, next, c) }
            continue
          }
          try last[c].withVoxels(as: Float.self) { low in
            try planes[c].withVoxels(as: Float.self) { high in
              let mixed = zip(low, high).map { $1 + weight * ($0 - $1) }
              try mixed.withUnsafeBufferPointer {
                try Self.write($0, array, t, box, next, c)
              }
            }
          }
        }
        next += 1
      }
    }

    private static func write(
      _ plane: UnsafeBufferPointer<Float>, _ array: ZarrArray, _ t: Timepoint, _ box: VoxelBox,
      _ z: Int, _ c: Int
    ) throws {
      try array.writePlane(
        leading: [t, box.origin.z + z], trailing: [c],
        x: box.origin.x..<(box.origin.x + box.size.x),
        y: box.origin.y..<(box.origin.y + box.size.y), values: plane)
    }
  }
}
