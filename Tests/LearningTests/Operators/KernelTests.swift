// The fast kernels against the definitions of every operator and its gradient: each instruction set that this
// machine has, one and two threads, odd sizes, 2D and 3D.

import Core
import Kernels
import Learning
import Testing

@Suite struct KernelTests {
  /// Sizes for convolutions: smaller than a tile, larger than one, and longer than a row of products.
  private static let sizes = [
    Size3(x: 5, y: 7, z: 3), Size3(x: 1, y: 2, z: 1), Size3(x: 12, y: 4, z: 6),
    Size3(x: 118, y: 3, z: 2), Size3(x: 6, y: 14, z: 9),
  ]

  private func check(_ problem: String?) { if let problem { Issue.record("\(problem)") } }

  /// Weights [o][i][t] as [out block][in block][tap][16 in][16 out].
  private func packed(_ weight: [Double], _ places: [Int], inBlocks: Int, outputs: Int, taps: Int)
    -> Floats
  {
    let result = Floats(Floats.blocks(outputs) * inBlocks * taps * 256, 0)
    for o in 0..<outputs {
      for (i, p) in places.enumerated() {
        for t in 0..<taps {
          result.pointer[
            (((o / 16) * inBlocks + p / 16) * taps + t) * 256 + p % 16 * 16 + o % 16] =
            Float(weight[(o * places.count + i) * taps + t])
        }
      }
    }
    return result
  }

  private func convolution(
    _ c: KernelCase, _ sources: [KernelSource], size: Size3, m: Int, z: Int, taps: Int, add: Bool,
    _ random: inout SeededRandom
  ) {
    let outputs = 18
    let kernel = Size3(x: 3, y: 3, z: taps)
    let input = sources.dropFirst().reduce(sources[0].seen) { Reference.concatenate($0, $1.seen) }
    let weight = (0..<outputs * input.channels * kernel.count).map { _ in
      Double(Float(random.uniform(-0.2, 0.2)))
    }
    let bias = (0..<outputs).map { _ in Double(Float(random.uniform(-1, 1))) }
    let before = Grid.noise(outputs, size, &random)
    var sum = Reference.convolve(input, weight, bias, kernel)
    if add { sum = sum + before }
    let expected = Reference.leaky(sum.map { 0.5 * $0 }, 0.1)

    let places = KernelSource.places(sources)
    let inBlocks = sources.reduce(0) { $0 + Floats.blocks($1.grid.channels) }
    let outBlocks = Floats.blocks(outputs)
    var plan = nk_make_plan(
      Int32(m), Int32(z), Int32(taps), sources.contains { $0.twice } ? 1 : 0, Int32(inBlocks),
      Int32(outBlocks), Int32(size.z), Int32(size.y), Int32(size.x), Int32(c.threads))
    let taps9 = packed(
      weight, places, inBlocks: inBlocks, outputs: outputs, taps: kernel.count)
    let transformed = Floats(nk_weight_count(&plan))
    let kernels = c.kernels
    for ob in 0..<outBlocks {
      for ib in 0..<inBlocks {
        kernels.transform_weights(
          &plan, taps9.pointer + (ob * inBlocks + ib) * kernel.count * 256, Int32(ob), Int32(ib),
          transformed.pointer)
      }
    }
    let output = Floats(blocked: before)
    let biases = Floats(channels: bias)
    let sums = Floats(Int(plan.groups) * size.z * outBlocks * 32)
    var layer = nk_convolution(
      sources: (sources[0].source, sources.last!.source), source_count: Int32(sources.count),
      depth: Int32(size.z), height: Int32(size.y), width: Int32(size.x),
      out_blocks: Int32(outBlocks), weights: transformed.pointer, bias: biases.pointer,
      output: output.pointer, add_output: add ? 1 : 0, factor: 0.5, slope: 0.1, sums: sums.pointer)
    let scratch = (0..<c.threads).map { _ in Floats(plan.scratch) }
    withUnsafePointer(to: &layer) { layer in
      withUnsafePointer(to: &plan) { plan in
        let (layer, fixed) = (Outliving(pointer: layer), Outliving(pointer: plan))
        c.run(Int(plan.pointee.items)) { item, worker in
          kernels.convolve(
            layer.pointer, fixed.pointer, Int32(item), scratch[worker].pointer)
        }
      }
    }
    let what = "\(size) F(\(m)) z \(z) taps \(taps) from \(sources.map(\.grid.channels))"
    check(expectClose(output.grid(outputs, size), expected, m == 2 ? 5e-6 : 3e-5, what))
    var totals = [Double](repeating: 0, count: outBlocks * 32)
    kernels.reduce(sums.pointer, plan.groups, Int32(size.z), Int32(outBlocks), &totals)
    for o in 0..<outputs {
      let channel = expected.values[(o * size.count)..<((o + 1) * size.count)]
      let (a, b) = (channel.reduce(0, +), channel.reduce(0) { $0 + $1 * $1 })
      let tolerance = 1e-4 * (1 + b)
      #expect(
        abs(totals[o / 16 * 32 + o % 16] - a) < tolerance
          && abs(totals[o / 16 * 32 + 16 + o % 16] - b) < tolerance, "sums of \(what)")
    }
  }

  @Test("convolutions in all forms", arguments: KernelCase.all)
  func convolutions(_ c: KernelCase) {
    var random = SeededRandom(seed: 6)
    for size in Self.sizes {
      for (m, z, taps) in [
        (2, 1, 1), (4, 1, 1), (2, 1, 3), (4, 1, 3), (2, 2, 3), (4, 2, 3), (2, 4, 3), (4, 4, 3),
      ] where taps == 3 || size.z == 1 {
        let one = KernelSource(.noise(5, size, &random), &random)
        convolution(c, [one], size: size, m: m, z: z, taps: taps, add: m == 4, &random)
      }
    }
  }

  @Test("convolutions over a concatenation with an upsampled source", arguments: KernelCase.all)
  func joined(_ c: KernelCase) {
    var random = SeededRandom(seed: 7)
    for size in [Size3(x: 10, y: 6, z: 4), Size3(x: 2, y: 4, z: 2)] {
      for f in [1, 2] {
        let small = Size3(x: size.x / 2, y: size.y / 2, z: size.z / f)
        let skip = KernelSource(.noise(3, size, &random), &random)
        let up = KernelSource(.noise(20, small, &random), twice: true, zFactor: f, &random)
        for (m, z) in [(2, 1), (4, 1), (2, 2), (4, 2), (2, 4), (4, 4)] {
          convolution(c, [skip, up], size: size, m: m, z: z, taps: 3, add: false, &random)
        }
      }
    }
  }

  /// More blocks than fit at once: components along z in parts, outputs in groups and shared among items.
  @Test("convolutions of many channels", arguments: KernelCase.all)
  func wide(_ c: KernelCase) {
    var random = SeededRandom(seed: 8)
    let size = Size3(x: 9, y: 6, z: 5)
    for channels in [70, 200] {
      let one = KernelSource(.noise(channels, size, &random), &random)
      for (m, z) in [(4, 4), (4, 2), (2, 1)] {
        convolution(c, [one], size: size, m: m, z: z, taps: 3, add: false, &random)
      }
    }
  }

  @Test("gradients of weights", arguments: KernelCase.all)
  func weightGradients(_ c: KernelCase) {
    var random = SeededRandom(seed: 9)
    let kernels = c.kernels
    for (size, twice, taps) in [
      (Size3(x: 10, y: 6, z: 3), false, 3), (Size3(x: 10, y: 6, z: 4), true, 3),
      (Size3(x: 5, y: 7, z: 1), false, 1), (Size3(x: 2, y: 2, z: 2), true, 3),
    ] {
      var sources = [KernelSource(.noise(3, size, &random), &random)]
      if twice {
        let small = Size3(x: size.x / 2, y: size.y / 2, z: size.z / 2)
        sources.append(KernelSource(.noise(18, small, &random), twice: true, zFactor: 2, &random))
      }
      let kernel = Size3(x: 3, y: 3, z: taps)
      let g = Grid.noise(17, size, &random)
      let input = sources.dropFirst().reduce(sources[0].seen) { Reference.concatenate($0, $1.seen) }
      let expected = Reference.convolveWeights(input, g, kernel)
      let places = KernelSource.places(sources)
      let (inBlocks, outBlocks) = (sources.reduce(0) { $0 + Floats.blocks($1.grid.channels) }, 2)
      for m in [2, 4] {
        let plan = nk_make_plan(
          Int32(m), 1, Int32(taps), twice ? 1 : 0, Int32(inBlocks), Int32(outBlocks), Int32(size.z),
          Int32(size.y), Int32(size.x), Int32(c.threads))
        let layer = nk_convolution(
          sources: (sources[0].source, sources.last!.source), source_count: Int32(sources.count),
          depth: Int32(size.z), height: Int32(size.y), width: Int32(size.x),
          out_blocks: Int32(outBlocks), weights: nil, bias: nil, output: nil, add_output: 0,
          factor: 1, slope: 1, sums: nil)
        let components = (m + 2) * (m + 2)
        let gradient = Floats(blocked: g)
        let sums = Floats(components * outBlocks * inBlocks * taps * 256, 0)
        // Slabs of two rows of tiles; the last one may be shorter.
        let rows = 2
        let row = components * size.z * Int(plan.tiles_x) * 16 * rows
        let (inputs, outputs) = (Floats(row * inBlocks), Floats(row * outBlocks))
        for first in stride(from: 0, to: Int(plan.tiles_y), by: rows) {
          withUnsafePointer(to: layer) { layer in
            withUnsafePointer(to: plan) { plan in
              var slab = nk_weight_gradient(
                layer: layer, plan: plan, gradient: gradient.pointer, row: Int32(first),
                rows: min(Int32(rows), plan.pointee.tiles_y - Int32(first)),
                inputs: inputs.pointer, outputs: outputs.pointer, sums: sums.pointer)
              withUnsafePointer(to: &slab) { slab in
                let slab = Outliving(pointer: slab)
                c.run(2 * size.z) { item, _ in
                  kernels.gradient_transform(slab.pointer, Int32(item / 2), Int32(item % 2))
                }
                c.run(components * outBlocks * inBlocks) { item, _ in
                  let pair = item % (outBlocks * inBlocks)
                  kernels.gradient_product(
                    slab.pointer, Int32(item / (outBlocks * inBlocks)), Int32(pair / inBlocks),
                    Int32(pair % inBlocks))
                }
              }
            }
          }
        }
        var result = [Double](repeating: 0, count: expected.count)
        withUnsafePointer(to: layer) { layer in
          withUnsafePointer(to: plan) { plan in
            var all = nk_weight_gradient(
              layer: layer, plan: plan, gradient: nil, row: 0, rows: 1, inputs: nil, outputs: nil,
              sums: sums.pointer)
            for ob in 0..<outBlocks {
              for ib in 0..<inBlocks {
                let values = Floats(taps * 9 * 256)
                kernels.gradient_finish(&all, Int32(ob), Int32(ib), values.pointer)
                for o in (ob * 16)..<min(17, ob * 16 + 16) {
                  for (i, p) in places.enumerated() where p / 16 == ib {
                    for t in 0..<(taps * 9) {
                      result[(o * places.count + i) * taps * 9 + t] = Double(
                        values.pointer[t * 256 + p % 16 * 16 + o % 16])
                    }
                  }
                }
              }
            }
          }
        }
        let scale = expected.map(abs).max()!
        let worst = zip(result, expected).map { abs($0 - $1) }.max()!
        #expect(worst < 3e-5 * scale, "\(size) F(\(m)) \(worst) of \(scale)")
      }
    }
  }

  @Test("the first layer", arguments: KernelCase.all)
  func stem(_ c: KernelCase) {
    var random = SeededRandom(seed: 10)
    let kernels = c.kernels
    for (size, taps) in [(Size3(x: 19, y: 5, z: 3), 27), (Size3(x: 7, y: 3, z: 1), 9)] {
      let (channels, outputs, blocks) = (2, 18, 2)
      let kernel = Size3(x: 3, y: 3, z: taps / 9)
      let (x, g) = (Grid.noise(channels, size, &random), Grid.noise(outputs, size, &random))
      let weight = (0..<outputs * channels * taps).map { _ in Double(Float(random.uniform(-1, 1))) }
      let residual = (0..<outputs * channels).map { _ in Double(Float(random.uniform(-1, 1))) }
      let bias = (0..<outputs).map { _ in Double(Float(random.uniform(-1, 1))) }
      func lanes(_ w: [Double], _ inner: Int) -> Floats {
        let result = Floats(blocks * inner * 16, 0)
        for o in 0..<outputs {
          for i in 0..<inner {
            result.pointer[(o / 16 * inner + i) * 16 + o % 16] = Float(w[o * inner + i])
          }
        }
        return result
      }
      // Planes with a border of zeros, and room for the last step to read beyond.
      let border = taps == 27 ? 1 : 0
      let (stride, plane) = (size.x + 2, (size.x + 2) * (size.y + 2))
      let padded = Floats(channels * (size.z + 2 * border) * plane + 16, 0)
      for ch in 0..<channels {
        for z in 0..<size.z {
          for y in 0..<size.y {
            for xx in 0..<size.x {
              padded.pointer[
                (ch * (size.z + 2 * border) + z + border) * plane + (y + 1) * stride + xx + 1] =
                Float(x[ch, z, y, xx])
            }
          }
        }
      }
      let (output, through) = (Floats(blocks * 16 * size.count), Floats(blocks * 16 * size.count))
      let (w, r, b) = (lanes(weight, channels * taps), lanes(residual, channels), lanes(bias, 1))
      let sums = Floats(size.z * blocks * 32)
      c.run(size.z) { z, _ in
        kernels.stem(
          padded.pointer, Int32(channels), stride, Int32(taps), Int32(size.z), Int32(size.y),
          Int32(size.x), w.pointer, b.pointer, 0.1, Int32(blocks), output.pointer, sums.pointer,
          r.pointer, through.pointer, Int32(z))
      }
      let expected = Reference.leaky(Reference.convolve(x, weight, bias, kernel), 0.1)
      check(expectClose(output.grid(outputs, size), expected, 2e-6, "stem"))
      let one = Size3(x: 1, y: 1, z: 1)
      check(
        expectClose(
          through.grid(outputs, size),
          Reference.convolve(x, residual, bias.map { _ in 0 }, one), 2e-6, "residual"))
      var totals = [Double](repeating: 0, count: blocks * 32)
      kernels.reduce(sums.pointer, 1, Int32(size.z), Int32(blocks), &totals)
      #expect(
        abs(totals[32 + 1] - expected.values[(17 * size.count)...].reduce(0, +)) < 1e-3, "sums")

      let (gradient, parts) = (Floats(blocked: g), Floats(size.z * blocks * channels * taps * 16))
      c.run(size.z * blocks) { item, _ in
        kernels.stem_backward(
          padded.pointer, Int32(channels), stride, Int32(taps), Int32(size.z), Int32(size.y),
          Int32(size.x), gradient.pointer, Int32(item % blocks), Int32(item / blocks),
          parts.pointer + item * channels * taps * 16)
      }
      let back = Reference.convolveWeights(x, g, kernel)
      for i in back.indices {
        let (o, inner) = (i / (channels * taps), i % (channels * taps))
        let sum = (0..<size.z).reduce(0.0) {
          $0
            + Double(
              parts.pointer[(($1 * blocks + o / 16) * channels * taps + inner) * 16 + o % 16])
        }
        #expect(abs(sum - back[i]) < 1e-4, "stem weights")
      }
    }
  }

  @Test("1x1 convolution and the last layer", arguments: KernelCase.all)
  func pointwise(_ c: KernelCase) {
    var random = SeededRandom(seed: 11)
    let kernels = c.kernels
    let (size, one) = (Size3(x: 7, y: 5, z: 3), Size3(x: 1, y: 1, z: 1))
    let (voxels, inputs) = (size.count, 20)
    let x = Grid.noise(inputs, size, &random)
    let input = Floats(blocked: x)
    for outputs in [3, 18] {
      let weight = (0..<outputs * inputs).map { _ in Double(Float(random.uniform(-1, 1))) }
      let bias = (0..<outputs).map { _ in Double(Float(random.uniform(-1, 1))) }
      let linear = Reference.convolve(x, weight, bias, one)
      let blocks = Floats.blocks(outputs)
      let w = packed(weight, Array(0..<inputs), inBlocks: 2, outputs: outputs, taps: 1)
      let constant = Floats(channels: bias)
      let output = Floats(blocks * 16 * voxels)
      c.run(3) { item, _ in
        kernels.pointwise(
          input.pointer, 2, voxels, w.pointer, constant.pointer, Int32(blocks), output.pointer,
          item * 40, min(voxels, item * 40 + 40))
      }
      check(expectClose(output.grid(outputs, size), linear, 2e-6, "1x1"))
      if outputs > 16 { continue }
      for mode in 0..<3 {
        let result = Floats(outputs * voxels)
        c.run(3) { item, _ in
          kernels.head(
            input.pointer, 2, voxels, w.pointer, constant.pointer, Int32(outputs), Int32(mode),
            result.pointer, item * 40, min(voxels, item * 40 + 40))
        }
        let expected = [Reference.logSoftmax, Reference.tanh, { $0 }][mode](linear)
        var grid = expected
        grid.values = result.values.map(Double.init)
        check(expectClose(grid, expected, 2e-6, "head \(mode)"))
        if mode == 2 { continue }
        let g = Grid.noise(outputs, size, &random)
        let before =
          mode == 0
          ? Reference.logSoftmaxBackward(g, output: expected)
          : Reference.tanhBackward(g, output: expected)
        let rows = Floats(2 * outputs * 16, 0)
        for o in 0..<outputs {
          for i in 0..<inputs {
            rows.pointer[(i / 16 * outputs + o) * 16 + i % 16] = Float(weight[o * inputs + i])
          }
        }
        let (gradient, activated) = (Floats(g.values), Floats(expected.values))
        let length = 3 * outputs * 16
        let (back, sums) = (Floats(32 * voxels), Floats(3 * length))
        c.run(3) { item, _ in
          kernels.head_backward(
            gradient.pointer, activated.pointer, Int32(outputs), Int32(mode), input.pointer, 2,
            voxels, rows.pointer, back.pointer, sums.pointer + item * length, item * 40,
            min(voxels, item * 40 + 40))
        }
        check(
          expectClose(
            back.grid(inputs, size),
            Reference.convolveInput(before, weight, inputs: inputs, one), 3e-6, "head input"))
        let weights = Reference.convolveWeights(x, before, one)
        func total(_ k: Int) -> Double {
          (0..<3).reduce(0) { $0 + Double(sums.pointer[$1 * length + k]) }
        }
        for o in 0..<outputs {
          for i in 0..<inputs {
            #expect(
              abs(total((i / 16 * outputs + o) * 16 + i % 16) - weights[o * inputs + i]) < 1e-4)
          }
          let sum = (0..<16).reduce(0.0) { $0 + total((2 * outputs + o) * 16 + $1) }
          let bias = before.values[(o * voxels)..<((o + 1) * voxels)].reduce(0, +)
          #expect(abs(sum - bias) < 1e-4, "bias")
        }
      }
    }
  }

  @Test("pooling and upsampling", arguments: KernelCase.all)
  func sampling(_ c: KernelCase) {
    var random = SeededRandom(seed: 12)
    let kernels = c.kernels
    for f in [1, 2] {
      let size = Size3(x: 6, y: 10, z: 2 * f)
      let source = KernelSource(.noise(18, size, &random), &random)
      // The pooled values belong to the affine maximum: a channel of negative scale takes the minimum.
      let small = Reference.pool(source.seen, f)
      let pooled = Floats(32 * small.size.count)
      var raw = source.source
      withUnsafePointer(to: &raw) { raw in
        let raw = Outliving(pointer: raw)
        c.run(2 * small.size.z) { item, _ in
          kernels.pool(
            raw.pointer, Int32(f), Int32(item / small.size.z), Int32(item % small.size.z),
            pooled.pointer)
        }
      }
      let grid = pooled.grid(18, small.size)
      let affine = Grid(18, small.size) { ch, z, y, x in
        grid[ch, z, y, x] * source.scale[ch] + source.shift[ch]
      }
      check(expectClose(affine, small, 1e-6, "pool"))
      let g = Grid.noise(18, small.size, &random)
      let before = Grid.noise(18, size, &random)
      let (gradient, target) = (Floats(blocked: g), Floats(blocked: before))
      withUnsafePointer(to: &raw) { raw in
        let raw = Outliving(pointer: raw)
        c.run(2 * small.size.z) { item, _ in
          kernels.pool_backward(
            raw.pointer, Int32(f), Int32(item / small.size.z), Int32(item % small.size.z),
            gradient.pointer, target.pointer)
        }
      }
      check(
        expectClose(
          target.grid(18, size), before + Reference.poolBackward(g, source.seen, f), 1e-6,
          "pool backward"))
      let large = Grid.noise(18, size, &random)
      let from = Floats(blocked: large)
      let up = Floats(32 * small.size.count)
      c.run(2 * small.size.z) { item, _ in
        kernels.upsample_backward(
          from.pointer, Int32(small.size.z), Int32(small.size.y), Int32(small.size.x), Int32(f),
          Int32(item / small.size.z), Int32(item % small.size.z), up.pointer)
      }
      check(
        expectClose(
          up.grid(18, small.size), Reference.upsampleBackward(large, f), 1e-6, "upsample"))
    }
  }

  @Test("sums and GroupNorm with its activation", arguments: KernelCase.all)
  func elementwise(_ c: KernelCase) {
    var random = SeededRandom(seed: 13)
    let kernels = c.kernels
    let (size, channels) = (Size3(x: 7, y: 5, z: 1), 16)
    let voxels = size.count
    // y = norm(leaky(v) / 2): from the gradient of y to that of v, as the engine does it.
    let v = Grid.noise(channels, size, &random)
    let x = Reference.leaky(v.map { 0.5 * $0 }, 0.1)
    let g = Grid.noise(channels, size, &random)
    let weight = (0..<channels).map { _ in Double(Float(random.uniform(-1, 1))) }
    let back = Reference.groupNormBackward(g, x, groups: channels, weight)
    let expected = Reference.leakyBackward(back.input, v, 0.1).map { 0.5 * $0 }
    let (value, gradient, sums) = (Floats(blocked: x), Floats(blocked: g), Floats(32))
    kernels.norm_sums(gradient.pointer, value.pointer, voxels, sums.pointer)
    let s = Reference.statistics(x, groups: channels)
    var (a, b, k) = ([Double](), [Double](), [Double]())
    for ch in 0..<channels {
      let (sum, product) = (Double(sums.pointer[ch]), Double(sums.pointer[16 + ch]))
      let normed = s[ch].inverse * (product - s[ch].mean * sum)
      #expect(abs(normed - back.weight[ch]) < 1e-4 && abs(sum - back.bias[ch]) < 1e-4)
      let (meanG, meanGX) = (
        weight[ch] * sum / Double(voxels), weight[ch] * normed / Double(voxels)
      )
      a.append(s[ch].inverse * weight[ch])
      b.append(-s[ch].inverse * s[ch].inverse * meanGX)
      k.append(s[ch].inverse * (s[ch].inverse * s[ch].mean * meanGX - meanG))
    }
    let factors = [a, b, k].map { Floats(channels: $0) }
    kernels.norm_apply(
      gradient.pointer, value.pointer, voxels, factors[0].pointer, factors[1].pointer,
      factors[2].pointer, 0.1, 0.5, sums.pointer)
    withExtendedLifetime(factors) {}
    check(expectClose(gradient.grid(channels, size), expected, 5e-6, "norm"))
    let total = expected.values[(3 * voxels)..<(4 * voxels)].reduce(0, +)
    #expect(abs(Double(sums.pointer[3]) - total) < 1e-4)

    let (p, q) = (Grid.noise(channels, size, &random), Grid.noise(channels, size, &random))
    let (left, right, products) = (Floats(blocked: p), Floats(blocked: q), Floats(256, 1))
    kernels.outer(left.pointer, right.pointer, voxels, products.pointer)
    for i in 0..<16 {
      for j in 0..<16 {
        let sum = (0..<voxels).reduce(1.0) {
          $0 + p.values[i * voxels + $1] * q.values[j * voxels + $1]
        }
        #expect(abs(Double(products.pointer[i * 16 + j]) - sum) < 1e-5)
      }
    }
    kernels.add(left.pointer, right.pointer, 16 * voxels)
    check(expectClose(right.grid(channels, size), p + q, 1e-7, "add"))
  }
}
