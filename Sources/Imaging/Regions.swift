// Parts of volumes: boxes and planes, copied row by row.

import Core
import Glibc

extension Volume {
  /// The voxels inside a box. Throws `.argument` when the box is empty or not wholly inside.
  public func crop(_ box: VoxelBox) throws -> Volume {
    guard box.fits(in: size) else {
      throw HowdahError(
        .argument,
        "crop: a box of \(box.size) voxels at (\(box.origin.x), \(box.origin.y), \(box.origin.z)) "
          + "does not lie inside a volume of \(size)")
    }
    if box.size == size { return self }
    let bytesPerVoxel = type.byteCount
    let rowBytes = box.size.x * bytesPerVoxel
    let part = try Volume.make(size: box.size, voxelSize: voxelSize, type: type) { target in
      withBytes { source in
        var out = target.baseAddress!
        for z in box.origin.z..<box.origin.z + box.size.z {
          for y in box.origin.y..<box.origin.y + box.size.y {
            let start = ((z * size.y + y) * size.x + box.origin.x) * bytesPerVoxel
            memcpy(out, source.baseAddress! + start, rowBytes)
            out += rowBytes
          }
        }
      }
    }
    return part.withColors(colors)
  }

  /// The plane at an index of an axis: a volume of size 1 along that axis.
  ///
  /// Throws `.argument` when the index is outside.
  public func slice(axis: Axis, index: Int) throws -> Volume {
    guard index >= 0, index < size[axis] else {
      throw HowdahError(
        .argument, "slice: \(axis) = \(index) is outside 0 ..< \(size[axis])")
    }
    var box = VoxelBox(size)
    box.origin[axis] = index
    box.size[axis] = 1
    return try crop(box)
  }
}
