// Saving in the middle of an edit: whether the changes will stay is only known when the edit has ended, so
// the file is written then.

import Formats

/// Saves that wait for the end of the edits they were asked for in. One is shared by a host and the recipes
/// that it runs.
public final class DeferredSaves {
  private var waiting: [(project: Project, save: () throws -> Void)] = []

  /// No save waits.
  public init() {}

  /// Save when the edit of this project has ended well.
  func add(_ project: Project, _ save: @escaping () throws -> Void) {
    waiting.append((project, save))
  }

  /// Change a project as one undo point, and save it afterwards if `body` asked for that. When `body` throws,
  /// its changes are taken back and nothing is saved.
  public func edit<R>(_ project: Project, _ name: String, _ body: () throws -> R) throws -> R {
    if project.lineage.isEditing { return try project.lineage.edit(name, body) }
    let result: R
    do {
      result = try project.lineage.edit(name, body)
    } catch {
      waiting.removeAll { $0.project === project }
      throw error
    }
    let mine = waiting.filter { $0.project === project }
    waiting.removeAll { $0.project === project }
    for (_, save) in mine { try save() }
    return result
  }
}
