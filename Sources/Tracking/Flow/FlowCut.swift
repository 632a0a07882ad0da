// A sample of the flow network cut out of two labelled frames by one plan.

import Core
import Imaging
import Learning

/// Two frames with their labels, from which samples are cut.
struct FlowCut {
  let labels: FlowLabels
  /// `labels.numbers()`.
  let numbers: Volume
  /// Frames of intensities from 0 to 1.
  let earlier, later: Volume
  let scale: FlowScale

  /// The sample that a plan shows, the ways back turned, mirrored and stretched with it; nil when it shows no label.
  func sample(
    _ plan: CropPlan, in grid: InputGrid, _ architecture: Architecture, _ keepAxials: KeepAxials,
    progress: Progress = .none
  ) throws -> TrainingSample<FlowTarget>? {
    let map = plan.map(grid)
    guard let back = map.linear.inverse else { return nil }
    let numbers = try numbers.sampled(plan.size, through: map, .nearest, progress: progress)
    let flows = labels.ways.map { scale.flow(ofVoxels: back * $0) }
    let shape = TensorShape(channels: architecture.dimensions, size: plan.size)
    var flow = [Float](repeating: 0, count: shape.count)
    var mask = [Float](repeating: 0, count: shape.voxels)
    var isEmpty = true
    numbers.withVoxels(as: Float.self) { numbers in
      for (v, number) in numbers.enumerated() where number > 0 {
        isEmpty = false
        mask[v] = 1
        let f = flows[Int(number) - 1]
        flow[v] = Float(f.x)
        flow[shape.voxels + v] = Float(f.y)
        if shape.channels == 3 { flow[2 * shape.voxels + v] = Float(f.z) }
      }
    }
    if isEmpty { return nil }
    let one = shape.with(channels: 1)
    func image(_ frame: Volume) throws -> Tensor {
      let crop = try frame.sampled(plan.size, through: map, .linear, progress: progress)
      return try Tensor(one, values: crop.withVoxels(as: Float.self) { Array($0) })
    }
    let target = FlowTarget(
      flow: try Tensor(shape, values: flow), mask: try Tensor(one, values: mask),
      earlier: try image(earlier), later: try image(later))
    let input = try Tensor(
      TensorShape(channels: 2, size: plan.size),
      values: target.earlier.values + target.later.values)
    return TrainingSample(input: input, target: target, keepAxials: keepAxials)
  }
}
