// Writes `.pth` files that PyTorch loads (with weights_only as well): a zip archive of stored members, every
// tensor at an offset that is a multiple of 64, and a pickle of protocol 2 that rebuilds the state_dicts.

import Core

extension PTHFile {
  /// Write the file, replacing what is there at once or not at all. One model becomes a bare state_dict,
  /// several a list. With `half`, the elements are stored in 16 bits; PyTorch (and so ELEPHANT) turns them into
  /// 32 bits when it copies them into a network. Throws `.argument` for values that 16 bits cannot hold.
  public func write(to path: String, half: Bool = false, progress: Progress = .none) throws {
    try write(to: path, half: half, progress: progress) {}
  }

  /// The same; `replacing` is called when all is written, before the new file takes the place of the old one.
  func write(to path: String, half: Bool, progress: Progress, replacing: () throws -> Void) throws {
    let file = path.split(separator: "/").last.map(String.init) ?? "weights"
    let stem = file.hasSuffix(".pth") ? String(file.dropLast(4)) : file
    var pickle = PickleWriter(storage: half ? "HalfStorage" : "FloatStorage")
    var payloads: [[Float]] = []
    pickle.begin()
    if models.count != 1 { pickle.beginList() }
    for table in models {
      pickle.beginMap()
      for tensor in table {
        pickle.tensor(tensor, storage: payloads.count)
        payloads.append(tensor.values)
      }
      pickle.endMap()
    }
    if models.count != 1 { pickle.endList() }
    pickle.end()
    let width = half ? 2 : 4
    let total =
      payloads.reduce(0) { $0 + $1.count * width } + extras.values.reduce(0) { $0 + $1.count }
    progress.begin(total: max(1, total), "writing \(file)")
    try AtomicFile.write(to: path) { temporary in
      let zip = try StoredZip(temporary, as: path, progress: progress)
      try zip.add(stem + "/data.pkl", pickle.bytes)
      try zip.add(stem + "/.format_version", Array("1".utf8))
      try zip.add(stem + "/.storage_alignment", Array("64".utf8))
      try zip.add(stem + "/byteorder", Array("little".utf8))
      for (i, values) in payloads.enumerated() {
        let name = stem + "/data/\(i)"
        if half {
          try Self.halves(values).withUnsafeBytes { try zip.add(name, $0) }
        } else {
          try values.withUnsafeBytes { try zip.add(name, $0) }
        }
        progress.advance(by: values.count * width)
      }
      try zip.add(stem + "/version", Array("3\n".utf8))
      for (name, bytes) in extras.sorted(by: { $0.key < $1.key }) {
        try zip.add(stem + "/howdah/" + name, bytes)
        progress.advance(by: bytes.count)
      }
      try zip.finish()
      try replacing()
    }
  }

  private static func halves(_ values: [Float]) throws -> [Float16] {
    let result = values.map { Float16($0) }
    guard let i = result.firstIndex(where: { !$0.isFinite }), values[i].isFinite else {
      return result
    }
    throw HowdahError(
      .argument, "\(values[i]) does not fit into 16 bits; store the weights in 32 bits")
  }
}

/// The pickle operations that a state_dict is written with.
private struct PickleWriter {
  let storage: String
  var bytes: [UInt8] = []

  init(storage: String) { self.storage = storage }

  mutating func begin() { bytes += [0x80, 2] }
  mutating func end() { emit(".") }
  mutating func beginList() { emit("](") }
  mutating func endList() { emit("e") }
  mutating func beginMap() {
    emit("ccollections\nOrderedDict\n)R(")
  }
  mutating func endMap() { emit("u") }

  mutating func tensor(_ tensor: NamedTensor, storage: Int) {
    text(tensor.name)
    emit("ctorch._utils\n_rebuild_tensor_v2\n((")
    text("storage")
    emit("ctorch\n\(self.storage)\n")
    text(String(storage))
    text("cpu")
    integer(tensor.values.count)
    emit("tQ")
    integer(0)
    tuple(tensor.shape)
    tuple(tensor.shape.indices.map { tensor.shape[($0 + 1)...].reduce(1, *) })
    bytes.append(0x89)
    emit("ccollections\nOrderedDict\n)RtR")
  }

  private mutating func emit(_ s: String) { bytes += Array(s.utf8) }

  private mutating func text(_ s: String) {
    let utf8 = Array(s.utf8)
    emit("X")
    appendLittle(UInt32(utf8.count))
    bytes += utf8
  }

  private mutating func integer(_ i: Int) {
    if let small = Int32(exactly: i) {
      emit("J")
      appendLittle(UInt32(bitPattern: small))
    } else {
      bytes += [0x8a, 8]
      appendLittle(UInt64(i))
    }
  }

  private mutating func tuple(_ items: [Int]) {
    emit("(")
    for item in items { integer(item) }
    emit("t")
  }

  private mutating func appendLittle<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}
