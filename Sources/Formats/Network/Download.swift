// Files from the network. Nothing in this program reaches out by itself: a person names the address and, for a recipe,
// allows it.

import Core
import Glibc
import NetShim

/// Fetches files by http and https.
public enum Download {
  /// Whether a text is an address and not a path.
  public static func isAddress(_ text: String) -> Bool {
    let start = text.prefix(8).lowercased()
    return start.hasPrefix("http://") || start.hasPrefix("https://")
  }

  /// Fetch a file. It is at `path` as a whole or not at all.
  ///
  /// - Parameters:
  ///   - limit: more bytes than this are refused.
  /// - Throws: `.argument` for what is no address, `.file` with the reason, `.interrupted` within 100 ms.
  public static func fetch(
    _ address: String, to path: String, limit: Int = 4 << 30, progress: Progress = .none
  ) throws {
    guard isAddress(address), !address.utf8.contains(where: { $0 <= 32 || $0 == 127 }) else {
      throw HowdahError(
        .argument, "\(address): an address begins with http:// or https:// and has no spaces")
    }
    progress.begin(total: 1000, "downloading")
    try AtomicFile.write(to: path) { temporary in
      let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else {
        throw HowdahError.file(path, "cannot be written: \(lastSystemError())")
      }
      defer { close(descriptor) }
      let watch = Watch(progress)
      var reason = [CChar](repeating: 0, count: 512)
      let outcome = howdah_fetch(
        address, descriptor, Int64(limit),
        { context, done, total in
          Unmanaged<Watch>.fromOpaque(context!).takeUnretainedValue().isStopping(done, total)
            ? 1 : 0
        }, Unmanaged.passUnretained(watch).toOpaque(), &reason, reason.count)
      withExtendedLifetime(watch) {}
      if Int(outcome) == HOWDAH_FETCH_STOPPED { try progress.check() }
      guard Int(outcome) == HOWDAH_FETCHED else {
        let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        throw HowdahError.file(address, String(decoding: text, as: UTF8.self))
      }
    }
  }

  /// Hears of a transfer.
  private final class Watch {
    private let progress: Progress
    private var told = 0

    init(_ progress: Progress) { self.progress = progress }

    func isStopping(_ done: Int64, _ total: Int64) -> Bool {
      let now = total > 0 ? Int(Double(done) / Double(total) * 1000) : 0
      if now > told {
        progress.advance(by: now - told)
        told = now
      }
      return progress.isCancelled
    }
  }
}
