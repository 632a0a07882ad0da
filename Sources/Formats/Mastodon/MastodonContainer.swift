// The two forms of a Mastodon project: a zip file, or a folder with files of the same names.

import Core
import Glibc

/// Reading all members of a project.
enum MastodonContainer {
  static let model = "model.raw"
  static let tags = "tags.raw"
  static let project = "project.xml"
  static let gui = "gui.xml"
  static let backup = "dataset.xml.backup"
  static let features = "features/"

  /// All members of the project at `path`, in the order of the container; folders in the order of names.
  static func read(_ path: String, progress: Progress) throws -> [ArchiveMember] {
    if FileBytes.kind(of: path) == .folder { return try readFolder(path, progress: progress) }
    return try ZipArchive.read(path)
  }

  /// Files directly in the folder and in its folder `features`. Other folders (images may lie beside the
  /// members) do not belong to the project.
  private static func readFolder(_ path: String, progress: Progress) throws -> [ArchiveMember] {
    var members: [ArchiveMember] = []
    for name in try memberNames(inFolder: path) {
      try progress.check()
      members.append(
        ArchiveMember(name: name, bytes: try readWholeFile(path + "/" + name, limit: 1 << 36)))
    }
    return members
  }

  /// Names of the members that a project's folder holds.
  static func memberNames(inFolder path: String) throws -> [String] {
    let known = [project, model, tags, gui, backup].filter {
      FileBytes.kind(of: path + "/" + $0) == .file
    }
    guard FileBytes.kind(of: path + "/features") == .folder else { return known }
    return known
      + (try FileBytes.entries(of: path + "/features")).filter { $0.hasSuffix(".raw") }
      .map { features + $0 }
  }

  /// Write a project's members to the zip file or the existing folder at `path`, whole or not at all.
  static func write(_ members: [ArchiveMember], to path: String) throws {
    if FileBytes.kind(of: path) == .folder { return try writeFolder(members, to: path) }
    try AtomicFile.write(to: path) { try ZipArchive.write(members, to: $0, as: path) }
  }

  private static func writeFolder(_ members: [ArchiveMember], to path: String) throws {
    try FolderExchange.replace(path) { folder in
      let old = (try memberNames(inFolder: path)).map { folder + "/" + $0 }
      for file in old { unlink(file) }
      for member in members {
        if member.name.hasPrefix(features) { mkdir(folder + "/features", 0o777) }
        try AtomicFile.write(member.bytes, to: folder + "/" + member.name)
      }
    }
  }
}
