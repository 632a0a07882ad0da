// Evaluation against traccuracy (Golden/make_evaluation.py), against exhaustive search, and by hand.

import Core
import Foundation
import Lineage
import Testing
import Tracking

@Suite("Evaluation")
struct EvaluationTests {
  // MARK: traccuracy

  private struct Case: CustomTestStringConvertible, Sendable {
    var name = ""
    var maxDistance = 0.0
    var lines: [[String]] = []
    var testDescription: String { name }

    func graph(_ which: String) throws -> LineageGraph {
      let graph = LineageGraph()
      try graph.edit("case") {
        for line in lines where line[1] == which {
          if line[0] == "spot" {
            let p = WorldPoint(x: Double(line[4])!, y: Double(line[5])!, z: Double(line[6])!)
            let spot = try graph.addSpot(
              t: Int(line[3])!, position: p, covariance: .sphere(radius: 1))
            precondition(spot.index == UInt32(line[2])!)
          } else if line[0] == "link" {
            _ = try graph.addLink(SpotID(UInt32(line[2])!), SpotID(UInt32(line[3])!))
          }
        }
      }
      return graph
    }
  }

  private static func cases() throws -> [Case] {
    let url = try #require(
      Bundle.module.url(forResource: "evaluation", withExtension: "txt", subdirectory: "Golden"))
    var cases: [Case] = []
    for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "case" {
        cases.append(Case(name: words[1], maxDistance: Double(words[2])!))
      } else {
        cases[cases.count - 1].lines.append(words)
      }
    }
    return cases
  }

  @Test("Agrees with traccuracy", arguments: 0..<10)
  func traccuracy(_ index: Int) throws {
    let c = try Self.cases()[index]
    let (truth, result) = (try c.graph("truth"), try c.graph("result"))
    var compared = 0
    for line in c.lines where line[0] == "expect" {
      var options = Evaluation.Options()
      options.maxDistance = c.maxDistance
      let numbers = line[2...].map { Int($0)! }
      if line[1] == "divisions" { options.divisionTolerance = numbers[0] }
      let found = try Evaluation.run(result: result, truth: truth, options: options)
      let score: EvaluationResult.Score
      switch line[1] {
      case "spots": score = found.spots
      case "links": score = found.links
      default: score = found.divisions
      }
      let counts = [score.truePositives, score.falsePositives, score.falseNegatives]
      #expect(counts == Array(numbers.suffix(3)), "\(c.name): \(line.joined(separator: " "))")
      compared += 1
    }
    #expect(compared == (c.name.contains("swap") ? 3 : 5))
  }

  // MARK: Matching

  private func spots(_ places: [(t: Int, x: Double, y: Double)], radius: Double = 1) throws
    -> LineageGraph
  {
    let graph = LineageGraph()
    try graph.edit("spots") {
      for p in places {
        _ = try graph.addSpot(
          t: p.t, position: WorldPoint(x: p.x, y: p.y, z: 0), covariance: .sphere(radius: radius))
      }
    }
    return graph
  }

  @Test("As many pairs as possible, then as near as possible: the same as trying everything")
  func optimal() throws {
    var random = SeededRandom(seed: 3)
    for _ in 0..<60 {
      let a = (0..<5).map { _ in (t: 0, x: random.uniform(0, 6), y: random.uniform(0, 6)) }
      let b = (0..<4).map { _ in (t: 0, x: random.uniform(0, 6), y: random.uniform(0, 6)) }
      var options = Evaluation.Options()
      options.maxDistance = 2.5
      let found = try Evaluation.run(result: try spots(b), truth: try spots(a), options: options)
      // Every way of giving each of b one of a or none.
      var best = (count: 0, sum: 0.0)
      func place(_ i: Int, _ used: Set<Int>, _ count: Int, _ sum: Double) {
        if i == b.count {
          if count > best.count || count == best.count && sum < best.sum { best = (count, sum) }
          return
        }
        place(i + 1, used, count, sum)
        for (j, p) in a.enumerated() where !used.contains(j) {
          let d = ((p.x - b[i].x) * (p.x - b[i].x) + (p.y - b[i].y) * (p.y - b[i].y)).squareRoot()
          if d <= 2.5 { place(i + 1, used.union([j]), count + 1, sum + d) }
        }
      }
      place(0, [], 0, 0)
      #expect(found.spots.truePositives == best.count)
      #expect(abs(found.meanDistance * Double(max(1, best.count)) - best.sum) < 1e-9)
    }
  }

  @Test("Greedy choice would lose a pair; the optimal one does not")
  func greedyTrap() throws {
    let truth = try spots([(0, 0, 0), (0, 2, 0)])
    let result = try spots([(0, 1.1, 0), (0, 3.4, 0)])
    var options = Evaluation.Options()
    options.maxDistance = 1.5
    let found = try Evaluation.run(result: result, truth: truth, options: options)
    #expect(found.spots.truePositives == 2 && found.spots.f1 == 1)
  }

  @Test("Ellipsoids: a centre inside either one is enough, thin axes count")
  func ellipsoids() throws {
    let truth = LineageGraph()
    let result = LineageGraph()
    func add(_ g: LineageGraph, _ t: Int, _ p: WorldPoint, _ c: Covariance) throws {
      try g.edit("spot") { _ = try g.addSpot(t: t, position: p, covariance: c) }
    }
    let flat = Covariance.axisAligned(x: 4, y: 4, z: 1)
    try add(truth, 0, .zero, flat)
    try add(result, 0, WorldPoint(x: 3.9, y: 0, z: 0), .sphere(radius: 0.1))
    try add(truth, 1, .zero, flat)
    try add(result, 1, WorldPoint(x: 0, y: 0, z: 1.1), .sphere(radius: 0.1))
    try add(truth, 2, .zero, .sphere(radius: 0.1))
    try add(result, 2, WorldPoint(x: 0, y: 3.9, z: 0), flat)
    var options = Evaluation.Options()
    options.criterion = .ellipsoid
    let found = try Evaluation.run(result: result, truth: truth, options: options)
    #expect(found.spots.truePositives == 2)
    #expect(found.spots.falsePositives == 1 && found.spots.falseNegatives == 1)
  }

  @Test("A field leaves out what lies in the rim, but not partners of what is inside")
  func field() throws {
    let truth = try spots([(0, 5, 0), (0, 9.5, 0), (0, 20, 0)])
    let result = try spots([(0, 5, 0), (0, 10.2, 0), (0, 30, 0)])
    var options = Evaluation.Options()
    options.maxDistance = 1
    options.field = WorldBox(
      minimum: WorldPoint(x: 0, y: -1, z: -1), maximum: WorldPoint(x: 10, y: 1, z: 1))
    let found = try Evaluation.run(result: result, truth: truth, options: options)
    #expect(found.spots == .init(truePositives: 2, falsePositives: 0, falseNegatives: 0))
  }

  @Test(
    "A daughter that was missed in her first frame: the division is right with a tolerance, not without"
  )
  func lateDaughter() throws {
    func tree(_ isSeen: Bool) throws -> LineageGraph {
      let graph = LineageGraph()
      try graph.edit("tree") {
        func spot(_ t: Int, _ x: Double) throws -> SpotID {
          try graph.addSpot(
            t: t, position: WorldPoint(x: x, y: 0, z: 0), covariance: .sphere(radius: 1))
        }
        let mother = try spot(0, 0)
        let (a, b) = (try spot(1, -2), try spot(2, -4))
        let late = try spot(2, 4)
        try graph.addLink(mother, a)
        try graph.addLink(a, b)
        if isSeen {
          let early = try spot(1, 2)
          try graph.addLink(mother, early)
          try graph.addLink(early, late)
        } else {
          try graph.addLink(mother, late)
        }
      }
      return graph
    }
    var options = Evaluation.Options()
    let (truth, result) = (try tree(true), try tree(false))
    #expect(try Evaluation.run(result: result, truth: truth, options: options).divisions.f1 == 0)
    options.divisionTolerance = 1
    #expect(try Evaluation.run(result: result, truth: truth, options: options).divisions.f1 == 1)
  }

  @Test("Without a distance the truth's mean radius counts; spots without size ask for one")
  func defaultDistance() throws {
    let near = try spots([(0, 1.9, 0)], radius: 1)
    let found = try Evaluation.run(result: near, truth: try spots([(0, 0, 0)], radius: 2))
    #expect(found.spots.truePositives == 1)
    let points = LineageGraph()
    try points.edit("point") {
      let none = Covariance(xx: 0, xy: 0, xz: 0, yy: 0, yz: 0, zz: 0)
      _ = try points.addSpot(t: 0, position: .zero, covariance: none)
    }
    #expect(throws: HowdahError.self) { try Evaluation.run(result: near, truth: points) }
  }

  @Test("Nothing against nothing is right, nothing against something is not")
  func empty() throws {
    let nothing = LineageGraph()
    let both = try Evaluation.run(result: nothing, truth: nothing)
    #expect(both.spots.f1 == 1 && both.links.precision == 1 && both.timepoints == 0)
    let missed = try Evaluation.run(result: nothing, truth: try spots([(3, 0, 0)]))
    #expect(missed.spots.recall == 0 && missed.spots.f1 == 0 && missed.timepoints == 1)
  }
}
