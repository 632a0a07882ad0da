// Where the golden files are, and how the tests read them.

import Foundation
import Learning

enum GoldenFiles {
  static func path(_ name: String) -> String {
    Bundle.module.resourcePath! + "/Golden/" + name
  }

  /// All tensors of a golden file by name.
  static func tensors(_ name: String) throws -> [String: NamedTensor] {
    let file = try PTHFile.read(path(name))
    return Dictionary(uniqueKeysWithValues: file.models[0].map { ($0.name, $0) })
  }

  /// A folder that only this test uses.
  static func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "learning-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
