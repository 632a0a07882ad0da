// The detection network beside PyTorch and OpenVINO: inference and training steps, memory, and a whole volume in
// tiles. In a contest every run of ours alternates with one of each peer, and medians are compared, so that a change
// of the machine's pace meets all alike. The peers need `pip install -r
// Sources/bench/peers/requirements-networks.txt`; without them the table shows dashes.

import Core
import Glibc
import Imaging
import Learning

/// The contests, about twelve minutes in all. Each can be run alone (`make bench ONLY="network training"`).
let networkBenchmarks: [Benchmark] =
  inferences(depth: 16, side: 128) + inferences(depth: 32, side: 256) + [
    Benchmark("network training") { try training(threads: 1) + training(threads: 2) },
    Benchmark("network stop") { try cancelling() },
    Benchmark("network AVX2") { InstructionSet.best == .avx512 ? try restricted() : [] },
    Benchmark("network volume") { try wholeVolume() },
  ]

private func inferences(depth: Int, side: Int) -> [Benchmark] {
  [1, 2].map { threads in
    Benchmark("network \(depth)x\(side)x\(side) threads \(threads)") {
      try inference(Size3(x: side, y: side, z: depth), threads: threads)
    }
  }
}

// MARK: Contests

/// Seconds of every contestant, in rounds.
private struct Contest {
  var times: [String: [Double]] = [:]
  /// Bytes or other figures that are taken once.
  var figures: [String: Double] = [:]

  func seconds(_ name: String) -> Double? { times[name].map(median) }

  /// Alternate until `budget` seconds are over, but at least `rounds` times.
  static func run(
    budget: Double, rounds: Int = 3,
    ours: [(name: String, run: () throws -> Void)],
    peer: () -> Peer?, variants: [String], figures: () throws -> [String: Double] = { [:] }
  ) throws -> Contest {
    var contest = Contest()
    let peer = peer()
    for one in ours { try one.run() }
    let begin = now()
    var round = 0
    while round < rounds || (now() - begin < budget && round < 15) {
      for one in ours {
        rest()
        let start = now()
        try one.run()
        contest.times[one.name, default: []].append(now() - start)
      }
      for variant in variants {
        rest()
        if let seconds = peer?.ask(variant) { contest.times[variant, default: []].append(seconds) }
      }
      round += 1
    }
    contest.figures = try figures()
    for variant in variants {
      if let bytes = peer?.ask("memory " + variant) { contest.figures[variant + "_bytes"] = bytes }
    }
    return contest
  }
}

/// Threads of OpenMP and TBB go on spinning for a fifth of a second after their work, on the cores of whoever runs next.
private func rest() { usleep(400_000) }

// MARK: Inputs

private let keep = KeepAxials(first: 4, of: 4)

private func noise(_ size: Size3) -> Tensor {
  var random = SeededRandom(seed: 3)
  return Tensor(TensorShape(channels: 1, size: size)) { _, _, _, _, _ in Float(random.uniform()) }
}

private func torch(
  _ size: Size3, threads: Int, _ variants: [String], environment: [String: String] = [:]
) -> Peer {
  Peer(
    "network_torch.py", [size.z, size.y, size.x, threads].map(String.init) + variants,
    environment: environment)
}

private func label(_ size: Size3, _ threads: Int) -> String {
  "\(size.z)x\(size.y)x\(size.x), \(threads) thread\(threads == 1 ? "" : "s")"
}

private func row(
  _ name: String, _ contest: Contest, ours: String = "fast", _ variants: [String], _ peer: String,
  _ target: Double?
) -> BenchRow {
  let mine = (contest.seconds(ours) ?? .nan) * 1000
  let best = variants.compactMap { contest.seconds($0) }.min().map { $0 * 1000 }
  return BenchRow(
    name: name, ours: mine, unit: "ms", peer: peer, peerValue: best,
    target: target.map { ">= \($0) times" } ?? "",
    reached: target.flatMap { target in best.map { $0 / mine >= target } })
}

/// Operations of a forward pass by the definition of the convolutions, two for each product.
private func operations(_ size: Size3) -> Double {
  let widths = Architecture.standardWidths.map(Double.init)
  var (sum, voxels) = (0.0, Double(size.count))
  for (level, w) in widths.enumerated() {
    let from = level == 0 ? 1 : widths[level - 1]
    sum += voxels * w * (from + w)
    if level + 1 < widths.count { sum += voxels * w * (w + widths[level + 1] + w) }
    voxels /= 4
  }
  return sum * 54
}

// MARK: Rows

private func inference(_ size: Size3, threads: Int) throws -> [BenchRow] {
  let model = try Model(.unet(), seed: 1)
  let fast = try Engine(model, threads: threads)
  let exact = try Engine(model, precision: .exact, threads: threads)
  let input = noise(size)
  let isLarge = size.count > 1 << 20
  let float32 = ["eager", "channels_last", "compiled"]
  let reduced = ["bf16", "channels_last_bf16", "compiled_bf16"]
  let other = ["openvino", "openvino_bf16"]
  let variants = (isLarge ? ["eager", "compiled", "compiled_bf16"] : float32 + reduced) + other
  let name = "U-Net \(label(size, threads))"
  var ours: [(name: String, run: () throws -> Void)] = [
    ("fast", { _ = try fast.forward(input, keepAxials: keep) }),
    ("exact", { _ = try exact.forward(input, keepAxials: keep) }),
  ]
  if threads > 1 {
    let one = try Engine(model, threads: 1)
    ours.append(("one thread", { _ = try one.forward(input, keepAxials: keep) }))
  }
  let contest = try Contest.run(
    budget: isLarge ? 60 : 20, rounds: isLarge ? 3 : 5, ours: ours,
    peer: { torch(size, threads: threads, variants + ["sgemm"]) }, variants: variants + ["sgemm"],
    figures: { ["bytes": Double(fast.peakTensorBytes) / Double(size.count) + 12] })
  var rows = [
    row(name, contest, ["eager"], "PyTorch eager", 6),
    row(name, contest, float32, "PyTorch's best float32", 3.5),
    row(name, contest, reduced, "PyTorch's best bf16", 1.4),
    row(name, contest, ["openvino"], "OpenVINO float32", nil),
    row(name, contest, ["openvino_bf16"], "OpenVINO bf16", nil),
    row(name + ", exact mode", contest, ours: "exact", float32, "PyTorch's best float32", nil),
  ]
  let mine = contest.seconds("fast") ?? .nan
  let bytes = contest.figures["bytes"] ?? .nan
  rows += [
    BenchRow(
      name: name + ", as if by the definition", ours: operations(size) / mine * 1e-9,
      unit: "GFLOP/s", peer: "sgemm of 2048 x 2048",
      peerValue: contest.seconds("sgemm").map { 2 * 2048.0 * 2048 * 2048 / $0 * 1e-9 }),
    BenchRow(
      name: name + ", memory beyond the weights", ours: bytes, unit: "byte/voxel",
      peer: "PyTorch eager",
      peerValue: contest.figures["eager_bytes"].map { $0 / Double(size.count) },
      target: "<= 220", reached: bytes <= 220),
  ]
  if let one = contest.seconds("one thread") {
    rows.append(
      BenchRow(
        name: name + ", gain over one", ours: one / mine, unit: "times", target: ">= 1.85",
        reached: one / mine >= 1.85))
  }
  return rows
}

/// One training step at 16 x 128 x 128: forward, loss, backward, Adam, new weights into the engine.
private func training(threads: Int) throws -> [BenchRow] {
  let size = Size3(x: 128, y: 128, z: 16)
  var model = try Model(.unet(), seed: 1)
  let engine = try Engine(model, threads: threads)
  let input = noise(size)
  var random = SeededRandom(seed: 4)
  let labels: Labels = (0..<size.count).map { _ in Int8(random.below(7)) - 1 }
  var adam = Adam(for: model)
  var loss = DetectionLoss()
  loss.threads = threads
  let name = "U-Net training step \(label(size, threads))"
  let contest = try Contest.run(
    budget: 20,
    ours: [
      (
        "fast",
        {
          let result = try engine.gradients([input], keepAxials: keep) {
            try loss.evaluate($0, labels: labels, dimensions: 3)
          }
          try adam.update(
            &model, gradients: result.gradients, learningRate: 1e-4, threads: threads)
          try engine.load(model)
        }
      )
    ],
    peer: { torch(size, threads: threads, ["train", "train_bf16"]) },
    variants: ["train", "train_bf16"],
    figures: { ["bytes": Double(engine.peakTensorBytes) / Double(size.count)] })
  let bytes = contest.figures["bytes"] ?? .nan
  return [
    row(name, contest, ["train"], "PyTorch eager", 4),
    row(name, contest, ["train_bf16"], "PyTorch bf16", 1.7),
    BenchRow(
      name: name + ", memory beyond the weights", ours: bytes, unit: "byte/voxel",
      peer: "PyTorch eager",
      peerValue: contest.figures["train_bytes"].map { $0 / Double(size.count) },
      target: "<= 1000", reached: bytes <= 1000),
  ]
}

/// Everybody without AVX-512.
private func restricted() throws -> [BenchRow] {
  let size = Size3(x: 128, y: 128, z: 16)
  let engine = try Engine(Model(.unet(), seed: 1), threads: 2, instructionSet: .avx2)
  let input = noise(size)
  let name = "U-Net \(label(size, 2)), AVX2"
  let variants = ["eager", "channels_last", "compiled"]
  let contest = try Contest.run(
    budget: 15, ours: [("fast", { _ = try engine.forward(input, keepAxials: keep) })],
    peer: {
      torch(
        size, threads: 2, variants,
        environment: ["ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"])
    }, variants: variants)
  return [row(name, contest, variants, "PyTorch's best", 3)]
}

/// A volume at the scale of the paper, in four tiles; the peer's tile counts four times.
private func wholeVolume() throws -> [BenchRow] {
  let size = Size3(x: 708, y: 512, z: 35)
  let tile = Size3(x: 368, y: 272, z: 35)
  let predictor = try Predictor([Model(.unet(), seed: 1)], threads: 2)
  let volume = try Volume(floats: noise(size).values, size: size)
  let options = Predictor.Options(patch: tile, keepAxials: keep)
  let name = "U-Net 35x512x708 in tiles, 2 threads"
  let contest = try Contest.run(
    budget: 0, rounds: 1,
    ours: [("fast", { _ = try predictor.predict([volume], options) })],
    peer: { torch(tile, threads: 2, ["eager"]) }, variants: ["eager"],
    figures: { ["bytes": Double(predictor.peakTensorBytes) / Double(tile.count) + 12] })
  let mine = contest.seconds("fast") ?? .nan
  let peer = contest.seconds("eager").map { 4 * $0 }
  let bytes = contest.figures["bytes"] ?? .nan
  return [
    BenchRow(
      name: name, ours: mine, unit: "s", peer: "PyTorch eager, 4 tiles", peerValue: peer,
      target: ">= 6 times", reached: peer.map { $0 / mine >= 6 }),
    BenchRow(
      name: name + ", memory beyond the weights", ours: bytes, unit: "byte/voxel of a tile",
      target: "<= 220", reached: bytes <= 220),
  ]
}

/// From the wish to stop until the call has ended: the longest of several, on one thread, at moments spread over a
/// pass.
private func cancelling() throws -> [BenchRow] {
  let (large, crop) = (Size3(x: 368, y: 272, z: 35), Size3(x: 128, y: 128, z: 16))
  let engine = try Engine(Model(.unet(), seed: 1), threads: 1)
  let (tile, sample) = (noise(large), noise(crop))
  let labels: Labels = (0..<crop.count).map { Int8($0 % 7) - 1 }
  var loss = DetectionLoss()
  loss.threads = 1
  let inference =
    try longestStop(within: 2, moments: 15) {
      _ = try engine.forward(tile, keepAxials: keep, progress: $0)
    } * 1000
  let training =
    try longestStop(within: 0.7, moments: 30) {
      _ = try engine.gradients([sample], keepAxials: keep, progress: $0) {
        try loss.evaluate($0, labels: labels, dimensions: 3)
      }
    } * 1000
  return [
    BenchRow(
      name: "stop while predicting, 1 thread, longest", ours: inference, unit: "ms",
      target: "<= 50", reached: inference <= 50),
    BenchRow(
      name: "stop while training, 1 thread, longest", ours: training, unit: "ms", target: "<= 50",
      reached: training <= 50),
  ]
}
