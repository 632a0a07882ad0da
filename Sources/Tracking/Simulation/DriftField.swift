// The smooth drift that carries the nuclei of a simulated movie along.

import Core

/// A smooth velocity field: a few plane waves that change slowly. Its root mean square is the speed.
struct DriftField: Sendable {
  private struct Wave: Sendable {
    var direction, wavevector: WorldPoint
    var frequency, phase: Double
  }
  private let waves: [Wave]
  private let amplitude: Double

  init(_ o: Simulator.Options, _ random: inout SeededRandom) {
    let extent = max(Double(o.size.x) * o.voxelSize.x, Double(o.size.y) * o.voxelSize.y)
    let isFlat = o.size.z == 1
    // A layer that goes on slides along its plane; across it there is nowhere to go.
    let slides = o.rim == .open && o.shape == .layer
    let slope = TissueShape.slope(o)
    waves = (0..<4).map { _ in
      var d = random.direction()
      d.z = isFlat ? 0 : slides ? slope.x * d.x + slope.y * d.y : 0.4 * d.z
      // Waves across their own direction: the flow neither gathers nor thins nuclei.
      var k = random.direction()
      let along = (k.x * d.x + k.y * d.y + k.z * d.z) / max(d.squaredDistance(to: .zero), 1e-9)
      k = k - d * along
      let length = max(k.squaredDistance(to: .zero).squareRoot(), 1e-9)
      k = k * (2 * Double.pi / (extent * random.uniform(0.8, 2.5) * length))
      return Wave(
        direction: d, wavevector: k, frequency: random.uniform(-0.15, 0.15),
        phase: random.uniform(0, 2 * Double.pi))
    }
    let power = waves.reduce(0) { $0 + $1.direction.squaredDistance(to: .zero) / 2 }
    amplitude = o.speed / max(power, 1e-9).squareRoot()
  }

  /// Displacement during frame `t` of what is at `p`.
  func velocity(_ p: WorldPoint, t: Int) -> WorldPoint {
    var v = WorldPoint.zero
    for w in waves {
      let k = w.wavevector
      let angle = k.x * p.x + k.y * p.y + k.z * p.z + w.frequency * Double(t) + w.phase
      v = v + w.direction * (amplitude * cosine(angle))
    }
    return v
  }
}
