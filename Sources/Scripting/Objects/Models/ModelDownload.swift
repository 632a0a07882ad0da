// Models from the network: a person names the address, and a recipe needs --allow-net.

import Core
import Formats
import Glibc
import Learning

extension Call {
  /// The model that a source names: what `howdah.detection` opens. Throws kind `permission` for an address that this
  /// state may not fetch.
  func openModel(_ source: String, kind: ModelKind, dimensions: Int? = nil) throws -> ModelObject {
    var wish = ModelSource.Wish()
    wish.dimensions = dimensions
    return try openModel(source, kind: kind, wish)
  }

  /// The same with all wishes.
  func openModel(_ source: String, kind: ModelKind, _ wish: ModelSource.Wish) throws -> ModelObject
  {
    guard Download.isAddress(source) else {
      return try ModelSource.open(
        source, kind: kind, wish, readable: { try readablePath($0) }, progress: progress)
    }
    try host.context.sandbox?.checkNetwork(source)
    let path = try Self.temporaryFile(
      suffix: source.hasSuffix(".safetensors") ? ".safetensors" : ".pth")
    defer { unlink(path) }
    try Download.fetch(source, to: path, progress: progress)
    let fetched = try ModelSource.open(
      path, kind: kind, wish, readable: { $0 }, progress: progress)
    return try ModelObject(fetched.file, kind: kind)
  }

  /// A new empty file that nobody else uses.
  private static func temporaryFile(suffix: String) throws -> String {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var name = Array((folder + "/howdah-model-XXXXXX" + suffix).utf8CString)
    let descriptor = mkstemps(&name, Int32(suffix.utf8.count))
    guard descriptor >= 0 else {
      throw HowdahError.file(folder, "takes no temporary file: \(lastSystemError())")
    }
    close(descriptor)
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
