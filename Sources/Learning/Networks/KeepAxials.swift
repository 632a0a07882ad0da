// Which poolings keep the z axis, and the sizes that follow. ELEPHANT hands these flags over with every
// sample: they belong to the image (how coarse its z axis is), not to the network.

import Core

/// One flag a pooling, from full resolution down: true keeps z, false halves it.
public struct KeepAxials: Hashable, Sendable {
  /// One flag a pooling, from full resolution down.
  public var flags: [Bool]

  /// These flags.
  public init(_ flags: [Bool]) { self.flags = flags }

  /// The first `count` poolings keep z, as ELEPHANT's `n_keep_axials`.
  public init(first count: Int, of depth: Int) {
    flags = (0..<depth).map { $0 < count }
  }

  /// ELEPHANT's choice for an image: so many poolings keep z that after them a voxel is about as long along z as
  /// along x. `voxel` is the voxel size of what the network sees, after any rescaling.
  public init(voxel: VoxelSize, depth: Int) {
    self.init(first: Self.count(anisotropy: voxel.z / voxel.x), of: depth)
  }

  /// The power of two nearest to z over x, as the exponent that ELEPHANT calls `n_keep_axials`; -1 for voxels
  /// that are flat along z. Between two powers the nearer one, the larger one of equally near ones.
  public static func count(anisotropy a: Double) -> Int {
    guard a.isFinite, a >= 0, a < 1e9 else { return 0 }
    func bits(_ value: Int) -> Int { Int.bitWidth - value.leadingZeroBitCount }
    let low = bits(Int(a)) - 1
    let high = bits(max(0, Int(a - 1)))
    let below = low < 0 ? 0.5 : Double(1 << low)
    return a - below < Double(1 << high) - a ? low : high
  }

  /// 1 or 2: what pooling at this level divides z by.
  public func zFactor(_ level: Int) -> Int { flags[level] ? 1 : 2 }

  /// How often z is halved.
  public var halvings: Int { flags.count { !$0 } }

  /// What every size must be a multiple of: 2^poolings along y and x, 2^halvings along z (1 in 2D).
  public func base(dimensions: Int) -> Size3 {
    let xy = 1 << flags.count
    return Size3(x: xy, y: xy, z: dimensions == 2 ? 1 : 1 << halvings)
  }

  /// Throws `.argument` unless there is one flag a pooling.
  public func check(_ architecture: Architecture) throws {
    guard flags.count == architecture.depth else {
      throw HowdahError(
        .argument,
        "\(architecture.name) has \(architecture.depth) poolings, "
          + "but keep_axials has \(flags.count) flags")
    }
  }

  /// The flags that hold in 2D, where z is never pooled.
  func effective(_ architecture: Architecture) -> KeepAxials {
    architecture.dimensions == 2 ? KeepAxials(flags.map { _ in true }) : self
  }
}
