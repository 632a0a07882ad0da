// Reading a whole small file (XML, project members) with its size checked first.

import Core
import Glibc

/// The bytes of an ordinary file of at most `limit` bytes.
///
/// Throws `.file` when it is missing, unreadable or no ordinary file, `.limit` when it is larger.
func readWholeFile(_ path: String, limit: Int) throws -> [UInt8] {
  // Non-blocking, so that a named pipe in place of a file cannot hang the open.
  let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard fd >= 0 else { throw HowdahError.file(path, "cannot be read: \(lastSystemError())") }
  defer { close(fd) }
  var info = stat()
  guard fstat(fd, &info) == 0 else {
    throw HowdahError.file(path, "cannot be read: \(lastSystemError())")
  }
  guard info.st_mode & S_IFMT == S_IFREG else {
    throw HowdahError.file(path, "is not an ordinary file")
  }
  let size = Int(info.st_size)
  guard size <= limit else {
    throw HowdahError(.limit, "\(path): \(size) bytes are more than the \(limit) expected at most")
  }
  return try [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
    while filled < size {
      let n = read(fd, buffer.baseAddress! + filled, size - filled)
      if n < 0 {
        if errno == EINTR { continue }
        throw HowdahError.file(path, "cannot be read: \(lastSystemError())")
      }
      // The file shrank while it was read: what is there is the content.
      if n == 0 { break }
      filled += n
    }
  }
}
