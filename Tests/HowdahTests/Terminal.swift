// Running the program: with pipes, and at a pseudo-terminal as a person would.

import Foundation
import Testing

/// What a finished run left.
struct Finished {
  var status: Int32
  var output: String
  var errors: String
}

/// The built program; it lies beside the test bundle.
let programPath: String = {
  let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  return folder.appendingPathComponent("howdah").path
}()

/// Run the program to its end, with `input` on standard input.
func howdah(_ arguments: [String], input: String = "", in folder: String? = nil) throws -> Finished
{
  let process = Process()
  process.executableURL = URL(fileURLWithPath: programPath)
  process.arguments = arguments
  if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
  let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
  process.standardInput = stdin
  process.standardOutput = stdout
  process.standardError = stderr
  try process.run()
  stdin.fileHandleForWriting.write(Data(input.utf8))
  try stdin.fileHandleForWriting.close()
  let output = stdout.fileHandleForReading.readDataToEndOfFile()
  let errors = stderr.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return Finished(
    status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
    errors: String(decoding: errors, as: UTF8.self))
}

/// The program at a pseudo-terminal of its own.
final class Terminal {
  private let master: Int32
  private let child: pid_t
  private var hasEnded = false
  /// Everything it has written.
  private(set) var screen = ""
  private var seen = 0

  init(_ arguments: [String] = [], home: String) throws {
    // What posix_openpt, unlockpt and ptsname do; Glibc's module does not show them.
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var unlock: Int32 = 0
    var number: UInt32 = 0
    guard master >= 0, ioctl(master, 0x4004_5431, &unlock) == 0,
      ioctl(master, 0x8004_5430, &number) == 0
    else { throw POSIXError(.EIO) }
    let name = "/dev/pts/\(number)"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    // The child leads a session, so the first terminal that it opens becomes its controlling terminal.
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    posix_spawn_file_actions_addclose(&actions, master)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(
      &attributes, Int16(0x80 /* SETSID */ | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var usual = sigset_t()
    sigfillset(&usual)
    posix_spawnattr_setsigdefault(&attributes, &usual)
    func pointers(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
      texts.map { strdup($0) } + [nil]
    }
    let words = pointers([programPath] + arguments)
    let environment = pointers([
      "HOME=\(home)", "TERM=xterm", "NO_COLOR=1", "PATH=/usr/bin:/bin", "LANG=C.UTF-8",
    ])
    var pid: pid_t = 0
    let status = posix_spawn(&pid, programPath, &actions, &attributes, words, environment)
    for word in words + environment { free(word) }
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
    guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: status) ?? .EIO) }
    child = pid
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
  }

  /// A child that nobody waits for would stay a zombie, and the test library's own wait for the children of
  /// exit tests would see nothing else.
  deinit {
    if !hasEnded {
      kill(child, SIGKILL)
      var status: Int32 = 0
      while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    }
    close(master)
  }

  /// Type these characters ("\u{3}" is Ctrl-C, "\t" Tab, "\u{4}" Ctrl-D).
  func type(_ text: String) {
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
      let n = bytes[offset...].withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
      if n > 0 { offset += n } else { usleep(2000) }
    }
  }

  /// Type a line and wait for the next prompt.
  func enter(_ line: String) -> String {
    type(line + "\n")
    return wait(for: "\r\n> ")
  }

  /// Wait until `text` comes after what was waited for before; gives what was written until then.
  @discardableResult
  func wait(for text: String, seconds: Double = 30) -> String {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      var block = [UInt8](repeating: 0, count: 4096)
      let n = read(master, &block, block.count)
      if n > 0 { screen += String(decoding: block[..<n], as: UTF8.self) }
      let rest = String(screen.dropFirst(seen))
      if let range = rest.range(of: text) {
        let before = String(rest[..<range.upperBound])
        seen += before.count
        return before
      }
      if n <= 0 { usleep(5000) }
    }
    Issue.record("\"\(text)\" did not come; the screen shows \(screen.suffix(400))")
    return ""
  }

  /// The exit status, once it has ended.
  func status() -> Int32 {
    var status: Int32 = 0
    for _ in 0..<3000 {
      var block = [UInt8](repeating: 0, count: 4096)
      _ = read(master, &block, block.count)
      if waitpid(child, &status, WNOHANG) == child {
        hasEnded = true
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
      }
      usleep(10000)
    }
    return -2
  }
}

/// A folder for one test, removed with it.
final class Folder {
  let path = NSTemporaryDirectory() + "howdah-cli-" + UUID().uuidString
  init() {
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  func write(_ name: String, _ text: String) -> String {
    let file = path + "/" + name
    try? text.write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }
}
