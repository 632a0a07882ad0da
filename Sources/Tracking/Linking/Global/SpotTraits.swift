// What the global linker knows of each spot beside its place: how large, how bright, how elongated.

import Core
import Lineage

/// Size, brightness and shape by place in `SpotFrames`.
struct SpotTraits: Sendable {
  let covariance: [Covariance]
  /// Logarithm of the volume; NaN for a spot without.
  let logVolume: [Double]
  /// Logarithm of the brightness relative to the median of the frame; NaN where it is not known.
  private(set) var logLight: [Double]
  /// Logarithm of how much denser spots lie around the spot than typically, 0 where they do not: the more there
  /// are, the sooner one of them looks like a daughter by chance.
  let crowding: [Double]
  /// Whether the spot is as near to the border of what was seen as nuclei are to each other: where they enter and
  /// leave. The border is the box around all spots, without sides that are but a few nuclei apart.
  let isAtEdge: [Bool]
  /// The typical radius, world units.
  let radius: Double
  /// Typical distance of a spot to its nearest neighbour in the same frame, world units.
  let spacing: Double
  /// Spots per cubic (in a plane: square) world unit where there are spots.
  let density: Double
  /// 2 when all spots lie in one plane along z, else 3.
  let dimensions: Int

  /// `light` is by spot id (slot), on a scale where 0 is black.
  init(
    _ frames: SpotFrames, _ lineage: LineageGraph, light: [Double]?, _ progress: Progress
  ) throws {
    covariance = frames.spots.map { lineage.covariance($0) }
    logVolume = covariance.map {
      let volume = $0.volume
      return volume > 0 ? logarithm(volume) : .nan
    }
    let volumes = logVolume.filter { $0.isFinite }
    let zs = frames.positions.lazy.map(\.z)
    dimensions = (zs.max() ?? 0) - (zs.min() ?? 0) < 1e-9 ? 2 : 3
    logLight = Array(repeating: .nan, count: frames.count)
    if let light {
      for f in 0..<frames.frames {
        let places = frames.places(at: frames.first + f)
        let known = places.compactMap { i -> Double? in
          let slot = Int(frames.spots[i].index)
          return slot < light.count && light[slot] > 0 ? light[slot] : nil
        }
        guard !known.isEmpty else { continue }
        let middle = known.median
        for i in places {
          let slot = Int(frames.spots[i].index)
          if slot < light.count, light[slot] > 0 { logLight[i] = logarithm(light[slot] / middle) }
        }
      }
    }
    try progress.check()
    let (near, fourth) = SpotTraits.neighborDistances(frames)
    try progress.check()
    spacing = near > 0 ? near : 1
    crowding = try SpotTraits.crowding(frames, reach: 1.5 * fourth, progress)
    // A side that is only a few nuclei long has no inside.
    let (low, high) = SpotTraits.bounds(frames.positions)
    let edge = spacing
    let axes = Axis.allCases.filter { high[$0] - low[$0] > 8 * edge }
    isAtEdge = frames.positions.map { p in
      axes.contains { min(p[$0] - low[$0], high[$0] - p[$0]) < edge }
    }
    let reach = fourth > 0 ? fourth : 2 * spacing
    density =
      dimensions == 3
      ? 4 / (4.0 / 3.0 * Double.pi * reach * reach * reach) : 4 / (Double.pi * reach * reach)
    radius =
      volumes.isEmpty ? spacing / 2 : power(exponential(volumes.median) * 0.75 / .pi, 1.0 / 3)
  }

  /// How many spots of the same frame lie within `reach` of each, over what is typical.
  private static func crowding(_ frames: SpotFrames, reach: Double, _ progress: Progress) throws
    -> [Double]
  {
    if reach <= 0 { return Array(repeating: 0, count: frames.count) }
    let counts = try parallelMap(frames.frames) { f -> [Double] in
      try progress.check()
      let points = Array(frames.positions[frames.places(at: frames.first + f)])
      let grid = PointGrid(points, reach: reach)
      return points.map { p in
        var near = 0
        grid.forEach(within: reach, of: p) { _, _ in near += 1 }
        return Double(near)
      }
    }.flatMap { $0 }
    let typical = max(1, counts.median)
    // Up to 20 times as many; near a border there are fewer, which means nothing.
    return counts.map { max(0, min(3, logarithm(max(1, $0) / typical))) }
  }

  /// The corners of the box around points; zero for none.
  private static func bounds(_ points: [WorldPoint]) -> (low: WorldPoint, high: WorldPoint) {
    var (low, high) = (points.first ?? .zero, points.first ?? .zero)
    for p in points {
      low = WorldPoint(x: min(low.x, p.x), y: min(low.y, p.y), z: min(low.z, p.z))
      high = WorldPoint(x: max(high.x, p.x), y: max(high.y, p.y), z: max(high.z, p.z))
    }
    return (low, high)
  }

  /// Medians of the distances to the nearest and to the fourth neighbour in the frame, over a sample.
  private static func neighborDistances(_ frames: SpotFrames) -> (near: Double, fourth: Double) {
    var near: [Double] = []
    var fourth: [Double] = []
    let step = max(1, frames.frames / 12)
    for f in stride(from: 0, to: frames.frames, by: step) {
      let places = frames.places(at: frames.first + f)
      let points = places.map { frames.positions[$0] }
      guard points.count > 1 else { continue }
      let (low, high) = bounds(points)
      let diagonal = low.distance(to: high)
      // Wide enough for the fourth neighbour of most spots in three dimensions.
      let reach = max(1e-9, 1.6 * diagonal / power(Double(points.count), 1.0 / 3))
      let grid = PointGrid(points, reach: reach)
      for i in stride(from: 0, to: points.count, by: max(1, points.count / 200)) {
        var found: [Double] = []
        grid.forEach(within: reach, of: points[i]) { j, d in if j != i { found.append(d) } }
        found.sort()
        if let first = found.first { near.append(first.squareRoot()) }
        if found.count >= 4 { fourth.append(found[3].squareRoot()) }
      }
    }
    return (near.median, fourth.median)
  }
}

extension Array where Element == Double {
  /// The middle value (the upper of two); 0 for none.
  var median: Double {
    if isEmpty { return 0 }
    return sorted()[count / 2]
  }

  /// A standard deviation that outliers do not move: 1.4826 times the median distance from `center`.
  func spread(around center: Double) -> Double {
    1.4826 * map { abs($0 - center) }.median
  }
}
