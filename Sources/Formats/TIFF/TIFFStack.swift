// An open TIFF file as a stack of planes: which pages it has, how they make timepoints, channels and slices,
// and their pixels on demand. Everything declared is compared with what the file can hold before memory is
// taken.

import Core
import Glibc
import ImageShim
import Imaging
import Synchronization

/// One TIFF file. May be used from several threads; they take turns.
final class TIFFStack: @unchecked Sendable {
  let path: String
  /// Size of one volume.
  let size: Size3
  let channels: Int
  let timepoints: Int
  let voxelSize: VoxelSize
  /// Empty when the file names none.
  let unit: String
  /// The type that volumes have; types that Imaging does not know are converted to float32.
  let type: VoxelType

  /// The file's own voxels.
  private let stored: StoredType
  /// File offsets of the directories, one a page.
  private var pages: [UInt64] = []
  private let samples: Int
  /// Where the planes lie when one directory stands for all of them (ImageJ beyond 4 GB).
  private var raw: (offset: UInt64, swapped: Bool)?
  private let planeBytes: Int

  /// Guards `tiff`; nil after `close`.
  private let lock = Mutex<Void>(())
  private var tiff: OpaquePointer?

  /// Open a file. `pagesAreSlices` takes all pages for the slices of one volume, whatever its text says.
  init(_ path: String, pagesAreSlices: Bool = false) throws {
    guard case .file = FileBytes.kind(of: path) else {
      throw HowdahError.file(path, "is not a file that can be read")
    }
    self.path = path
    var handle: OpaquePointer?
    try withMessage { message, length in
      handle = howdah_tiff_open(path, message, length)
      return handle != nil
    } failure: {
      HowdahError.format(path, at: "", "is no readable TIFF file: \($0)")
    }
    tiff = handle
    // From here on `deinit` closes the file, also when this throws: all properties are set first.
    var first = HowdahTIFFPage()
    var next: UInt64 = 0
    var failure: (any Error)?
    do { try Self.page(handle, 0, path, 0, &first, &next) } catch { failure = error }
    let stored = StoredType(first)
    self.stored = stored ?? .uint8
    type = stored?.voxelType ?? .uint8
    samples = max(1, Int(first.samples))
    planeBytes = Int(first.width) * Int(first.height) * (stored?.byteCount ?? 1)
    var found: (pages: [UInt64], raw: (UInt64, Bool)?) = ([], nil)
    var axes = ImageJDescription()
    var isImageJ = false
    if failure == nil {
      do {
        guard stored != nil else {
          throw HowdahError.format(
            path, at: "page 0",
            "has \(first.bits)-bit samples of kind \(first.format), which cannot be read; convert "
              + "it to 8, 16 or 32 bits")
        }
        guard first.width > 0, first.height > 0 else {
          throw HowdahError.format(path, at: "page 0", "has no pixels")
        }
        found.pages = try Self.pages(handle, path, first, next, bytes: planeBytes)
        if let text = howdah_tiff_description(handle, 0),
          let description = ImageJDescription(String(cString: text))
        {
          isImageJ = true
          axes = description
        }
        let count = found.pages.count
        if isImageJ, count == 1, axes.images > 1, first.contiguous != 0, samples == 1,
          UInt64(axes.images).multipliedReportingOverflow(by: UInt64(planeBytes)).overflow == false,
          first.offset <= UInt64(FileBytes.size(of: path)),
          UInt64(axes.images) * UInt64(planeBytes) <= UInt64(FileBytes.size(of: path))
            - first.offset
        {
          found.raw = (first.offset, first.swapped != 0)
        } else if axes.images != count {
          // No hyperstack, or a part of one: the pages are slices.
          (axes.images, axes.channels, axes.slices, axes.frames) = (count, 1, count, 1)
        }
        if pagesAreSlices { (axes.channels, axes.slices, axes.frames) = (1, axes.images, 1) }
      } catch { failure = error }
    }
    pages = found.pages
    raw = found.raw
    size = Size3(x: Int(first.width), y: Int(first.height), z: axes.slices)
    channels = samples > 1 ? samples * axes.channels : axes.channels
    timepoints = axes.frames
    unit = axes.unit
    // Without ImageJ's unit a resolution is that of a printer and says nothing about voxels.
    func extent(_ resolution: Double) -> Double {
      isImageJ && resolution > 0 && resolution.isFinite ? 1 / resolution : 1
    }
    voxelSize = VoxelSize(
      x: extent(first.x_resolution), y: extent(first.y_resolution), z: axes.spacing)
    if let failure { throw failure }
  }

  deinit { close() }

  /// Let go of the file.
  func close() {
    lock.withLock { _ in
      howdah_tiff_close(tiff)
      tiff = nil
    }
  }

  private static func page(
    _ tiff: OpaquePointer?, _ offset: UInt64, _ path: String, _ number: Int,
    _ page: inout HowdahTIFFPage, _ next: inout UInt64
  ) throws {
    try withMessage { message, length in
      howdah_tiff_page(tiff, offset, &page, &next, message, length) != 0
    } failure: {
      HowdahError.format(path, at: "page \(number)", $0)
    }
  }

  /// The offsets of the first page and of all others of its kind; thumbnails and masks are left out.
  private static func pages(
    _ tiff: OpaquePointer?, _ path: String, _ first: HowdahTIFFPage, _ second: UInt64, bytes: Int
  ) throws -> [UInt64] {
    let fileSize = UInt64(FileBytes.size(of: path))
    // Uncompressed data must all be there; deflate, the strongest method, packs 1032 to 1.
    let packing: UInt64 = first.compression == 1 ? 1 : 1032
    let needed = UInt64(bytes) * UInt64(max(1, first.samples))
    func check(_ page: HowdahTIFFPage, _ number: Int, total: UInt64) throws {
      guard page.stored <= fileSize, total <= fileSize, needed / packing <= page.stored else {
        throw HowdahError.format(
          path, at: "page \(number)",
          "declares \(page.width) x \(page.height) pixels, but stores \(page.stored) bytes in a file "
            + "of \(fileSize)")
      }
    }
    var offsets: [UInt64] = [0]
    var total = first.stored
    try check(first, 0, total: total)
    var offset = second
    var seen = Set<UInt64>()
    while offset != 0 {
      guard seen.insert(offset).inserted else {
        throw HowdahError.format(path, at: "page \(offsets.count)", "its pages form a circle")
      }
      var page = HowdahTIFFPage()
      let here = offset
      try Self.page(tiff, here, path, offsets.count, &page, &offset)
      guard page.width == first.width, page.height == first.height, page.bits == first.bits,
        page.samples == first.samples, page.format == first.format,
        page.compression == first.compression
      else { continue }
      total += page.stored
      try check(page, offsets.count, total: total)
      offsets.append(here)
    }
    return offsets
  }

  /// Read a box of one volume.
  func volume(t: Int, channel: Int, box: VoxelBox, progress: Progress) throws -> Volume {
    let box = box
    return try Volume.make(size: box.size, voxelSize: voxelSize, type: type) { target in
      let out = box.size.x * box.size.y * type.byteCount
      let whole = box.size.x == size.x && box.size.y == size.y && stored.isVoxelType
      try withUnsafeTemporaryAllocation(
        byteCount: whole ? 0 : planeBytes, alignment: 16
      ) { plane in
        for z in 0..<box.size.z {
          try progress.check()
          let part = UnsafeMutableRawBufferPointer(rebasing: target[z * out..<(z + 1) * out])
          if whole {
            try read(t: t, channel: channel, z: box.origin.z + z, into: part)
          } else {
            try read(t: t, channel: channel, z: box.origin.z + z, into: plane)
            for y in 0..<box.size.y {
              let start = (box.origin.y + y) * size.x + box.origin.x
              stored.convert(
                plane, from: start, count: box.size.x,
                to: UnsafeMutableRawBufferPointer(
                  rebasing: part[
                    y * box.size.x * type.byteCount..<(y + 1) * box.size.x * type.byteCount]))
            }
          }
        }
      }
    }
  }

  /// Read one plane as it is stored, in the byte order of this machine.
  private func read(t: Int, channel: Int, z: Int, into buffer: UnsafeMutableRawBufferPointer) throws
  {
    let perPage = samples > 1 ? samples : 1
    let stackChannels = channels / perPage
    let index = (t * size.z + z) * stackChannels + channel / perPage
    try lock.withLock { _ in
      guard let tiff else { throw HowdahError(.state, "\(path): has been closed") }
      if let raw { return try readRaw(index, raw, into: buffer) }
      try withMessage { message, length in
        howdah_tiff_read(
          tiff, pages[index], UInt16(channel % perPage), buffer.baseAddress, buffer.count, message,
          length) != 0
      } failure: {
        HowdahError.format(path, at: "page \(index)", $0)
      }
    }
  }

  private func readRaw(
    _ index: Int, _ raw: (offset: UInt64, swapped: Bool), into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw HowdahError.file(path, "cannot be read: \(lastSystemError())") }
    defer { Glibc.close(fd) }
    let start = Int(raw.offset) + index * planeBytes
    var done = 0
    while done < buffer.count {
      let n = pread(fd, buffer.baseAddress! + done, buffer.count - done, start + done)
      if n < 0, errno == EINTR { continue }
      guard n > 0 else {
        throw HowdahError.format(path, at: "page \(index), byte \(start + done)", "ends too early")
      }
      done += n
    }
    if raw.swapped { stored.swap(buffer) }
  }
}
