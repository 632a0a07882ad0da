// Which folder of the Cell Tracking Challenge a path means, and what belongs to it.

import Core

/// The parts of a sequence, as far as they exist.
struct CTCLayout {
  /// The folder of label images and its track table.
  var labels, table: String?
  /// Whether they are a truth (`man_track`) rather than a result (`mask`).
  var isTruth = false
  /// The folder of reference segmentations.
  var segmentation: String?
  /// The folder of images.
  var images: String?

  /// Nil when a path is no folder or nothing of the kind is in it.
  init?(_ path: String) {
    guard FileBytes.kind(of: path) == .folder else { return nil }
    let path = ProjectPath.absolute(path)
    if Self.hasImages(path) {
      images = path
      for sibling in [path + "_GT", path + "_RES"] where labels == nil { findLabels(sibling) }
      return
    }
    findLabels(path)
    guard let labels else { return nil }
    // 01_GT/TRA, 01_GT and 01_RES belong to 01.
    var sequence = labels.hasSuffix("/TRA") ? String(labels.dropLast(4)) : labels
    for suffix in ["_GT", "_RES", "_ST"] where sequence.hasSuffix(suffix) {
      sequence = String(sequence.dropLast(suffix.count))
      if Self.hasImages(sequence) { images = sequence }
      break
    }
  }

  private mutating func findLabels(_ folder: String) {
    for candidate in [folder, folder + "/TRA"] {
      guard let names = try? FileBytes.entries(of: candidate) else { continue }
      let tables = names.filter { $0.hasSuffix("_track.txt") }
      guard
        let table = ["man_track.txt", "res_track.txt"].first(where: tables.contains)
          ?? (tables.count == 1 ? tables[0] : nil)
      else { continue }
      labels = candidate
      self.table = candidate + "/" + table
      isTruth = names.contains { Self.number($0, prefix: "man_track") != nil }
      let beside = candidate.hasSuffix("/TRA") ? String(candidate.dropLast(4)) : candidate
      if FileBytes.kind(of: beside + "/SEG") == .folder { segmentation = beside + "/SEG" }
      return
    }
  }

  private static func hasImages(_ folder: String) -> Bool {
    guard let names = try? FileBytes.entries(of: folder) else { return false }
    return names.contains { number($0, prefix: "t") != nil }
  }

  /// The name of a TIFF file without its ending, nil for other files.
  static func stem(_ name: String) -> String? {
    for ending in [".tif", ".tiff"] where name.hasSuffix(ending) {
      return String(name.dropLast(ending.count))
    }
    return nil
  }

  /// The file names of so many frames: at least three digits, as many for each.
  static func names(_ prefix: String, _ count: Int) -> [String] {
    let digits = max(3, String(max(0, count - 1)).count)
    return (0..<count).map { t in
      let number = String(t)
      return prefix + String(repeating: "0", count: digits - number.count) + number + ".tif"
    }
  }

  /// The frame of a file `prefix` + digits + `.tif`; nil for other names.
  static func number(_ name: String, prefix: String) -> Int? {
    guard name.hasPrefix(prefix), let stem = stem(name) else { return nil }
    let digits = stem.dropFirst(prefix.count)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int(digits)
  }

  /// The files of frames 0, 1, ... in a folder.
  ///
  /// - Throws: `.format` when there are none, one is missing or there are two of one frame.
  static func frames(of folder: String, prefix: String) throws -> [String] {
    var files: [Int: String] = [:]
    for name in try FileBytes.entries(of: folder) {
      guard let t = number(name, prefix: prefix) else { continue }
      if let other = files.updateValue(name, forKey: t) {
        throw HowdahError.format(
          folder, at: "frame \(t)", "is there twice, as \(other) and \(name)")
      }
    }
    guard let last = files.keys.max() else {
      throw HowdahError.format(
        folder, at: "", "holds no files \(prefix)000.tif, \(prefix)001.tif, ...")
    }
    guard last < files.count else {
      let missing = (0...last).first { files[$0] == nil }!
      let digits = String(missing)
      let name = prefix + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
      throw HowdahError.format(
        folder, at: "frame \(missing)", "\(name).tif is missing; frames go on to \(files[last]!)")
    }
    return (0...last).map { folder + "/" + files[$0]! }
  }
}
