// Where the real files are that some tests read. They are not in the repository.

import Foundation

/// The folder named by HOWDAH_DATA; tests that need it are skipped when it is not there.
enum RealData {
  static let folder = ProcessInfo.processInfo.environment["HOWDAH_DATA"]

  /// Whether the folder is there. Says so once when it is not.
  static let exists: Bool = {
    if let folder, FileManager.default.fileExists(atPath: folder) { return true }
    print("HOWDAH_DATA names no folder: tests with real files are skipped")
    return false
  }()

  /// A file inside the folder.
  static func path(_ name: String) -> String { (folder ?? "") + "/" + name }

  /// All files with this extension below the folder, in order of path.
  static func files(withExtension fileExtension: String) -> [String] {
    guard exists, let folder, let all = FileManager.default.enumerator(atPath: folder) else {
      return []
    }
    return all.compactMap { $0 as? String }.filter { $0.hasSuffix("." + fileExtension) }.sorted()
      .map { folder + "/" + $0 }
  }
}
