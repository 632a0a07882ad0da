// Programs that benchmarks start: peers in Python and howdah itself.

import Glibc

/// A program that runs beside this one, found along PATH; it can be told lines and answers lines. Its standard
/// error is ours.
final class Child {
  private var process: pid_t = 0
  private var input: UnsafeMutablePointer<FILE>?
  private var output: UnsafeMutablePointer<FILE>?

  /// Start a program with its arguments and with changes of the environment; nil when it cannot be started.
  init?(_ words: [String], environment: [String: String] = [:]) {
    var (toChild, fromChild): ([Int32], [Int32]) = ([0, 0], [0, 0])
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { return nil }
    for end in toChild + fromChild { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    for (name, value) in environment { setenv(name, value, 1) }
    defer { for name in environment.keys { unsetenv(name) } }
    var argv = words.map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    let status = posix_spawnp(&process, words[0], &actions, nil, &argv, environ)
    close(toChild[0])
    close(fromChild[1])
    input = fdopen(toChild[1], "w")
    output = fdopen(fromChild[0], "r")
    if status != 0 {
      process = 0
      return nil
    }
  }

  /// A peer script of `Sources/bench/peers`, run by the Python of HOWDAH_BENCH_PYTHON.
  convenience init?(peer script: String, _ arguments: [String], environment: [String: String] = [:])
  {
    let python = getenv("HOWDAH_BENCH_PYTHON").map { String(cString: $0) } ?? "python3"
    self.init([python, "Sources/bench/peers/\(script)"] + arguments, environment: environment)
  }

  deinit { wait() }

  /// Say a line to it.
  func tell(_ line: String) {
    guard let input else { return }
    fputs(line + "\n", input)
    fflush(input)
  }

  /// The next line of what it says, without its end; nil when there is no more.
  func line() -> String? {
    guard let output else { return nil }
    var buffer: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(buffer) }
    guard getline(&buffer, &capacity, output) >= 0, let buffer else { return nil }
    let text = String(cString: buffer)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }

  /// Close its input and output and wait until it has ended.
  ///
  /// - Returns: its exit status; 0 after the first call.
  @discardableResult
  func wait() -> Int32 {
    if let input { fclose(input) }
    if let output { fclose(output) }
    (input, output) = (nil, nil)
    var status: Int32 = 0
    while process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR {}
    process = 0
    return status
  }
}

/// A peer that stays: it is set up once and then runs one figure at a time, so that its runs and ours alternate and
/// see the same machine.
final class Peer {
  /// What the script can measure; empty when Python or a package is missing.
  private(set) var variants: [String] = []
  private let child: Child?

  /// Start a script and wait until it is ready.
  init(_ script: String, _ arguments: [String], environment: [String: String] = [:]) {
    child = Child(peer: script, arguments, environment: environment)
    while let line = child?.line() {
      let words = line.split(separator: " ").map(String.init)
      if words.first == "ready" {
        variants = Array(words.dropFirst())
        return
      }
    }
  }

  /// The number that the script answers to a line; nil when it does not know the variant.
  func ask(_ line: String) -> Double? {
    guard let child, variants.contains(where: { line.hasSuffix($0) }) else { return nil }
    child.tell(line)
    return child.line().flatMap { Double($0) }
  }
}

/// Run a peer script of `Sources/bench/peers` and read the figures it prints, one `name value` a line.
///
/// Returns nothing when Python or a package is missing: the table then shows a dash for the peer.
func runPeer(_ script: String, _ arguments: [String] = []) -> [String: Double] {
  let child = Child(peer: script, arguments)
  var figures: [String: Double] = [:]
  while let line = child?.line() {
    let words = line.split(separator: " ")
    if words.count == 2, let value = Double(words[1]) { figures[String(words[0])] = value }
  }
  return figures
}

/// Run the howdah that was built beside this program.
///
/// - Returns: its exit status and standard output; nil when it is not there.
func runHowdah(_ arguments: [String]) -> (status: Int32, output: String)? {
  guard let child = Child([".build/release/howdah"] + arguments) else { return nil }
  var output = ""
  while let line = child.line() { output += line + "\n" }
  return (child.wait(), output)
}
