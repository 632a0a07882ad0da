// PNG pictures over libpng: 8-bit gray, RGB and RGBA, 16-bit gray.

import Core
import ImageShim

/// A picture as it is in a PNG file: rows from top to bottom, channels of a pixel together.
public struct PNGImage: Equatable, Sendable {
  /// Pixels along x.
  public var width: Int
  /// Pixels along y.
  public var height: Int
  /// 1 gray, 3 RGB or 4 RGBA.
  public var channels: Int
  /// 8 or 16 bits a channel; 16-bit values are in the byte order of this machine.
  public var bits: Int
  /// width * height * channels * bits / 8 bytes.
  public var pixels: [UInt8]

  /// A picture with these pixels; `PNGFile.write` checks that they fit the size.
  public init(width: Int, height: Int, channels: Int, bits: Int, pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.channels = channels
    self.bits = bits
    self.pixels = pixels
  }
}

/// Writing and reading of PNG files.
public enum PNGFile {
  /// Write an RGBA picture with 8 bits a channel; `rgba` has 4 * width * height bytes.
  public static func write(_ rgba: [UInt8], width: Int, height: Int, to path: String) throws {
    try write(
      PNGImage(width: width, height: height, channels: 4, bits: 8, pixels: rgba), to: path)
  }

  /// Write a gray picture with 8 bits a pixel.
  public static func write(gray: [UInt8], width: Int, height: Int, to path: String) throws {
    try write(
      PNGImage(width: width, height: height, channels: 1, bits: 8, pixels: gray), to: path)
  }

  /// Write a gray picture with 16 bits a pixel.
  public static func write(gray: [UInt16], width: Int, height: Int, to path: String) throws {
    let bytes = gray.withUnsafeBytes { [UInt8]($0) }
    try write(
      PNGImage(width: width, height: height, channels: 1, bits: 16, pixels: bytes), to: path)
  }

  /// Write a picture whole or not at all.
  ///
  /// - Parameter level: zlib's compression level, 0 (none, fast) to 9.
  /// - Throws: `.argument` when the sizes do not fit the pixels, `.file` when writing fails.
  public static func write(_ image: PNGImage, to path: String, level: Int = 6) throws {
    let bytesPerPixel = image.channels * image.bits / 8
    guard [1, 3, 4].contains(image.channels), image.bits == 8 || image.bits == 16,
      (1...1 << 20).contains(image.width), (1...1 << 20).contains(image.height),
      image.pixels.count == image.width * image.height * bytesPerPixel
    else {
      throw HowdahError(
        .argument,
        "\(path): a picture of \(image.width) x \(image.height) with \(image.channels) channels of "
          + "\(image.bits) bits does not fit \(image.pixels.count) bytes of pixels")
    }
    try AtomicFile.write(to: path) { temporary in
      try withMessage { message, size in
        image.pixels.withUnsafeBytes {
          howdah_png_write(
            temporary, $0.baseAddress, UInt32(image.width), UInt32(image.height),
            image.width * bytesPerPixel, Int32(image.channels), Int32(image.bits), Int32(level),
            message, size) != 0
        }
      } failure: {
        HowdahError.file(path, "cannot be written: \($0)")
      }
    }
  }

  /// Read a picture. Palettes and small bit depths are expanded, an alpha channel beside gray is dropped.
  ///
  /// - Throws: `.file`, `.format`, or `.limit` for a picture whose pixels could not come from such a file.
  public static func read(_ path: String) throws -> PNGImage {
    guard case .file = FileBytes.kind(of: path) else {
      throw HowdahError.file(path, "is not a file that can be read")
    }
    var (width, height, channels, bits) = (UInt32(0), UInt32(0), Int32(0), Int32(0))
    try withMessage { message, size in
      howdah_png_info(path, &width, &height, &channels, &bits, message, size) != 0
    } failure: {
      HowdahError.format(path, at: "", "is no readable PNG picture: \($0)")
    }
    let count = Int(width) * Int(height) * Int(channels) * Int(bits) / 8
    // Deflate packs at most 1032 to 1.
    guard count / 1040 <= FileBytes.size(of: path) else {
      throw HowdahError(
        .limit,
        "\(path): declares \(width) x \(height) pixels, more than a file of its size can hold")
    }
    var pixels = [UInt8](repeating: 0, count: count)
    try withMessage { message, size in
      pixels.withUnsafeMutableBytes {
        howdah_png_read(path, $0.baseAddress, $0.count, message, size) != 0
      }
    } failure: {
      HowdahError.format(path, at: "", "is damaged: \($0)")
    }
    return PNGImage(
      width: Int(width), height: Int(height), channels: Int(channels), bits: Int(bits),
      pixels: pixels)
  }
}

/// Calls a shim function with room for its message and throws what `failure` makes of the message when the
/// function returns false.
func withMessage(
  _ body: (UnsafeMutablePointer<CChar>?, Int) throws -> Bool, failure: (String) -> HowdahError
) throws {
  let text = try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer -> String? in
    buffer.initialize(repeating: 0)
    return try body(buffer.baseAddress, buffer.count) ? nil : String(cString: buffer.baseAddress!)
  }
  if let text { throw failure(text) }
}
