// Training samples for the detection network from scenes of all kinds: the image as a whole volume's
// normalisation leaves it, and labels as ELEPHANT paints them when every nucleus is marked.

import Core
import Imaging
import Learning

/// Samples of a `SceneVariety`. Sample i of an epoch is scene `epoch * count + i`: no scene comes twice.
public struct SimulatedSamples: SampleSource, Sendable {
  /// Where scenes come from.
  public var variety: SceneVariety
  /// Samples of one epoch.
  public var count: Int
  /// Share of a nucleus's radii that is its center.
  public var centerRatio = 0.4

  /// Samples of scenes of this seed.
  public init(seed: UInt64, count: Int) {
    variety = SceneVariety(seed: seed)
    self.count = count
  }

  /// A sample with its labels.
  public func sample(_ i: Int, epoch: Int) throws -> TrainingSample<Labels> {
    let number = epoch * count + i
    let scene = try variety.scene(number)
    var random = SeededRandom(seed: variety.seed, stream: 0x5A30_0000_0000 &+ UInt64(number))
    let labels = try labels(of: scene)
    var image = normalised(scene, number, &random)
    var target = labels
    for axis in Axis.allCases where random.uniform() < 0.5 {
      image = flipped(image, scene.volume.size, axis)
      target = flipped(target, scene.volume.size, axis)
    }
    // The client's rule, and now and then a neighbour, since voxel sizes in files are not always right.
    let voxel = scene.options.voxelSize
    var keep = KeepAxials.count(anisotropy: voxel.z / voxel.x)
    if random.uniform() < 0.15 { keep += random.uniform() < 0.5 ? -1 : 1 }
    keep = min(4, max(0, keep))
    while scene.volume.size.z % (1 << (4 - keep)) != 0 { keep += 1 }
    return TrainingSample(
      input: try Tensor(TensorShape(channels: 1, size: scene.volume.size), values: image),
      target: target, keepAxials: KeepAxials(first: keep, of: 4))
  }

  /// What ELEPHANT would paint if every visible nucleus were accepted and all else background. Nuclei that
  /// nobody can see get no label. The whole ellipsoids are painted, also of nuclei whose middle lies outside.
  func labels(of scene: SimulatedScene) throws -> Labels {
    let (size, voxel) = (scene.volume.size, scene.volume.voxelSize)
    let reach = scene.nuclei.map { $0.covariance.radii.max() }.max() ?? 0
    var margin = Size3(x: 0, y: 0, z: 0)
    var whole = size
    for axis in Axis.allCases {
      margin[axis] = Int((2 * reach / voxel[axis]).rounded(.up))
      whole[axis] += 2 * margin[axis]
    }
    let shift = WorldPoint(
      x: Double(margin.x) * voxel.x, y: Double(margin.y) * voxel.y, z: Double(margin.z) * voxel.z)
    let grid = try VoxelGrid(size: whole, voxelSize: voxel)
    let box = VoxelBox(origin: margin, size: size)
    let known = try Volume.make(size: size, voxelSize: voxel, of: UInt8.self) { codes in
      codes.update(repeating: LabelClass.background.code())
      for n in scene.nuclei where !n.isVisible {
        let raster = EllipsoidRaster(
          position: n.position + shift, covariance: n.covariance, in: grid)
        for run in raster.runs {
          let (y, z) = (Int(run.y) - margin.y, Int(run.z) - margin.z)
          guard (0..<size.y).contains(y), (0..<size.z).contains(z) else { continue }
          let begin = max(0, Int(run.begin) - margin.x)
          let end = min(size.x, Int(run.end) - margin.x)
          for x in begin..<max(begin, end) { codes[(z * size.y + y) * size.x + x] = 0 }
        }
      }
    }
    let spots = scene.nuclei.filter(\.isVisible).map {
      LabeledSpot(position: $0.position + shift, covariance: $0.covariance, tag: .tp)
    }
    let painted = try DetectionLabels(spots, in: grid, centerRatio: centerRatio)
      .paint(box, over: known)
    return painted.withVoxels(as: UInt8.self) { $0.map { Int8($0) - 1 } }
  }

  /// Grey values as they are when the crop is part of a volume that was normalised as a whole: the volume's
  /// darkest and brightest voxels lie elsewhere, and one hot pixel or mitosis can press all others down. From
  /// the first sparse scene on, the volume holds a bright nucleus even where the scene has none.
  private func normalised(
    _ scene: SimulatedScene, _ number: Int, _ random: inout SeededRandom
  ) -> [Float] {
    let values = scene.volume.values().map { Float($0) }
    var (low, high) = (values.min() ?? 0, values.max() ?? 0)
    if number >= variety.firstSparse, random.uniform() < 0.9 {
      let o = scene.options
      let light = o.background + o.photons * random.between(0.8, 2.7)
      high = max(high, Float(min(o.bitDepth.maximum, o.offset + o.gain * light)))
      if o.deadPixels == 0 { low = min(low, Float(max(0, o.offset - 3 * o.readNoise))) }
    }
    let range = max(high - low, 1e-6)
    let below = random.uniform() < 0.5 ? 0 : Float(random.uniform(0, 0.1))
    var factor = 1.0
    switch random.uniform() {
    case ..<0.3: break
    case ..<0.75: factor = random.between(1, 1.6)
    default: factor = random.between(1.6, 6)
    }
    let scale = 1 / (range * (Float(factor) + below))
    let offset = low - below * range
    let gamma = random.uniform() < 0.8 ? 1 : random.between(0.6, 1.6)
    return values.map { v in
      let u = (v - offset) * scale
      return gamma == 1 ? u : Float(power(Double(u), gamma))
    }
  }

  private func flipped<T>(_ values: [T], _ size: Size3, _ axis: Axis) -> [T] {
    var result: [T] = []
    result.reserveCapacity(values.count)
    for z in 0..<size.z {
      for y in 0..<size.y {
        let row =
          ((axis == .z ? size.z - 1 - z : z) * size.y + (axis == .y ? size.y - 1 - y : y))
          * size.x
        if axis == .x {
          for x in (0..<size.x).reversed() { result.append(values[row + x]) }
        } else {
          result += values[row..<row + size.x]
        }
      }
    }
    return result
  }
}
