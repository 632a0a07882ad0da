// Zip containers over libzip: read through the central directory with size limits, written with stored
// members. A member is wholly in memory; nothing is ever unpacked to disk.

import CZip
import Core
import Glibc

/// One member of a container: its name inside the container and its bytes.
public struct ArchiveMember: Equatable, Sendable {
  /// The path inside the container, parts divided by `/`.
  public var name: String
  /// The content, not compressed.
  public var bytes: [UInt8]

  /// A member with this name and content.
  public init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}

/// Reading and writing of zip files.
public enum ZipArchive {
  /// Unpacked sizes may be ten times the size of the file and this much more; what declares more is
  /// refused before memory is taken.
  static let allowance = 16 << 20

  /// All members of the zip file at `path` in the order of its central directory; entries of folders
  /// (names that end in `/`) are left out. Checksums are verified.
  ///
  /// - Throws: `.file` when the file cannot be read, `.format` when it is no zip or damaged, `.limit`
  ///   when it declares far more data than such a file can honestly hold.
  public static func read(_ path: String) throws -> [ArchiveMember] {
    guard FileBytes.kind(of: path) != .missing else {
      throw HowdahError.file(path, "does not exist")
    }
    var code: Int32 = 0
    guard let zip = zip_open(path, ZIP_RDONLY, &code) else {
      throw HowdahError.format(path, at: "", reason(path, code))
    }
    defer { zip_discard(zip) }
    let entries = try directory(of: zip, path: path)
    return try entries.map { entry in
      ArchiveMember(name: entry.name, bytes: try content(of: entry, in: zip, path: path))
    }
  }

  /// Why a file cannot be opened. One that begins as a zip file has lost its end, where the directory is.
  private static func reason(_ path: String, _ code: Int32) -> String {
    if code == ZIP_ER_NOZIP, beginsAsZip(path) {
      return "is cut off: it begins as a zip file, but the directory at its end is missing; "
        + "it was not copied or written completely"
    }
    return "is not a readable zip file: \(text(ofCode: code))"
  }

  /// Whether the first bytes are those of a zip member.
  private static func beginsAsZip(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    var start: UInt32 = 0
    return Glibc.read(descriptor, &start, 4) == 4 && UInt32(littleEndian: start) == 0x0403_4B50
  }

  private struct Entry {
    var name: String
    var index: zip_uint64_t
    var size: Int
  }

  /// Lists the members and refuses impossible sizes.
  private static func directory(of zip: OpaquePointer, path: String) throws -> [Entry] {
    var info = stat()
    guard stat(path, &info) == 0 else {
      throw HowdahError.file(path, "cannot be read: \(lastSystemError())")
    }
    let limit = Int(info.st_size) * 10 + allowance
    var total = 0
    var entries: [Entry] = []
    var seen = Set<String>()
    for index in 0..<zip_uint64_t(max(0, zip_get_num_entries(zip, 0))) {
      var stat = zip_stat_t()
      zip_stat_init(&stat)
      guard zip_stat_index(zip, index, 0, &stat) == 0, let cName = stat.name else {
        throw HowdahError.format(path, at: "entry \(index)", String(cString: zip_strerror(zip)))
      }
      let name = String(cString: cName)
      if name.hasSuffix("/") { continue }
      guard seen.insert(name).inserted else {
        throw HowdahError.format(path, at: "member \(name)", "occurs twice")
      }
      guard stat.valid & zip_uint64_t(ZIP_STAT_SIZE) != 0, stat.size <= UInt64(limit - total) else {
        throw HowdahError(
          .limit,
          "\(path): member \(name): declares \(stat.size) bytes, more than ten times the file; "
            + "if it is right, unpack the file into a folder and open that")
      }
      total += Int(stat.size)
      entries.append(Entry(name: name, index: index, size: Int(stat.size)))
    }
    return entries
  }

  private static func content(of entry: Entry, in zip: OpaquePointer, path: String) throws
    -> [UInt8]
  {
    func fail(_ reason: String, at offset: Int) -> HowdahError {
      HowdahError.format(path, at: "member \(entry.name), byte \(offset)", reason)
    }
    guard let file = zip_fopen_index(zip, entry.index, 0) else {
      throw fail(String(cString: zip_strerror(zip)), at: 0)
    }
    defer { zip_fclose(file) }
    var failure: HowdahError?
    let bytes = [UInt8](unsafeUninitializedCapacity: entry.size) { buffer, count in
      while count < entry.size {
        let n = zip_fread(file, buffer.baseAddress! + count, zip_uint64_t(entry.size - count))
        if n < 0 {
          failure = fail(String(cString: zip_file_strerror(file)), at: count)
          return
        }
        if n == 0 {
          failure = fail(
            "ends before the \(entry.size) bytes that the directory declares", at: count)
          return
        }
        count += Int(n)
      }
    }
    if let failure { throw failure }
    // Reading the end makes libzip compare the checksum, and shows data beyond the declared size.
    var more: UInt8 = 0
    let n = zip_fread(file, &more, 1)
    if n < 0 { throw fail(String(cString: zip_file_strerror(file)), at: entry.size) }
    if n > 0 { throw fail("goes on after its declared end", at: entry.size) }
    return bytes
  }

  /// Write a zip file with these members, stored, in this order. The same members give the same bytes.
  ///
  /// The file at `path` is created or overwritten: pass the temporary name that `AtomicFile` gives.
  /// `name` is the file's name in error texts.
  public static func write(_ members: [ArchiveMember], to path: String, as name: String) throws {
    var code: Int32 = 0
    guard let zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code) else {
      throw HowdahError.file(name, "cannot be written: \(text(ofCode: code))")
    }
    var owned = true
    defer { if owned { zip_discard(zip) } }
    func fail() -> HowdahError {
      HowdahError.file(name, "cannot be written: \(String(cString: zip_strerror(zip)))")
    }
    // libzip reads the buffers in zip_close. Large ones are pinned one inside the other until then;
    // small ones are copied, so that many members do not nest deeply.
    func add(_ rest: ArraySlice<ArchiveMember>) throws {
      var rest = rest
      while let member = rest.first, member.bytes.count < 1 << 16 {
        try addSource(small(member.bytes), member.name)
        rest = rest.dropFirst()
      }
      guard let member = rest.popFirst() else {
        guard zip_close(zip) == 0 else { throw fail() }
        owned = false
        return
      }
      try member.bytes.withUnsafeBytes { bytes in
        try addSource(
          zip_source_buffer(zip, bytes.baseAddress, zip_uint64_t(bytes.count), 0), member.name)
        try add(rest)
      }
    }
    func small(_ bytes: [UInt8]) -> OpaquePointer? {
      guard let copy = malloc(max(1, bytes.count)) else { return nil }
      bytes.withUnsafeBytes { content in
        if let base = content.baseAddress { copy.copyMemory(from: base, byteCount: content.count) }
      }
      guard let source = zip_source_buffer(zip, copy, zip_uint64_t(bytes.count), 1) else {
        free(copy)
        return nil
      }
      return source
    }
    func addSource(_ source: OpaquePointer?, _ member: String) throws {
      guard let source else { throw fail() }
      let index = zip_file_add(zip, member, source, zip_flags_t(ZIP_FL_ENC_UTF_8))
      guard index >= 0 else {
        zip_source_free(source)
        throw fail()
      }
      guard zip_set_file_compression(zip, zip_uint64_t(index), ZIP_CM_STORE, 0) == 0,
        zip_file_set_dostime(zip, zip_uint64_t(index), 0, firstDay, 0) == 0
      else { throw fail() }
    }
    try add(members[...])
  }

  /// 1 January 1980 in the date format of DOS: members carry no date of their own, so that the same
  /// project gives the same file.
  private static let firstDay: zip_uint16_t = 1 << 5 | 1

  private static func text(ofCode code: Int32) -> String {
    var error = zip_error_t()
    zip_error_init_with_code(&error, code)
    defer { zip_error_fini(&error) }
    return String(cString: zip_error_strerror(&error))
  }
}
