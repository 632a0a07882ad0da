// A peer that stays: it is set up once and then runs one figure at a time, so that its runs and ours alternate and
// see the same machine.

import Glibc

/// A Python script of `Sources/bench/peers` that answers lines on standard input.
final class Peer {
  /// What the script can measure; empty when Python or a package is missing.
  private(set) var variants: [String] = []
  private var process: pid_t = 0
  private var input: UnsafeMutablePointer<FILE>?
  private var output: UnsafeMutablePointer<FILE>?

  /// Start a script and wait until it is ready.
  init(_ script: String, _ arguments: [String], environment: [String: String] = [:]) {
    let python = getenv("HOWDAH_BENCH_PYTHON").map { String(cString: $0) } ?? "python3"
    var (toPeer, fromPeer): ([Int32], [Int32]) = ([0, 0], [0, 0])
    guard pipe(&toPeer) == 0, pipe(&fromPeer) == 0 else { return }
    for end in toPeer + fromPeer { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toPeer[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromPeer[1], 1)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (name, value) in environment { setenv(name, value, 1) }
    defer { for name in environment.keys { unsetenv(name) } }
    let words = [python, "Sources/bench/peers/\(script)"] + arguments
    var argv = words.map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    let status = posix_spawnp(&process, python, &actions, nil, &argv, environ)
    close(toPeer[0])
    close(fromPeer[1])
    input = fdopen(toPeer[1], "w")
    output = fdopen(fromPeer[0], "r")
    guard status == 0 else {
      process = 0
      return
    }
    while let line = readLine() {
      let words = line.split(separator: " ").map(String.init)
      if words.first == "ready" {
        variants = Array(words.dropFirst())
        return
      }
    }
  }

  deinit {
    if let input { fclose(input) }
    if let output { fclose(output) }
    var status: Int32 = 0
    if process > 0 { waitpid(process, &status, 0) }
  }

  /// The number that the script answers to a line; nil when it does not know the variant.
  func ask(_ line: String) -> Double? {
    guard let input, variants.contains(where: { line.hasSuffix($0) }) else { return nil }
    fputs(line + "\n", input)
    fflush(input)
    return readLine().flatMap { Double($0) }
  }

  private func readLine() -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    guard let output, fgets(&buffer, Int32(buffer.count), output) != nil else { return nil }
    let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
