// The losses on closed-form inputs (elephant-server.md, appendix B.3 and B.4).

import Core
import Foundation
import Learning
import Testing

@Suite struct LossTests {
  /// Size 4 x 10 x 12 of appendix B.4, or its slice z = 1.
  static func volume(_ channels: Int, flat: Bool, _ f: (Int, Double, Double, Double) -> Double)
    -> Tensor
  {
    Tensor(TensorShape(channels: channels, depth: flat ? 1 : 4, height: 10, width: 12)) {
      _, c, z, y, x in Float(f(c, flat ? 1 : Double(z), Double(y), Double(x)))
    }
  }

  static func output(flat: Bool = false) -> Tensor {
    LogSoftmax.forward(
      volume(3, flat: flat) { c, z, y, x in
        switch c {
        case 0: sin(0.5 * z + 0.3 * y + 0.2 * x)
        case 1: cos(0.4 * z - 0.3 * y + 0.25 * x)
        default: sin(0.2 * z + 0.1 * y - 0.35 * x + 1)
        }
      })
  }

  /// y1 with labels above `top` unlabelled (y2: 2), and `without` unlabelled too (y3: 2).
  static func labels(top: Int = 5, without: Int = 9) -> Labels {
    (0..<480).map { n in
      let y = (7 * n) % 11 - 1
      return y > top || y == without ? -1 : Int8(y)
    }
  }

  private func check(_ r: LossResult, _ expected: [Double]) {
    let values = [r.total] + r.parts.map(\.value)
    for (a, b) in zip(values, expected) { #expect(abs(a - b) < 2e-6, "\(values)") }
  }

  @Test func `B.4 detection rows`() throws {
    let (y1, y2, y3) = (Self.labels(), Self.labels(top: 2), Self.labels(top: 2, without: 2))
    let output = Self.output()
    var loss = DetectionLoss()
    let first = try loss.evaluate(output, labels: y1, dimensions: 3)
    check(first, [0.6300542, 1.2497835, 0.6017262, 0.1519645])
    #expect(abs(first.gradient.values.reduce(0.0) { $0 + Double($1) } + 0.2768948) < 2e-6)
    #expect(abs(first.gradient.values.reduce(0.0) { $0 + Double(abs($1)) } - 0.5033375) < 2e-6)
    loss = DetectionLoss(falseWeight: 1)
    check(
      try loss.evaluate(output, labels: y1, dimensions: 3),
      [0.6168687, 1.2106044, 0.5911024, 0.1519645])
    loss = DetectionLoss(classWeights: [1, 1, 1])
    check(
      try loss.evaluate(output, labels: y1, dimensions: 3),
      [0.6327039, 1.2683314, 0.6017262, 0.1519645])
    loss = DetectionLoss()
    check(
      try loss.evaluate(output, labels: y2, dimensions: 3),
      [0.6008649, 1.1630510, 0.5782078, 0.1519645])
    check(
      try loss.evaluate(output, labels: y3, dimensions: 3),
      [0.5732404, 0.9696795, 0.5782078, 0.1519645])
    loss = DetectionLoss()
    check(
      try loss.evaluate(output, labels: y3, dimensions: 3), [0.1602349, 0.9696795, 0, 0.1519645])
    check(
      try loss.evaluate(.batch([output, output]), labels: y1 + y2, dimensions: 3),
      [0.6154596, 1.2064173, 0.5899670, 0.1519645])
    check(
      try loss.evaluate(Self.output(flat: true), labels: Array(y1[120..<240]), dimensions: 2),
      [0.6652727, 1.3235123, 0.6449942, 0.1084254])
  }

  @Test func `B.4 prior loss`() throws {
    let image = Self.volume(1, flat: false) {
      0.5 + 0.5 * sin(0.3 * $3 + 0.2 * $2 + 0.1 * $1 + 0 * Double($0))
    }
    #expect(abs(try PriorLoss.evaluate(Self.output(), image: image).total - 0.7403061) < 2e-6)
  }

  static func flow(flat: Bool) -> (output: Tensor, target: FlowTarget) {
    let channels = flat ? 2 : 3
    let output = volume(channels, flat: flat) { c, z, y, x in
      switch c {
      case 0: 0.3 * sin(0.3 * x + 0.2 * y)
      case 1: 0.2 * cos(0.25 * y + 0.5 * z)
      default: 0.1 * sin(0.2 * x - 0.4 * z)
      }
    }
    let flow = volume(channels, flat: flat) { c, z, y, x in
      switch c {
      case 0: 0.25 * sin(0.3 * x + 0.1 * y)
      case 1: 0.2 * cos(0.2 * y + 0.4 * z)
      default: 0.05 * sin(0.3 * x - 0.4 * z)
      }
    }
    func frame(_ shift: Double) -> Tensor {
      volume(1, flat: flat) { _, z, y, x in 0.5 + 0.5 * sin(0.5 * x + 0.3 * y + 0.2 * z + shift) }
    }
    let mask = volume(1, flat: flat) { _, z, y, x in
      Int(120 * z + 12 * y + x) % 5 == 0 ? 1 : 0
    }
    return (
      output, FlowTarget(flow: flow, mask: mask, earlier: frame(0), later: frame(0.4))
    )
  }

  @Test func `B.4 flow rows`() throws {
    let (output, target) = Self.flow(flat: false)
    check(
      try FlowLoss().evaluate(output, target), [0.0659756, 0.0564145, 1.0048623, 0.0831949])
    let near = try FlowLoss(norms: [4, 4, 1]).evaluate(output, target)
    check(near, [0.0591083, 0.0564145, 0.3043935, 0.0831949])
    #expect(abs(near.gradient.values.reduce(0.0) { $0 + Double(abs($1)) } - 0.9737481) < 1e-5)
    check(
      try FlowLoss(axisWeights: [1, 1, 4]).evaluate(output, target),
      [0.0548433, 0.0450596, 1.0048623, 0.0831949])
    let flat = Self.flow(flat: true)
    check(
      try FlowLoss(norms: [4, 4]).evaluate(flat.output, flat.target),
      [0.0714695, 0.0685142, 0.3536153, 0.0848508])
  }

  @Test func `B.3 smoothing and similarity kernels`() {
    let s = SeparableFilter.smoothing(dimensions: 3)
    func at(_ f: SeparableFilter, _ z: Int, _ y: Int, _ x: Int) -> Float {
      f.z[z] * f.y[y] * f.x[x]
    }
    func close(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-7 } }
    #expect(close((0..<3).map { at(s, $0, 0, 0) }, [0.0106236, 0.0175154, 0.0106236]))
    #expect(
      close((0..<5).map { at(s, 1, 2, $0) }, [0.0180714, 0.0185, 0.0186451, 0.0185, 0.0180714]))
    let flat = SeparableFilter.smoothing(dimensions: 2)
    #expect(close([at(flat, 0, 0, 0), at(flat, 0, 2, 2)], [0.0387627, 0.0412627]))
    let w = SeparableFilter.similarity(dimensions: 3)
    #expect(close(w.z, [0.2809286, 0.4381428, 0.2809286]))
    #expect(close(Array(w.y[..<4]), [0.0366328, 0.1112807, 0.2167453, 0.2706821]))
    #expect(close([at(w, 1, 3, 3), at(w, 0, 0, 0)], [0.0321022, 0.0003770]))
    #expect(close([at(.similarity(dimensions: 2), 0, 3, 3)], [0.0732688]))
  }

  @Test("gradients agree with finite differences")
  func finiteDifferences() throws {
    var random = SeededRandom(seed: 2)
    let output = Self.output()
    let labels = Self.labels()
    let (flow, target) = Self.flow(flat: false)
    let image = Tensor(output.shape.with(channels: 1)) { _, _, _, _, _ in Float(random.uniform()) }
    let losses: [(Tensor, (Tensor) throws -> LossResult)] = [
      (
        output,
        {
          var l = DetectionLoss(); return try l.evaluate($0, labels: labels, dimensions: 3)
        }
      ),
      (flow, { try FlowLoss(norms: [4, 4, 1]).evaluate($0, target) }),
      (output, { try PriorLoss.evaluate($0, image: image) }),
    ]
    for (point, loss) in losses {
      let direction = (0..<point.shape.count).map { _ in Float(random.uniform(-1, 1)) }
      func moved(_ h: Float) -> Tensor {
        var t = point
        for i in direction.indices { t.values[i] += h * direction[i] }
        return t
      }
      let h: Float = 1e-3
      let numeric = try (loss(moved(h)).total - loss(moved(-h)).total) / Double(2 * h)
      let gradient = try loss(point).gradient.values
      let exact = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0 * $1.1) }
      #expect(abs(numeric - exact) < 2e-3 * max(abs(exact), 0.05), "\(numeric) \(exact)")
    }
  }
}
