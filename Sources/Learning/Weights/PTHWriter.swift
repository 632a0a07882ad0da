// Writes `.pth` files that PyTorch loads (with weights_only as well): a zip archive of stored members, every
// tensor at an offset that is a multiple of 64, and a pickle of protocol 2 that rebuilds the state_dicts.

import Core

extension PTHFile {
  /// How the numbers of a file are kept.
  public enum Storage: Sendable {
    /// 4 bytes each, exact.
    case single
    /// 2 bytes each, rounded to the nearest IEEE half: 3 digits, at most 65504. PyTorch widens them when it loads
    /// them into a network.
    case half
  }

  /// Write the file, replacing what is there at once or not at all. One model becomes a bare state_dict,
  /// several a list.
  public func write(
    to path: String, as storage: Storage = .single, progress: Progress = .none
  ) throws {
    let file = path.split(separator: "/").last.map(String.init) ?? "weights"
    let stem = file.hasSuffix(".pth") ? String(file.dropLast(4)) : file
    var zip = StoredZip()
    var pickle = PickleWriter()
    var payloads: [[Float]] = []
    pickle.begin()
    if models.count != 1 { pickle.beginList() }
    for table in models {
      pickle.beginMap()
      for tensor in table {
        pickle.tensor(tensor, storage: payloads.count, as: storage)
        payloads.append(tensor.values)
      }
      pickle.endMap()
    }
    if models.count != 1 { pickle.endList() }
    pickle.end()
    try zip.add(stem + "/data.pkl", pickle.bytes)
    try zip.add(stem + "/.format_version", Array("1".utf8))
    try zip.add(stem + "/.storage_alignment", Array("64".utf8))
    try zip.add(stem + "/byteorder", Array("little".utf8))
    for (i, values) in payloads.enumerated() {
      try progress.check()
      let name = stem + "/data/\(i)"
      switch storage {
      case .single: try values.withUnsafeBytes { try zip.add(name, $0) }
      case .half: try values.map(floatToHalf).withUnsafeBytes { try zip.add(name, $0) }
      }
    }
    try zip.add(stem + "/version", Array("3\n".utf8))
    for (name, bytes) in extras.sorted(by: { $0.key < $1.key }) {
      try zip.add(stem + "/howdah/" + name, bytes)
    }
    try AtomicFile.write(zip.finished(), to: path)
  }
}

/// The nearest IEEE half, ties to even; beyond its range infinity.
func floatToHalf(_ value: Float) -> UInt16 {
  let sign = UInt16(value.bitPattern >> 16) & 0x8000
  let size = value.magnitude
  if size.isNaN { return sign | 0x7e00 }
  if size >= 65520 { return sign | 0x7c00 }
  // Below 2^-14 the step is 2^-24, above it 2^-10 of the power of two.
  let exponent = max(-14, size == 0 ? -14 : Int(size.exponent))
  let step = Float(sign: .plus, exponent: exponent - 10, significand: 1)
  let units = Int((size / step).rounded(.toNearestOrEven))
  // A unit count of 2^11 carries into the exponent by itself.
  return sign | UInt16((exponent + 14) << 10 + units)
}

/// The pickle operations that a state_dict is written with.
private struct PickleWriter {
  var bytes: [UInt8] = []

  mutating func begin() { bytes += [0x80, 2] }
  mutating func end() { emit(".") }
  mutating func beginList() { emit("](") }
  mutating func endList() { emit("e") }
  mutating func beginMap() {
    emit("ccollections\nOrderedDict\n)R(")
  }
  mutating func endMap() { emit("u") }

  mutating func tensor(_ tensor: NamedTensor, storage: Int, as kind: PTHFile.Storage) {
    text(tensor.name)
    emit("ctorch._utils\n_rebuild_tensor_v2\n((")
    text("storage")
    emit(kind == .half ? "ctorch\nHalfStorage\n" : "ctorch\nFloatStorage\n")
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
