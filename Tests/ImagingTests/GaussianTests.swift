// The separable Gaussian against scipy, against a dense matrix product, and by its properties.

import COpenBLAS
import Core
import Imaging
import Testing

@Suite struct GaussianTests {
  @Test(arguments: ["box", "reach", "flat", "line"])
  func agreesWithScipy(_ name: String) throws {
    let golden = try Golden()
    let sigma = try golden.values("gaussian.\(name).sigma")
    let smooth = try golden.volume("gaussian.\(name).in")
      .gaussian(sigma: (sigma[0], sigma[1], sigma[2]))
    let expected = try golden.values("gaussian.\(name).out")
    #expect(largestDifference(smooth.values(), expected) < 1e-4)
    #expect(smooth.type == .float32)
  }

  @Test func integersAndDifferences() throws {
    let golden = try Golden()
    let volume = try golden.volume("gaussian.uint16.in", .uint16)
    let smooth = try volume.gaussian(sigma: (1, 1, 1))
    let expected = try golden.values("gaussian.uint16.out")
    #expect(largestDifference(smooth.values(), expected) < 0.05)
    let blobs = try volume.differenceOfGaussians(narrow: (1, 1, 1), wide: (1.6, 1.6, 1.6))
    #expect(largestDifference(blobs.values(), try golden.values("dog.out")) < 0.05)
  }

  /// Along one axis smoothing is a product with a matrix whose rows are the kernel folded at the
  /// borders.
  @Test(arguments: [5, 64, 131, 300])
  func alongXAgreesWithDenseMatrix(_ n: Int) throws {
    let sigma = 3.3
    let radius = Int(4 * sigma + 0.5)
    let raw = (-radius...radius).map { exponential(-0.5 * Double($0 * $0) / (sigma * sigma)) }
    let total = raw.reduce(0, +)
    var matrix = [Float](repeating: 0, count: n * n)
    for i in 0..<n {
      for k in -radius...radius {
        var j = i + k
        while j < 0 || j >= n { j = j < 0 ? -1 - j : 2 * n - 1 - j }
        matrix[i * n + j] += Float(raw[k + radius] / total)
      }
    }
    let size = Size3(x: n, y: 6, z: 3)
    let volume = try randomVolume(size)
    var expected = [Float](repeating: 0, count: size.count)
    volume.withVoxels(as: Float.self) { voxels in
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blasint(size.y * size.z), blasint(n), blasint(n),
        1,
        voxels.baseAddress, blasint(n), matrix, blasint(n), 0, &expected, blasint(n))
    }
    let smooth = try volume.gaussian(sigma: (sigma, 0, 0))
    #expect(largestDifference(smooth.values(), expected.map(Double.init)) < 4000 * 2e-6)
  }

  @Test func everyAxisIsTreatedAlike() throws {
    let n = Size3(x: 40, y: 40, z: 40)
    let volume = try randomVolume(n)
    func turned(_ v: Volume, _ index: (Int, Int, Int) -> (Int, Int, Int)) throws -> Volume {
      var values: [Float] = []
      for z in 0..<40 {
        for y in 0..<40 {
          for x in 0..<40 {
            let (a, b, c) = index(x, y, z)
            values.append(Float(v[x: a, y: b, z: c]))
          }
        }
      }
      return try Volume(floats: values, size: n)
    }
    let alongX = try volume.gaussian(sigma: (2, 0, 0))
    let viaY = try turned(
      turned(volume) { ($1, $0, $2) }.gaussian(sigma: (0, 2, 0)), { ($1, $0, $2) })
    let viaZ = try turned(
      turned(volume) { ($2, $1, $0) }.gaussian(sigma: (0, 0, 2)), { ($2, $1, $0) })
    #expect(alongX.hasSameVoxels(as: viaY))
    #expect(alongX.hasSameVoxels(as: viaZ))
  }

  @Test func keepsConstantsAndSums() throws {
    let size = Size3(x: 33, y: 21, z: 9)
    let constant = try Volume(floats: Array(repeating: 7.5, count: size.count), size: size)
    let same = try constant.gaussian(sigma: (3, 2, 1))
    #expect(largestDifference(same.values(), constant.values()) < 1e-5)
    // Reflecting borders lose nothing: the sum stays.
    let volume = try randomVolume(size)
    let before = try volume.mean()
    #expect(abs(try volume.gaussian(sigma: (3, 2, 1)).mean() - before) < 1e-3)
  }

  @Test func worldUnitsFollowTheVoxelSize() throws {
    let volume = try randomVolume(Size3(x: 20, y: 16, z: 8))
      .withVoxelSize(VoxelSize(x: 0.5, y: 1, z: 4))
    let world = try volume.gaussian(worldSigma: 2)
    #expect(world.hasSameVoxels(as: try volume.gaussian(sigma: (4, 2, 0.5))))
    #expect(world.voxelSize == volume.voxelSize)
  }

  @Test func singleVoxelAndSigmaZeroAreLeftAlone() throws {
    let one = try Volume(floats: [3], size: Size3(x: 1, y: 1, z: 1))
    #expect(try one.gaussian(sigma: (5, 5, 5)).values() == [3])
    let volume = try randomVolume(Size3(x: 7, y: 5, z: 3))
    #expect(try volume.gaussian(sigma: (0, 0, 0)).hasSameVoxels(as: volume))
  }

  @Test func largePlanesAreSplitInStripsWithoutSeams() throws {
    // One plane of 600 x 1100 is smoothed in several strips; a part of it must give the same
    // values.
    let volume = try randomVolume(Size3(x: 600, y: 1100, z: 1))
    let whole = try volume.gaussian(sigma: (1.5, 3, 0))
    let box = VoxelBox(origin: Size3(x: 0, y: 380, z: 0), size: Size3(x: 600, y: 200, z: 1))
    let part = try volume.crop(box).gaussian(sigma: (1.5, 3, 0))
    let inner = VoxelBox(origin: Size3(x: 0, y: 20, z: 0), size: Size3(x: 600, y: 160, z: 1))
    let outer = VoxelBox(origin: Size3(x: 0, y: 400, z: 0), size: inner.size)
    #expect(try whole.crop(outer).hasSameVoxels(as: part.crop(inner)))
  }

  @Test func refusesBadSigmaAndStopsWhenAsked() throws {
    let volume = try randomVolume(Size3(x: 8, y: 8, z: 8))
    for sigma in [-1, Double.nan, .infinity] {
      let error = #expect(throws: HowdahError.self) { try volume.gaussian(sigma: (sigma, 1, 1)) }
      #expect(error?.kind == .argument)
    }
    let progress = Progress()
    progress.cancel()
    let stopped = #expect(throws: HowdahError.self) {
      try volume.gaussian(sigma: (1, 1, 1), progress: progress)
    }
    #expect(stopped?.kind == .interrupted)
  }
}
