// What surrounds a host: where text goes, how progress is shown, what a script may touch.

import Core
import Glibc
import LuaShim

/// The surroundings of a host.
public struct HostContext {
  /// Where `print`ed results of host functions go.
  public var output: (String) -> Void = { text in _ = writeAll(1, text) }
  /// Where notes, logs and warnings go.
  public var notes: (String) -> Void = { text in _ = writeAll(2, text) }
  /// Hears of long work; nil shows nothing.
  public var progressListener: (@Sendable (Progress.Report) -> Void)?
  /// Whether Ctrl-C (SIGINT) stops scripts of this host.
  public var listensToInterrupts = false
  /// Bytes of Lua memory; 0 is no limit.
  public var memoryLimit = 0
  /// The seed of the next random operation that is given none.
  public var seed = 0
  /// Saves that scripts asked for in the middle of an edit.
  public var deferredSaves = DeferredSaves()
  /// Columns of the terminal that help is wrapped to; nil does not wrap.
  public var width: Int?
  /// Colour and other escapes may be printed.
  public var usesColor = false
  /// The policy of a sandboxed state; nil for trusted states, which get the whole standard library.
  public var sandbox: SandboxPolicy?

  /// The surroundings of a trusted script.
  public init() {}
}

/// Write all of a text to a file descriptor; false when that failed.
@discardableResult
public func writeAll(_ descriptor: Int32, _ text: String) -> Bool {
  var text = text
  return text.withUTF8 { bytes in
    var offset = 0
    while offset < bytes.count {
      let n = write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
      if n < 0 {
        if errno == EINTR { continue }
        return false
      }
      offset += n
    }
    return true
  }
}

/// A pointer that may travel to worker threads: the box is only asked whether to stop.
struct StopFlag: @unchecked Sendable {
  let box: UnsafeMutablePointer<hw_box>
  var isSet: Bool { hw_should_stop(box) }
}

extension LuaHost {
  /// The coroutine that runs now.
  var running: OpaquePointer { box.pointee.current }

  /// A progress for work started by a script: stops when the script is to stop.
  public func makeProgress() -> Progress {
    let flag = StopFlag(box: box)
    return Progress(stopRequested: { flag.isSet }, listener: context.progressListener)
  }

  /// Throws kind `interrupted` or `limit` when the script was asked to stop.
  public func checkStop() throws {
    if hw_should_stop(box) { throw HowdahError(.interrupted, "interrupted") }
  }
}
