// Decoded chunks that were used lately, so that walking through a volume plane by plane does not decode each
// chunk once for every plane.

import Synchronization

/// A bounded cache of decoded chunks. May be used from several threads.
final class HDF5ChunkCache: Sendable {
  struct Key: Hashable, Sendable {
    var dataset: ObjectIdentifier
    var position: Int
  }

  private struct State: ~Copyable {
    var entries: [Key: (bytes: [UInt8], used: UInt64)] = [:]
    var total = 0
    var clock: UInt64 = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  /// A cache that holds at most `limit` bytes.
  init(limit: Int) { self.limit = limit }

  subscript(key: Key) -> [UInt8]? {
    state.withLock { state in
      state.clock += 1
      let clock = state.clock
      guard let found = state.entries[key] else { return nil }
      state.entries[key]!.used = clock
      return found.bytes
    }
  }

  /// Remember a chunk. When the cache is full, the half used longest ago goes.
  func insert(_ bytes: [UInt8], for key: Key) {
    guard bytes.count <= limit / 4 else { return }
    state.withLock { state in
      state.clock += 1
      let old = state.entries.updateValue((bytes, state.clock), forKey: key)
      state.total += bytes.count - (old?.bytes.count ?? 0)
      guard state.total > limit else { return }
      for (key, entry) in state.entries.sorted(by: { $0.value.used < $1.value.used }) {
        if state.total <= limit / 2 { break }
        state.entries[key] = nil
        state.total -= entry.bytes.count
      }
    }
  }

  func removeAll() {
    state.withLock {
      $0.entries = [:]
      $0.total = 0
    }
  }
}
