// The one error type that every room throws: what failed, where, why and what to do about it.

/// An error that a person can act on. Its `kind` is the `.kind` of the Lua error object.
public struct HowdahError: Error, CustomStringConvertible, Sendable {
  /// What sort of thing went wrong. The raw value is the name that Lua scripts see.
  public enum Kind: String, Sendable, CaseIterable {
    /// A file or folder cannot be read or written (missing, permission, disk full).
    case file
    /// A file was read, but its content is not what its format says.
    case format
    /// An argument has the wrong type, name or range.
    case argument
    /// A handle points to something that has been removed.
    case stale
    /// The recipe was not given the permission.
    case permission
    /// The person or a time limit stopped the work.
    case interrupted
    /// The images are not there (remote, dummy or missing), or the operation needs some.
    case unavailable
    /// Memory or a size limit.
    case limit
    /// The operation does not fit the state (nothing to undo, an edit inside an edit, ...).
    case state
    /// A defect in Howdah itself.
    case `internal`
  }

  /// What sort of thing went wrong.
  public var kind: Kind
  /// The whole sentence: file or argument, reason, and what to do.
  public var message: String

  /// An error of this kind with this sentence.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// An error in the content of a file: `path: place: reason`.
  ///
  /// `place` says where in the file (member, offset, element), so that the reader can find it.
  public static func format(_ path: String, at place: String, _ reason: String) -> HowdahError {
    HowdahError(.format, place.isEmpty ? "\(path): \(reason)" : "\(path): \(place): \(reason)")
  }

  /// An error of the file system: `path: reason`.
  public static func file(_ path: String, _ reason: String) -> HowdahError {
    HowdahError(.file, "\(path): \(reason)")
  }

  /// The message.
  public var description: String { message }
}
