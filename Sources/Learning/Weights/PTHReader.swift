// Reads PyTorch's `.pth` files in their zip form (PyTorch 1.6 and later): a bare state_dict, or a list of
// them (an ensemble). Files of older PyTorch are refused with advice. The file is hostile until shown
// otherwise: every size is checked against the member that holds it before memory is taken.

import CZip
import Core

/// A `.pth` file: one weight table a model, and the members that only we write.
public struct PTHFile: Sendable {
  /// One table a model, in file order.
  public var models: [WeightTable]
  /// Members under `<top>/howdah/`, by name: training state and history. PyTorch ignores them.
  public var extras: [String: [UInt8]]

  /// The content to write.
  public init(models: [WeightTable], extras: [String: [UInt8]] = [:]) {
    self.models = models
    self.extras = extras
  }

  /// The longest pickle that is read.
  static let pickleLimit = 16 << 20

  /// Read a file. Throws `.file` when it cannot be opened, `.format` when it is not such a file.
  public static func read(_ path: String, progress: Progress = .none) throws -> PTHFile {
    let archive = try Archive(path)
    defer { archive.close() }
    let pickles = archive.names.filter { $0.hasSuffix("/data.pkl") }
    guard let name = pickles.first, pickles.count == 1 else {
      throw HowdahError.format(
        path, at: "", "holds no single data.pkl, so it is not a PyTorch file of weights")
    }
    let top = String(name.dropLast("data.pkl".count))
    if archive.names.contains(top + "byteorder"),
      try archive.read(top + "byteorder", limit: 64) != Array("little".utf8)
    {
      throw HowdahError.format(path, at: "byteorder", "only little-endian files are read")
    }
    let pickle: Pickle
    do {
      pickle = try Pickle(archive.read(name, limit: pickleLimit))
    } catch let failure as Pickle.Failure {
      throw HowdahError.format(path, at: "\(name), byte \(failure.offset)", failure.reason)
    }
    var roots: [Pickle.Value]
    switch pickle.result {
    case .list(let l): roots = pickle.lists[l]
    default: roots = [pickle.result]
    }
    if roots.isEmpty || roots.count > 64 {
      throw HowdahError.format(path, at: name, "holds \(roots.count) models; 1 to 64 are read")
    }
    var storages = StorageCache(archive: archive, top: top, path: path, progress: progress)
    progress.begin(
      total: max(1, pickle.tensors.count), "reading weights")
    let models = try roots.map { root -> WeightTable in
      guard case .map(let m) = root else {
        throw HowdahError.format(
          path, at: name, "holds something else than a state_dict or a list of them")
      }
      return try pickle.maps[m].map { item in
        defer { progress.advance() }
        guard case .tensor(let t) = item.value else {
          throw HowdahError.format(
            path, at: item.key, "is not a tensor; save the state_dict of the network alone")
        }
        return NamedTensor(
          name: item.key, shape: pickle.tensors[t].sizes,
          values: try storages.values(pickle.tensors[t], item.key))
      }
    }
    var extras: [String: [UInt8]] = [:]
    for member in archive.names where member.hasPrefix(top + "howdah/") {
      extras[String(member.dropFirst(top.count + 7))] = try archive.read(
        member, limit: 1 << 30, progress: progress)
    }
    return PTHFile(models: models, extras: extras)
  }
}

/// Decodes storages once, however many tensors share them.
private struct StorageCache {
  let archive: Archive
  let top, path: String
  let progress: Progress
  private var decoded: [String: [Float]] = [:]

  init(archive: Archive, top: String, path: String, progress: Progress) {
    self.archive = archive
    self.top = top
    self.path = path
    self.progress = progress
  }

  /// The elements of a tensor, in row-major order.
  mutating func values(_ tensor: PickledTensor, _ key: String) throws -> [Float] {
    let storage = try storage(tensor, key)
    let outside = HowdahError.format(path, at: key, "the tensor reaches outside its storage")
    guard tensor.sizes.count == tensor.strides.count else { throw outside }
    var count = 1
    var last = tensor.offset
    for (size, stride) in zip(tensor.sizes, tensor.strides) {
      let (next, over1) = count.multipliedReportingOverflow(by: size)
      let (reach, over2) = max(0, size - 1).multipliedReportingOverflow(by: stride)
      let (end, over3) = last.addingReportingOverflow(reach)
      if over1 || over2 || over3 { throw outside }
      count = next
      last = end
    }
    if count == 0 { return [] }
    guard last < storage.count, count <= storage.count else { throw outside }
    let dense = tensor.sizes.indices.reversed().reduce(into: (stride: 1, is: true)) { state, axis in
      if tensor.sizes[axis] != 1, tensor.strides[axis] != state.stride { state.is = false }
      state.stride *= tensor.sizes[axis]
    }
    if dense.is {
      return count == storage.count
        ? storage : Array(storage[tensor.offset..<(tensor.offset + count)])
    }
    var result = [Float](repeating: 0, count: count)
    var index = [Int](repeating: 0, count: tensor.sizes.count)
    var from = tensor.offset
    for i in 0..<count {
      if i % (1 << 20) == 0 { try progress.check() }
      result[i] = storage[from]
      for axis in index.indices.reversed() {
        index[axis] += 1
        from += tensor.strides[axis]
        if index[axis] < tensor.sizes[axis] { break }
        from -= tensor.strides[axis] * index[axis]
        index[axis] = 0
      }
    }
    return result
  }

  private mutating func storage(_ tensor: PickledTensor, _ key: String) throws -> [Float] {
    if let known = decoded[tensor.storage] { return known }
    let bytesPerElement: Int
    switch tensor.type {
    case "FloatStorage": bytesPerElement = 4
    case "HalfStorage", "BFloat16Storage": bytesPerElement = 2
    case "DoubleStorage": bytesPerElement = 8
    default:
      throw HowdahError.format(path, at: key, "elements of class \(tensor.type) are not weights")
    }
    let member = top + "data/" + tensor.storage
    let bytes = try archive.read(member, limit: 4 << 30, progress: progress)
    let (needed, overflow) = tensor.storageCount.multipliedReportingOverflow(by: bytesPerElement)
    guard !overflow, bytes.count == needed else {
      throw HowdahError.format(
        path, at: member,
        "has \(bytes.count) bytes, but \(tensor.storageCount) elements of "
          + "\(tensor.type) are announced")
    }
    let floats = bytes.withUnsafeBytes { raw in
      switch tensor.type {
      case "HalfStorage":
        (0..<tensor.storageCount).map {
          halfToFloat(raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self))
        }
      case "BFloat16Storage":
        (0..<tensor.storageCount).map {
          Float(
            bitPattern: UInt32(raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) << 16)
        }
      case "DoubleStorage":
        (0..<tensor.storageCount).map {
          Float(raw.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self))
        }
      default:
        [Float](unsafeUninitializedCapacity: tensor.storageCount) { buffer, count in
          UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
          count = tensor.storageCount
        }
      }
    }
    decoded[tensor.storage] = floats
    return floats
  }
}

/// The value of an IEEE half, computed from its fields.
func halfToFloat(_ bits: UInt16) -> Float {
  let sign: Float = bits & 0x8000 == 0 ? 1 : -1
  let exponent = Int(bits >> 10 & 31)
  let fraction = Float(bits & 1023)
  switch exponent {
  case 0: return sign * fraction * 0x1p-24
  case 31: return fraction == 0 ? sign * .infinity : .nan
  default:
    return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
  }
}
