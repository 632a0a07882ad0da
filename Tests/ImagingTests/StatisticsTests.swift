// Percentiles, histograms, ranges and projections against numpy and by naive loops.

import Core
import Imaging
import Testing

@Suite struct StatisticsTests {
  @Test(arguments: [VoxelType.uint8, .uint16, .float32])
  func agreesWithNumpy(_ type: VoxelType) throws {
    let golden = try Golden()
    let name = type == .float32 ? "float" : type.rawValue
    let volume = try golden.volume("percentile.\(name).in", type)
    let got = try volume.percentiles(golden.values("percentile.p"))
    let expected = try golden.values("percentile.\(name).out")
    #expect(largestDifference(got, expected) < 1e-4)
    let histogram = try volume.histogram(bins: 10)
    #expect(histogram.counts.map(Double.init) == (try golden.values("histogram.\(name).out")))
    #expect(histogram.lowerEdge(10) == (try volume.maximum()))
    let about = try golden.values("std.\(name).out")
    #expect(abs(try volume.mean() - about[0]) < 1e-4)
    #expect(abs(try volume.standardDeviation() - about[1]) < 1e-4)
  }

  @Test func percentileIsExactOverManyPieces() throws {
    let volume = try randomVolume(Size3(x: 301, y: 257, z: 41)).scaled(by: -1, plus: 1000)
    let sorted = volume.withVoxels(as: Float.self) { $0.sorted() }
    for rank in [0, 1, 12345, sorted.count / 2, sorted.count - 1] {
      let p = 100 * Double(rank) / Double(sorted.count - 1)
      let position = p / 100 * Double(sorted.count - 1)
      let (low, high) = (sorted[Int(position)], sorted[min(Int(position) + 1, sorted.count - 1)])
      let got = try volume.percentile(p)
      #expect(got >= Double(low) && got <= Double(high))
    }
    #expect(try volume.percentile(0) == volume.minimum())
    #expect(try volume.percentile(100) == volume.maximum())
    #expect(throws: HowdahError.self) { try volume.percentile(100.5) }
  }

  @Test func nanIsLeftOut() throws {
    let values: [Float] = [.nan, 3, -1, .nan, .infinity, 2, -0.0, 0]
    let volume = try Volume(floats: values, size: Size3(x: 2, y: 2, z: 2))
    #expect(try volume.minimum() == -1)
    #expect(try volume.maximum() == .infinity)
    #expect(try volume.percentile(0) == -1)
    #expect(try volume.percentile(60) == 2)
    #expect(try volume.percentile(100) == .infinity)
    #expect(try volume.histogram(bins: 2, range: 0...4).counts == [2, 2])
    let error = #expect(throws: HowdahError.self) { try volume.histogram(bins: 2) }
    #expect(error?.kind == .argument)

    let empty = try Volume(floats: [.nan, .nan], size: Size3(x: 2, y: 1, z: 1))
    #expect(try empty.range() == nil)
    #expect(try empty.minimum().isNaN && empty.mean().isNaN && empty.percentile(50).isNaN)
    #expect(try empty.projection(axis: .x).values()[0].isNaN)
  }

  @Test func constantVolumeHasAHistogram() throws {
    let volume = try Volume(uint8s: [9, 9, 9], size: Size3(x: 3, y: 1, z: 1))
    #expect(try volume.histogram(bins: 4).counts.reduce(0, +) == 3)
    #expect(try volume.standardDeviation() == 0)
  }

  @Test(arguments: [VoxelType.uint8, .uint16, .float32], [Axis.x, .y, .z])
  func projections(_ type: VoxelType, _ axis: Axis) throws {
    let size = Size3(x: 13, y: 7, z: 5)
    let volume = try randomVolume(size, type)
    for how in ProjectionKind.allCases {
      let got = try volume.projection(axis: axis, how: how)
      #expect(got.size[axis] == 1)
      #expect(got.type == (how == .max || how == .min ? type : .float32))
      for z in 0..<got.size.z {
        for y in 0..<got.size.y {
          for x in 0..<got.size.x {
            let line = (0..<size[axis]).map { i in
              volume[x: axis == .x ? i : x, y: axis == .y ? i : y, z: axis == .z ? i : z]
            }
            let expected =
              switch how {
              case .max: line.max()!
              case .min: line.min()!
              case .sum: line.reduce(0, +)
              case .mean: line.reduce(0, +) / Double(line.count)
              }
            #expect(abs(got[x: x, y: y, z: z] - expected) <= abs(expected) * 1e-6)
          }
        }
      }
    }
  }

  @Test func projectionsPreferNumbersToNaN() throws {
    let volume = try Volume(floats: [.nan, 1, 4, .nan], size: Size3(x: 1, y: 2, z: 2))
    #expect(try volume.projection(axis: .z, how: .max).values() == [4, 1])
    #expect(try volume.projection(axis: .y, how: .min).values() == [1, 4])
  }
}
