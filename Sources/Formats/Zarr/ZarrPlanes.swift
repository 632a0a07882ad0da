// Volumes and planes of a Zarr array, whatever its other axes and chunks.

import Core
import Imaging

extension ZarrArray {
  /// A volume: `leading` fixes the axes before z, y, x, and `trailing` those after them.
  public func volume(
    leading: [Int], trailing: [Int] = [], voxelSize: VoxelSize = .one, progress: Progress = .none
  ) throws -> Volume {
    let first = leading.count
    guard first + 3 + trailing.count == shape.count,
      zip(leading + [0, 0, 0] + trailing, shape).allSatisfy({ $0 >= 0 && $0 < $1 })
    else {
      throw HowdahError(
        .argument, "\(path): there is no volume at \(leading), \(trailing) in a shape of \(shape)")
    }
    let size = Size3(x: shape[first + 2], y: shape[first + 1], z: shape[first])
    var strides = [Int](repeating: 1, count: chunks.count)
    for axis in (0..<(chunks.count - 1)).reversed() {
      strides[axis] = strides[axis + 1] * chunks[axis + 1]
    }
    let fixed = leading + [0, 0, 0] + trailing
    var offset = 0
    for axis in chunks.indices where !(first..<(first + 3)).contains(axis) {
      offset += fixed[axis] % chunks[axis] * strides[axis]
    }
    let (cz, cy, cx) = (chunks[first], chunks[first + 1], chunks[first + 2])
    return try Volume.make(size: size, voxelSize: voxelSize, of: Float.self) { out in
      for z0 in stride(from: 0, to: size.z, by: cz) {
        for y0 in stride(from: 0, to: size.y, by: cy) {
          for x0 in stride(from: 0, to: size.x, by: cx) {
            try progress.check()
            var index = zip(fixed, chunks).map { $0 / $1 }
            index[first] = z0 / cz
            index[first + 1] = y0 / cy
            index[first + 2] = x0 / cx
            let bytes = try readChunk(index)
            for z in z0..<min(size.z, z0 + cz) {
              for y in y0..<min(size.y, y0 + cy) {
                let row =
                  offset + (z - z0) * strides[first] + (y - y0) * strides[first + 1]
                let target = (z * size.y + y) * size.x
                for x in x0..<min(size.x, x0 + cx) {
                  out[target + x] =
                    bytes.map { value($0, row + (x - x0) * strides[first + 2]) } ?? Float(fill)
                }
              }
            }
          }
        }
      }
    }
  }

  private func value(_ bytes: [UInt8], _ element: Int) -> Float {
    bytes.withUnsafeBytes { raw in
      switch type {
      case .uint8: Float(raw[element])
      case .uint16:
        Float(UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 2 * element, as: UInt16.self)))
      case .float16:
        HalfFloat.value(
          UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 2 * element, as: UInt16.self)))
      case .float32:
        Float(
          bitPattern: UInt32(
            littleEndian: raw.loadUnaligned(fromByteOffset: 4 * element, as: UInt32.self)))
      }
    }
  }

  /// Write part of a plane of float16: rows y, columns x of the plane that `leading` (up to z) and `trailing` fix.
  /// Chunks must be one element thick but along y and x; what of them is outside the part stays.
  public func writePlane(
    leading: [Int], trailing: [Int], x: Range<Int>, y: Range<Int>,
    values: UnsafeBufferPointer<Float>
  ) throws {
    let first = leading.count
    guard type == .float16, first + 2 + trailing.count == shape.count,
      chunks[..<first].allSatisfy({ $0 == 1 }), chunks[(first + 2)...].allSatisfy({ $0 == 1 }),
      values.count == x.count * y.count, y.upperBound <= shape[first],
      x.upperBound <= shape[first + 1], x.lowerBound >= 0, y.lowerBound >= 0
    else { throw HowdahError(.argument, "\(path): the part does not lie in a plane of \(shape)") }
    let (cy, cx) = (chunks[first], chunks[first + 1])
    for j in (y.lowerBound / cy)...((y.upperBound - 1) / cy) {
      for i in (x.lowerBound / cx)...((x.upperBound - 1) / cx) {
        let index = leading + [j, i] + trailing
        let rows = max(y.lowerBound, j * cy)..<min(y.upperBound, (j + 1) * cy)
        let columns = max(x.lowerBound, i * cx)..<min(x.upperBound, (i + 1) * cx)
        let isWhole =
          rows.count == min(cy, shape[first] - j * cy)
          && columns.count == min(cx, shape[first + 1] - i * cx)
        var bytes = try isWhole ? nil : readChunk(index)
        if bytes == nil { bytes = [UInt8](repeating: 0, count: chunkBytes) }
        try bytes!.withUnsafeMutableBytes { raw in
          let out = raw.bindMemory(to: UInt16.self)
          for row in rows {
            let source = (row - y.lowerBound) * x.count - x.lowerBound
            let target = (row - j * cy) * cx - i * cx
            for column in columns {
              out[target + column] = HalfFloat.bits(values[source + column]).littleEndian
            }
          }
          try writeChunk(index, UnsafeRawBufferPointer(raw))
        }
      }
    }
  }
}
