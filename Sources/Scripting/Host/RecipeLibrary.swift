// Where recipes are found: by path, beside the project, in ./recipes, with the installed program, and in the
// source tree the program was built in.

import Core
import Glibc

/// The places where recipes lie.
public struct RecipeLibrary: Sendable {
  /// Folders, in the order in which they are searched.
  public var folders: [String]

  /// The places for a project at `projectPath` and the program `executable`.
  public init(projectPath: String? = nil, executable: String? = RecipeLibrary.executablePath()) {
    var found: [String] = []
    if let projectPath { found.append(SandboxPolicy.folder(of: projectPath)) }
    found.append("recipes")
    if let executable {
      var folder = SandboxPolicy.folder(of: executable)
      found.append(SandboxPolicy.folder(of: folder) + "/share/howdah/recipes")
      for _ in 0..<5 {
        if access(folder + "/Package.swift", R_OK) == 0 { found.append(folder + "/recipes") }
        folder = SandboxPolicy.folder(of: folder)
      }
    }
    folders = found
  }

  /// The path of the running program.
  public static func executablePath() -> String? {
    let path = SandboxPolicy.resolve("/proc/self/exe")
    return path == "/proc/self/exe" ? nil : path
  }

  /// The file of a recipe given by path (with a slash or .lua) or by name.
  public func find(_ name: String) throws -> String {
    if name.contains("/") || name.hasSuffix(".lua") {
      guard access(name, R_OK) == 0 else { throw HowdahError.file(name, lastSystemError()) }
      return name
    }
    let file = Recipe.canonical(name) + ".lua"
    for folder in folders where access(folder + "/" + file, R_OK) == 0 {
      return folder + "/" + file
    }
    throw HowdahError(
      .argument,
      "there is no recipe \"\(name)\"" + Suggest.hint(for: Recipe.canonical(name), among: names())
        + " (howdah recipes lists them)")
  }

  /// The names of all recipes that are there; the folder of the project itself is left out, as other scripts
  /// lie there too.
  public func names() -> [String] { files().map(\.name) }

  /// Name and path of all recipes, sorted by name; a name found in two places counts once, as `find` does.
  public func files() -> [(name: String, path: String)] {
    var result: [String: String] = [:]
    for folder in folders where folder.hasSuffix("recipes") {
      guard let directory = opendir(folder) else { continue }
      defer { closedir(directory) }
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name.hasSuffix(".lua"), !name.hasPrefix(".") else { continue }
        let bare = String(name.dropLast(4))
        if result[bare] == nil { result[bare] = folder + "/" + name }
      }
    }
    return result.sorted { $0.key < $1.key }.map { (name: $0.key, path: $0.value) }
  }
}
