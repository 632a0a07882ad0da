// What a weights file holds, whatever its format: for every model of an ensemble an ordered table of named
// tensors, and how such a table becomes a `Model`.

import Core

/// A tensor of a weights file.
public struct NamedTensor: Sendable, Equatable {
  /// Its key in the state_dict.
  public var name: String
  /// Extents, slowest axis first.
  public var shape: [Int]
  /// The elements in row-major order.
  public var values: [Float]

  /// A tensor; the number of values must fit the shape.
  public init(name: String, shape: [Int], values: [Float]) {
    self.name = name
    self.shape = shape
    self.values = values
  }
}

/// The tensors of one model, in file order.
public typealias WeightTable = [NamedTensor]

extension Model {
  /// The parameters as a table, in file order.
  public var table: WeightTable {
    zip(specs, values).map { NamedTensor(name: $0.name, shape: $0.shape, values: $1) }
  }

  /// A model of a known architecture from a table. Strict: every key must be there with its shape, and no
  /// other. Keys that all begin with `module.` (multi-process training) are accepted. `path` is for messages.
  public init(_ architecture: Architecture, table: WeightTable, path: String) throws {
    try self.init(architecture)
    var left = Set(specs.map(\.name))
    for tensor in Self.stripped(table) {
      guard let i = try? position(of: tensor.name) else {
        throw HowdahError.format(
          path, at: tensor.name, "\(architecture.name) has no such parameter")
      }
      guard left.remove(tensor.name) != nil else {
        throw HowdahError.format(path, at: tensor.name, "the parameter is there twice")
      }
      guard specs[i].shape == tensor.shape, tensor.values.count == specs[i].count else {
        throw HowdahError.format(
          path, at: tensor.name,
          "has shape \(tensor.shape), but \(architecture.name) in "
            + "\(architecture.dimensions)D needs \(specs[i].shape)")
      }
      values[i] = tensor.values
    }
    if let missing = specs.first(where: { left.contains($0.name) }) {
      throw HowdahError.format(
        path, at: missing.name, "\(left.count) parameters of \(architecture.name) are missing")
    }
  }

  /// A model from a table alone: which of the three networks, its dimensions and widths follow from keys and
  /// shapes.
  public init(table: WeightTable, path: String) throws {
    let shapes = Dictionary(
      Self.stripped(table).map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    func find(_ names: String...) -> [Int]? { names.lazy.compactMap { shapes[$0] }.first }
    guard let first = find("encoder.0.0.weight", "encoder.0.conv1.weight"), first.count >= 4,
      first.count <= 5, let out = shapes["out_conv.weight"], out.count == first.count
    else {
      throw HowdahError.format(
        path, at: "", "its keys are not those of an ELEPHANT network (encoder.0..., out_conv)")
    }
    var widths: [Int] = []
    while let next = find(
      "encoder.\(widths.count).0.weight", "encoder.\(widths.count).conv1.weight")
    {
      widths.append(next.first ?? 0)
    }
    widths.append(find("base.0.weight", "base.conv1.weight")?.first ?? 0)
    let dimensions = first.count - 2
    var architecture: Architecture
    if shapes["encoder.0.0.weight"] != nil {
      architecture = .unet(dimensions: dimensions, widths: widths)
    } else if shapes["encoder.0.norm1.weight"] != nil {
      architecture = .resUNet(dimensions: dimensions, widths: widths)
    } else {
      architecture = .flowResNet(dimensions: dimensions, widths: widths)
    }
    architecture.inputChannels = first[1]
    architecture.outputChannels = out[0]
    try self.init(architecture, table: table, path: path)
  }

  private static func stripped(_ table: WeightTable) -> WeightTable {
    guard !table.isEmpty, table.allSatisfy({ $0.name.hasPrefix("module.") }) else { return table }
    return table.map {
      NamedTensor(name: String($0.name.dropFirst(7)), shape: $0.shape, values: $0.values)
    }
  }
}
