// The detection network beside PyTorch: inference, interleaved, at one and two threads, with AVX2 alone, and
// memory. The peers need `pip install -r Sources/bench/peers/requirements-networks.txt`; without them the table
// shows dashes.

import Core
import Glibc
import Learning

/// Times of the engine and of PyTorch's variants, gathered in alternating rounds.
func networkBench() throws -> [BenchRow] {
  var rows: [BenchRow] = []
  for (depth, side, rounds) in [(16, 128, 3), (32, 256, 1)] {
    for threads in [1, 2] {
      rows += try inference(
        Size3(x: side, y: side, z: depth), threads: threads, rounds: rounds, set: .best)
    }
  }
  for threads in [1, 2] { rows += try training(threads: threads) }
  if InstructionSet.best == .avx512 {
    rows += try inference(Size3(x: 128, y: 128, z: 16), threads: 2, rounds: 1, set: .avx2)
  }
  return rows
}

/// One training step at 16 x 128 x 128: forward, loss, backward, Adam, new weights into the engine.
private func training(threads: Int) throws -> [BenchRow] {
  let size = Size3(x: 128, y: 128, z: 16)
  var model = try Model(.unet(), seed: 1)
  let engine = try Engine(model, threads: threads)
  var random = SeededRandom(seed: 3)
  let input = Tensor(TensorShape(channels: 1, size: size)) { _, _, _, _, _ in
    Float(random.uniform())
  }
  let labels: Labels = (0..<size.count).map { _ in Int8(random.below(7)) - 1 }
  var adam = Adam(for: model)
  var loss = DetectionLoss()
  func step() throws {
    let result = try engine.gradients([input], keepAxials: KeepAxials(first: 4, of: 4)) {
      try loss.evaluate($0, labels: labels, dimensions: 3)
    }
    try adam.update(&model, gradients: result.gradients, learningRate: 1e-4)
    try engine.load(model)
  }
  var ours: [Double] = []
  var peers: [String: [Double]] = [:]
  for _ in 0..<2 {
    ours.append(try medianTime(3, step))
    let figures = runPeer(
      "network_torch.py",
      [size.z, size.y, size.x, threads].map(String.init) + ["train", "train_bf16"])
    for (name, value) in figures { peers[name, default: []].append(value) }
  }
  let name = "U-Net training step, \(threads) threads"
  let mine = median(ours) * 1000
  let bytes = Double(engine.peakTensorBytes) / Double(size.count)
  return [("train", "PyTorch eager", 4.0), ("train_bf16", "PyTorch bf16", 1.7)].map {
    variant, label, target in
    let peer = peers[variant].map { median($0) * 1000 }
    return BenchRow(
      name: name, ours: mine, unit: "ms", peer: label, peerValue: peer,
      target: ">= \(target) times",
      reached: peer.map { $0 / mine >= target })
  } + [
    BenchRow(
      name: name + ", memory", ours: bytes, unit: "byte/voxel", target: "<= 1000",
      reached: bytes <= 1000)
  ]
}

private func inference(
  _ size: Size3, threads: Int, rounds: Int, set: InstructionSet
) throws -> [BenchRow] {
  let model = try Model(.unet(), seed: 1)
  let fast = try Engine(model, threads: threads, instructionSet: set)
  let exact = try Engine(model, precision: .exact, threads: threads, instructionSet: set)
  var random = SeededRandom(seed: 3)
  let input = Tensor(TensorShape(channels: 1, size: size)) { _, _, _, _, _ in
    Float(random.uniform())
  }
  let keep = KeepAxials(first: 4, of: 4)
  let restricted = set != .best
  if restricted {
    setenv("ATEN_CPU_CAPABILITY", "avx2", 1)
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1)
  }
  defer {
    unsetenv("ATEN_CPU_CAPABILITY")
    unsetenv("ONEDNN_MAX_CPU_ISA")
  }
  var ours: [Double] = []
  var ourExact: [Double] = []
  var peers: [String: [Double]] = [:]
  for _ in 0..<rounds {
    ours.append(try medianTime(3) { _ = try fast.forward(input, keepAxials: keep) })
    ourExact.append(try medianTime(1) { _ = try exact.forward(input, keepAxials: keep) })
    let figures = runPeer(
      "network_torch.py",
      [size.z, size.y, size.x, threads].map(String.init)
        + (restricted ? ["eager", "compiled"] : ["eager", "compiled", "compiled_bf16"]))
    for (name, value) in figures { peers[name, default: []].append(value) }
  }
  let name =
    "U-Net \(size.z)x\(size.y)x\(size.x), \(threads) threads" + (restricted ? ", AVX2" : "")
  func row(_ variant: String, _ label: String, _ target: Double) -> BenchRow {
    let peer = peers[variant].map { median($0) * 1000 }
    let mine = median(ours) * 1000
    return BenchRow(
      name: name, ours: mine, unit: "ms", peer: label, peerValue: peer,
      target: ">= \(target) times",
      reached: peer.map { $0 / mine >= target })
  }
  var rows =
    restricted
    ? [row("eager", "PyTorch eager", 3), row("compiled", "PyTorch compiled", 3)]
    : [
      row("eager", "PyTorch eager", 6), row("compiled", "PyTorch compiled", 3.5),
      row("compiled_bf16", "PyTorch compiled bf16", 1.4),
    ]
  rows.append(BenchRow(name: name + ", exact mode", ours: median(ourExact) * 1000, unit: "ms"))
  let bytes = Double(fast.peakTensorBytes) / Double(size.count) + 12
  rows.append(
    BenchRow(
      name: name + ", memory", ours: bytes, unit: "byte/voxel", peer: "PyTorch eager",
      peerValue: peers["eager_bytes"].map { median($0) / Double(size.count) }, target: "<= 220",
      reached: bytes <= 220))
  return rows
}
