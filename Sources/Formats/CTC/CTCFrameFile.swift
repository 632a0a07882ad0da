// One frame of a sequence: a TIFF file whose pages are slices, whatever it says about itself.

import Core
import Imaging

/// An open frame.
final class CTCFrameFile {
  private let stack: TIFFStack
  /// Size in voxels.
  let size: Size3

  init(_ path: String) throws {
    stack = try TIFFStack(path, pagesAreSlices: true)
    // Writers take a stack of three or four slices for the colours of a picture.
    guard stack.channels == 1 || stack.size.z == 1 else {
      throw HowdahError.format(
        path, at: "", "has \(stack.size.z) pages of \(stack.channels) colours; frames have none")
    }
    size = Size3(x: stack.size.x, y: stack.size.y, z: stack.size.z * stack.channels)
  }

  deinit { stack.close() }

  /// Its voxel size, 1 when it names none.
  var voxelSize: VoxelSize { stack.voxelSize }
  /// Its unit, "pixel" when it names none.
  var unit: String { stack.unit.isEmpty ? "pixel" : stack.unit }
  /// Type of its voxels.
  var type: VoxelType { stack.type }

  /// Read a box.
  func volume(_ box: VoxelBox, progress: Progress) throws -> Volume {
    if stack.channels == 1 {
      return try stack.volume(t: 0, channel: 0, box: box, progress: progress)
    }
    var plane = box
    (plane.origin.z, plane.size.z) = (0, 1)
    return try Volume.make(size: box.size, voxelSize: voxelSize, type: type) { out in
      let bytes = box.size.x * box.size.y * type.byteCount
      for z in 0..<box.size.z {
        let slice = try stack.volume(
          t: 0, channel: box.origin.z + z, box: plane, progress: progress)
        slice.withBytes {
          UnsafeMutableRawBufferPointer(rebasing: out[z * bytes..<(z + 1) * bytes])
            .copyMemory(from: $0)
        }
      }
    }
  }
}
