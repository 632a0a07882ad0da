// Downloads from a server on this machine: whole files, redirections, refusals, stopping.

import Core
import Formats
import Foundation
import Synchronization
import Testing

@Suite("Downloads")
struct DownloadTests {
  /// Answers one connection after another with what `respond` makes of the path that is asked for.
  private final class Server: @unchecked Sendable {
    let port: Int
    private let socketNumber: Int32

    init(_ respond: @escaping @Sendable (String) -> [UInt8]) throws {
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      socketNumber = listener
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(listener, $0, length) == 0 && listen(listener, 8) == 0
            && getsockname(listener, $0, &length) == 0
        }
      }
      try #require(bound)
      port = Int(UInt16(bigEndian: address.sin_port))
      Thread.detachNewThread {
        while true {
          let client = accept(listener, nil, nil)
          if client < 0 { return }
          var request = [UInt8](repeating: 0, count: 4096)
          let n = recv(client, &request, request.count, 0)
          let line = String(decoding: request[..<max(0, n)], as: UTF8.self)
          let words = line.split(separator: " ")
          let answer = respond(words.count > 1 ? String(words[1]) : "")
          if answer.isEmpty { usleep(1_500_000) }
          var sent = 0
          while sent < answer.count {
            let k = answer.withUnsafeBytes {
              send(client, $0.baseAddress! + sent, answer.count - sent, Int32(MSG_NOSIGNAL))
            }
            if k <= 0 { break }
            sent += k
          }
          close(client)
        }
      }
    }

    deinit {
      shutdown(socketNumber, Int32(SHUT_RDWR))
      close(socketNumber)
    }
  }

  private static func answer(_ status: String, _ body: [UInt8], _ header: String = "") -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(header)\r\n".utf8) + body
  }

  private let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/howdah-\(UUID())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  @Test("A file comes as a whole, also when it has moved")
  func whole() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let server = try Server { path in
      path == "/old"
        ? Self.answer("302 Found", [], "Location: /new\r\n") : Self.answer("200 OK", bytes)
    }
    let path = folder + "/file"
    let most = Atomic<Int>(0)
    let progress = Progress(listener: { most.store($0.done, ordering: .relaxed) })
    try Download.fetch("http://127.0.0.1:\(server.port)/old", to: path, progress: progress)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(bytes))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
  }

  @Test("What fails says why and leaves nothing")
  func failures() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let server = try Server { path in
      switch path {
      case "/large": Self.answer("200 OK", [UInt8](repeating: 1, count: 5000))
      case "/file": Self.answer("302 Found", [], "Location: file:///etc/passwd\r\n")
      default: Self.answer("404 Not Found", [])
      }
    }
    func reason(_ address: String) -> String {
      let error = #expect(throws: HowdahError.self) {
        try Download.fetch(address, to: folder + "/file", limit: 4096)
      }
      return error?.message ?? ""
    }
    let base = "http://127.0.0.1:\(server.port)"
    #expect(reason(base + "/nothing").contains("404"))
    #expect(reason(base + "/large").contains("larger"))
    #expect(reason(base + "/file").contains("rotocol"))
    #expect(reason("http://127.0.0.1:1/x").contains("127.0.0.1:1"))
    #expect(reason("file:///etc/passwd").contains("http://"))
    #expect(reason("http://127.0.0.1/a b").contains("spaces"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test("A server that is silent does not keep it from stopping")
  func stopped() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let server = try Server { _ in [] }
    let asked = Atomic<Int>(0)
    let progress = Progress(stopRequested: { asked.add(1, ordering: .relaxed).newValue > 3 })
    let error = #expect(throws: HowdahError.self) {
      try Download.fetch(
        "http://127.0.0.1:\(server.port)/", to: folder + "/file", progress: progress)
    }
    #expect(error?.kind == .interrupted)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }
}
