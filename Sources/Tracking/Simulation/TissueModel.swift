// How the nuclei of a simulated movie live: they drift, wander, keep out of each other's way, divide and
// die. One pass over the frames on one thread makes every frame's nuclei, and so the exact truth; drawing
// them is separate. The same seed and options give the same nuclei.

import Core

/// The moving, dividing and dying nuclei of one movie.
struct TissueModel {
  enum Stage {
    case interphase
    case condensing(Int)
    case metaphase(Int)
    /// Frames since the chromatids parted.
    case parting(Int)
    case dying(Int)
    case debris(Int)
  }

  struct Cell {
    var id: Int32
    var mother: Int32 = -1
    var position: WorldPoint
    var velocity = WorldPoint.zero
    var orientation: Matrix3
    /// Semi-axes in full-grown interphase, relative to `size`.
    var proportions: SIMD3<Double>
    /// Mean semi-axis that it grows towards, world units, and the share of it reached.
    var size: Double
    var growth: Double
    /// Logarithm of the brightness, and the value it wanders around.
    var light, meanLight: Double
    var age: Int
    var stage = Stage.interphase
  }

  let o: Simulator.Options
  let shape: TissueShape
  let drift: DriftField
  var random: SeededRandom
  var cells: [Cell] = []
  private var nextID: Int32 = 0

  init(_ options: Simulator.Options) {
    o = options
    shape = TissueShape(options)
    random = SeededRandom(seed: options.seed, stream: 1)
    drift = DriftField(options, &random)
    for _ in 0..<shape.nuclei {
      let position = shape.randomPoint(&random)
      cells.append(newCell(at: position, age: random.below(4 * options.maturation)))
    }
  }

  /// The nuclei of every frame. Reports one unit a frame.
  mutating func run(_ progress: Progress) throws -> [[Nucleus]] {
    progress.begin(total: o.timepoints, "moving nuclei")
    try settle(steps: 80, progress)
    var frames: [[Nucleus]] = []
    for t in 0..<o.timepoints {
      if t > 0 { try step(t, progress) }
      frames.append(snapshot())
      progress.advance()
    }
    return frames
  }

  mutating func newCell(at position: WorldPoint, age: Int) -> Cell {
    let e = power(o.elongation, random.uniform(0.4, 1.2))
    // Prolate, oblate or in between, of unit volume before flattening.
    let middle = power(e, random.uniform(-0.5, 0.3))
    var axes = SIMD3(e, middle, 1.0)
    axes /= power(axes.x * axes.y * axes.z, 1.0 / 3.0)
    let light = o.brightnessVariation * random.normal()
    defer { nextID += 1 }
    return Cell(
      id: nextID, position: position, orientation: tissueRotation(), proportions: axes,
      size: o.radius * max(0.4, 1 + o.radiusVariation * random.normal()),
      growth: 1, light: light, meanLight: light, age: age)
  }

  /// Nuclei that are flat or tall along z only turn about z.
  private mutating func tissueRotation() -> Matrix3 {
    if shape.isFlat || o.flatness != 1 {
      return .rotation(about: .z, radians: random.uniform(0, 2 * Double.pi))
    }
    return random.rotation()
  }

  // MARK: One frame

  /// Move all cells by one frame.
  mutating func step(_ t: Int, _ progress: Progress) throws {
    let crowding = cells.reduce(0) { $0 + nucleus(of: $1).measure(shape.isFlat) } / shape.measure
    var next: [Cell] = []
    next.reserveCapacity(cells.count + 8)
    for var cell in cells {
      cell.mother = -1
      cell.age += 1
      let keep = 0.75
      let push = (1 - keep * keep).squareRoot() * o.wander / 3.0.squareRoot()
      let jitter = WorldPoint(x: random.normal(), y: random.normal(), z: random.normal())
      cell.velocity = cell.velocity * keep + jitter * push
      cell.position = cell.position + drift.velocity(cell.position, t: t) + cell.velocity
      if shape.isFlat { cell.position.z = 0 }
      let turn = random.normal() * 0.05
      let about =
        shape.isFlat || o.flatness != 1 ? WorldPoint(x: 0, y: 0, z: 1) : random.direction()
      cell.orientation = Matrix3.rotation(about: about, radians: turn) * cell.orientation
      cell.light += 0.1 * (cell.meanLight - cell.light) + 0.04 * random.normal()
      advance(cell, crowding: crowding, into: &next)
    }
    cells = next
    renew(t)
    try settle(steps: 6, progress)
  }

  /// Move one cell through its life by one frame; a division puts two daughters, an end puts none.
  private mutating func advance(_ old: Cell, crowding: Double, into next: inout [Cell]) {
    var cell = old
    switch old.stage {
    case .interphase:
      cell.growth += (1 - cell.growth) * min(1, 3 / Double(o.maturation))
      let room = crowding < 0.3 ? 1 : max(0, 1 - (crowding - 0.3) / 0.15)
      let chance = (random.uniform(), random.uniform())
      if chance.0 < o.deathRate {
        cell.stage = .dying(0)
      } else if old.age > o.maturation && chance.1 < o.divisionRate * room {
        cell.stage = .condensing(0)
      }
    case .condensing(let n): cell.stage = n < 1 ? .condensing(n + 1) : .metaphase(0)
    case .metaphase(let n):
      if n + 1 >= o.metaphaseFrames {
        divide(old, into: &next)
        return
      }
      cell.stage = .metaphase(n + 1)
    case .parting(let n):
      cell.stage = n < 4 ? .parting(n + 1) : .interphase
      if n == 4 { cell.growth = min(1, 0.8 / o.regrowth) }
    case .dying(let n): cell.stage = n < 2 ? .dying(n + 1) : .debris(0)
    case .debris(let n):
      if n >= 5 { return }
      cell.stage = .debris(n + 1)
    }
    next.append(cell)
  }

  /// Two daughters where the mother's metaphase plate was, moving apart along its normal.
  mutating func divide(_ mother: Cell, into next: inout [Cell]) {
    let normal = mother.orientation.transposed.rows.0
    let axis = WorldPoint(x: normal.x, y: normal.y, z: normal.z)
    for side in [-1.0, 1.0] {
      var daughter = newCell(at: mother.position + axis * (side * 0.55 * mother.size), age: 0)
      daughter.mother = mother.id
      daughter.orientation = mother.orientation
      daughter.size = mother.size * o.regrowth
      daughter.meanLight = mother.meanLight + 0.1 * random.normal()
      daughter.light = mother.light
      daughter.velocity = axis * (side * 0.22 * mother.size)
      daughter.stage = .parting(0)
      next.append(daughter)
    }
  }

  // MARK: Shapes

  func snapshot() -> [Nucleus] {
    var nuclei: [Nucleus] = []
    nuclei.reserveCapacity(cells.count)
    for cell in cells {
      if case .debris(let n) = cell.stage {
        nuclei += debris(of: cell, age: n)
      } else {
        nuclei.append(nucleus(of: cell))
      }
    }
    return nuclei
  }

  /// Shape and light of a cell by its stage. The first axis is the normal of plates.
  private func nucleus(of cell: Cell) -> Nucleus {
    var relative = cell.proportions
    var light = 1.0
    var texture = 1.0
    switch cell.stage {
    case .interphase: light = 1 + 0.5 * max(0, 0.9 - cell.growth)
    case .condensing(let n):
      relative = relative * (n == 0 ? 0.97 : 0.9)
      (light, texture) = n == 0 ? (1.25, 1.5) : (1.6, 1.8)
    case .metaphase:
      relative = SIMD3(0.36, 1.0, 1.0)
      (light, texture) = (2.7, 0.6)
    case .parting(let n):
      // Plates that round up: thickness, width and light, frame by frame.
      let stages: [(Double, Double, Double)] = [
        (0.34, 0.9, 2.5), (0.4, 0.8, 2.2), (0.5, 0.75, 1.8), (0.6, 0.75, 1.5), (0.7, 0.78, 1.25),
      ]
      let s = stages[n]
      relative = SIMD3(s.0, s.1, s.1)
      (light, texture) = (s.2, 0.6)
    case .dying(let n):
      relative = relative * [0.85, 0.7, 0.6][n]
      (light, texture) = ([1.3, 1.6, 1.5][n], 0.4)
    case .debris: light = 0
    }
    var axes = relative * (cell.size * cell.growth)
    if o.flatness != 1 { axes.z *= o.flatness }
    return Nucleus(
      cell: cell.id, mother: cell.mother, position: cell.position, orientation: cell.orientation,
      semiAxes: axes, brightness: light * exponential(cell.light), texture: texture)
  }

  /// A dead nucleus falls into a few bright crumbs that fade. They are the same crumbs in each frame.
  private func debris(of cell: Cell, age: Int) -> [Nucleus] {
    var crumbs = SeededRandom(seed: o.seed, stream: 0x4000_0000 + UInt64(cell.id))
    let fade = exponential(cell.light - 0.45 * Double(age))
    return (0..<3 + crumbs.below(3)).map { _ in
      var offset = crumbs.direction() * (cell.size * (0.5 + 0.1 * Double(age)))
      if shape.isFlat { offset.z = 0 }
      let r = cell.size * crumbs.uniform(0.15, 0.28)
      return Nucleus(
        cell: cell.id, position: cell.position + offset, orientation: .identity,
        semiAxes: SIMD3(r, r, r), brightness: fade * crumbs.uniform(1, 1.8), texture: 0,
        isDebris: true)
    }
  }

  // MARK: Keeping apart

  /// Push overlapping nuclei apart and all of them back into the tissue, a little in each step.
  mutating func settle(steps: Int, _ progress: Progress) throws {
    let solid = cells.indices.filter {
      if case .debris = cells[$0].stage { false } else { true }
    }
    let bodies = cells.map { Body(nucleus(of: $0)) }
    let reach = 2 * (bodies.map(\.reach).max() ?? 1) * 1.05
    for _ in 0..<steps {
      try progress.check()
      var pushes = [WorldPoint](repeating: .zero, count: cells.count)
      var grid: [SIMD3<Int32>: [Int]] = [:]
      func place(_ p: WorldPoint) -> SIMD3<Int32> {
        SIMD3(
          Int32((p.x / reach).rounded(.down)), Int32((p.y / reach).rounded(.down)),
          Int32((p.z / reach).rounded(.down)))
      }
      for i in solid { grid[place(cells[i].position), default: []].append(i) }
      for i in solid {
        let home = place(cells[i].position)
        for dz in Int32(-1)...1 {
          for dy in Int32(-1)...1 {
            for dx in Int32(-1)...1 {
              for j in grid[home &+ SIMD3(dx, dy, dz)] ?? [] where j > i {
                let push = overlap(i, j, bodies)
                pushes[i] = pushes[i] - push
                pushes[j] = pushes[j] + push
              }
            }
          }
        }
      }
      var moved = 0.0
      for i in cells.indices {
        let p = cells[i].position + pushes[i]
        let back = shape.inward(
          p, depth: shape.shape == .ellipsoid ? 1.5 * o.radius : 0.4 * o.radius)
        moved = max(moved, pushes[i].squaredDistance(to: .zero))
        cells[i].position = p + back * 0.5
      }
      if moved < 1e-6 { break }
    }
  }

  /// Half of the way that two nuclei must part, along the line of their centres; zero when they do not
  /// overlap. The radii are those of the ellipsoids along that line.
  private func overlap(_ i: Int, _ j: Int, _ bodies: [Body]) -> WorldPoint {
    var d = cells[j].position - cells[i].position
    var distance = d.squaredDistance(to: .zero).squareRoot()
    if distance < 1e-6 {
      // Two centres at one place part along a direction that depends only on which cells they are.
      let angle = Double(cells[i].id &+ 7 &* cells[j].id)
      d = WorldPoint(x: cosine(angle), y: sine(angle), z: 0)
      distance = 1
      return d * (0.2 * o.radius)
    }
    // Most neighbours are too far to touch, however they lie.
    if distance >= 1.05 * (bodies[i].reach + bodies[j].reach) { return .zero }
    let unit = d * (1 / distance)
    let gap = 1.04 * (bodies[i].radius(along: unit) + bodies[j].radius(along: unit)) - distance
    if gap <= 0 { return .zero }
    return unit * (0.35 * gap)
  }

  /// What of a nucleus others feel.
  private struct Body {
    let toUnitBall: Matrix3
    let reach: Double

    init(_ n: Nucleus) {
      toUnitBall = n.toUnitBall
      reach = n.semiAxes.max()
    }

    func radius(along unit: WorldPoint) -> Double {
      1 / (toUnitBall * unit).squaredDistance(to: .zero).squareRoot()
    }
  }
}

extension Nucleus {
  /// Volume, or the area of the cut in the plane of a 2D movie.
  fileprivate func measure(_ isFlat: Bool) -> Double {
    isFlat ? Double.pi * semiAxes.x * semiAxes.y : volume
  }
}
