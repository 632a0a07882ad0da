// Which labels of a result are which labels of the truth, frame by frame: all that the measures need of the
// images. Frames are read once and forgotten; what stays is a number a label and frame.

import Core
import Formats
import Imaging

/// The labels of all frames of one side. A vertex is a label in a frame; vertices are numbered frame by frame,
/// within a frame by ascending label.
struct CTCVertices: Sendable {
  /// For each frame the number of its first vertex, and at the end the number of all.
  private(set) var starts = [0]
  /// The label of each vertex.
  private(set) var labels: [UInt32] = []

  var count: Int { labels.count }
  var frames: Int { starts.count - 1 }

  mutating func append(frame labels: [UInt32]) {
    self.labels += labels
    starts.append(self.labels.count)
  }

  /// The vertices of a frame.
  func frame(_ t: Int) -> Range<Int> { starts[t]..<starts[t + 1] }

  /// The vertex of a label in a frame.
  func find(_ label: Int, at t: Int) -> Int? {
    guard t >= 0, t < frames else { return nil }
    var (low, high) = (starts[t], starts[t + 1])
    while low < high {
      let middle = (low + high) / 2
      if labels[middle] < label { low = middle + 1 } else { high = middle }
    }
    return low < starts[t + 1] && labels[low] == label ? low : nil
  }
}

/// The match between the labels of a truth and of a result.
///
/// A label of the result is matched to every label of the truth of which it covers more than half the voxels
/// (Matula et al. 2015): a label of the truth has at most one match, one of the result may have several.
struct CTCMatching: Sendable {
  let truth, result: CTCTrackTable
  private(set) var truthVertices = CTCVertices()
  private(set) var resultVertices = CTCVertices()
  /// By vertex of the truth: the vertex of the result that it is matched to, or -1.
  private(set) var matchOfTruth: [Int32] = []
  /// By vertex of the result: how many vertices of the truth it is matched to.
  private(set) var matchCount: [Int32] = []
  /// By vertex of the result: the vertex of the truth that it is matched to last, or -1.
  private(set) var matchOfResult: [Int32] = []
  /// What the outlines give.
  private(set) var segmentation = CTCSegmentation()

  /// What one frame gives.
  private struct Frame: Sendable {
    var truth: [UInt32]
    var result: [UInt32]
    /// By place in `truth`: the label of the match, or 0.
    var match: [UInt32]
    var segmentation: CTCSegmentation
  }

  /// Read and compare all frames.
  ///
  /// - Throws: `.argument` when sizes or numbers of frames differ, `.format` with file, frame and label when
  ///   images and tables do not agree, `.interrupted`.
  init(result: any CTCSubject, truth: any CTCSubject, _ progress: Progress) throws {
    self.truth = truth.table
    self.result = result.table
    guard result.size == truth.size else {
      throw HowdahError(
        .argument,
        "\(result.name): its label images have \(result.size) voxels, those of \(truth.name) "
          + "\(truth.size)")
    }
    let frames = try Self.frames(result, truth)
    var references: [Int: [CTCFolder.Segmentation]] = [:]
    for s in truth.segmentations {
      guard s.frame < frames else {
        throw HowdahError.format(
          s.path, at: "frame \(s.frame)", "is beyond the last frame, which is \(frames - 1)")
      }
      references[s.frame, default: []].append(s)
    }
    let takesOutlines = truth.hasOutlines && truth.segmentations.isEmpty
    let bytes = result.size.count * 3 * (references.isEmpty ? 2 : 3)
    progress.begin(total: frames, "comparing labels")
    try FrameBlocks.run(frames, bytesPerFrame: bytes, progress) { [references] t, isAlone in
      try Self.compare(t, result, truth, references[t] ?? [], takesOutlines, isAlone, progress)
    } collect: { _, frame in
      append(frame)
    }
  }

  private static func frames(_ result: any CTCSubject, _ truth: any CTCSubject) throws -> Int {
    let (r, t) = (result.frameCount, truth.frameCount)
    if r == t { return r }
    // A drawing has empty frames as needed; files have not.
    if !result.hasFixedFrames, t >= r || !truth.hasFixedFrames { return max(r, t) }
    if !truth.hasFixedFrames, r >= t { return r }
    throw HowdahError(
      .argument, "\(result.name): has \(r) frames, but \(truth.name) has \(t); both need the same")
  }

  private static func compare(
    _ t: Int, _ result: any CTCSubject, _ truth: any CTCSubject,
    _ references: [CTCFolder.Segmentation], _ takesOutlines: Bool, _ isAlone: Bool,
    _ progress: Progress
  ) throws -> Frame {
    let pair = Slots()
    @Sendable func read(_ side: Int) throws {
      pair.volumes[side] = try (side == 0 ? truth : result).labels(at: t, progress: progress)
    }
    if isAlone { try parallelFor(2, read) } else { for side in 0..<2 { try read(side) } }
    let (a, b) = (pair.volumes[0]!, pair.volumes[1]!)
    let overlap = try naming(truth, result, t) {
      try LabelOverlap(a, b, isParallel: isAlone, progress: progress)
    }
    try truth.check(overlap.a.map { Int($0.label) }, at: t, allowsGaps: true)
    try result.check(overlap.b.map { Int($0.label) }, at: t, allowsGaps: false)
    var frame = Frame(
      truth: overlap.a.map(\.label), result: overlap.b.map(\.label),
      match: Array(repeating: 0, count: overlap.a.count), segmentation: CTCSegmentation())
    forEachMatch(overlap) { place, pair in frame.match[place] = pair.b }
    if takesOutlines { frame.segmentation.add(whole: overlap) }
    let whole = references.filter { $0.slice == nil }
    for reference in whole {
      let labels = try truth.labels(reference, progress: progress)
      frame.segmentation.add(
        whole: try LabelOverlap(labels, b, isParallel: isAlone, progress: progress))
    }
    let slices = references.filter { $0.slice != nil }
    let parts = try slices.map { reference in
      try LabelOverlap(
        truth.labels(reference, progress: progress), b.slice(axis: .z, index: reference.slice!),
        isParallel: isAlone, progress: progress)
    }
    if !parts.isEmpty { frame.segmentation.add(slices: parts) }
    return frame
  }

  /// Both volumes of a frame, each written by one thread.
  private final class Slots: @unchecked Sendable {
    var volumes: [Volume?] = [nil, nil]
  }

  /// Voxels that are no labels are found while both images are looked at; say where.
  private static func naming<R>(
    _ truth: any CTCSubject, _ result: any CTCSubject, _ t: Int, _ body: () throws -> R
  ) throws -> R {
    do { return try body() } catch let error as HowdahError where error.kind == .format {
      throw HowdahError.format(
        "\(truth.name) or \(result.name)", at: "frame \(t)", error.message)
    }
  }

  /// Calls `body` for each label of the first image, by its place, that is covered by more than half.
  static func forEachMatch(_ overlap: LabelOverlap, _ body: (Int, LabelOverlap.Pair) -> Void) {
    var place = 0
    for pair in overlap.pairs {
      while overlap.a[place].label < pair.a { place += 1 }
      if 2 * pair.voxels > overlap.a[place].voxels { body(place, pair) }
    }
  }

  private mutating func append(_ frame: Frame) {
    truthVertices.append(frame: frame.truth)
    let first = resultVertices.count
    resultVertices.append(frame: frame.result)
    matchCount += Array(repeating: 0, count: frame.result.count)
    matchOfResult += Array(repeating: -1, count: frame.result.count)
    let t = resultVertices.frames - 1
    for label in frame.match {
      guard label > 0, let vertex = resultVertices.find(Int(label), at: t) else {
        matchOfTruth.append(-1)
        continue
      }
      matchOfResult[vertex] = Int32(matchOfTruth.count)
      matchOfTruth.append(Int32(vertex))
      matchCount[vertex] += 1
    }
    assert(first + frame.result.count == resultVertices.count)
    segmentation.add(frame.segmentation)
  }
}

extension CTCMatching {
  /// The label of the match of a vertex of the truth; 0 when it has none.
  func label(matching vertex: Int) -> UInt32 {
    let match = matchOfTruth[vertex]
    return match < 0 ? 0 : resultVertices.labels[Int(match)]
  }

  /// The same, and 0 also when the match covers other labels of the truth as well.
  func label(matchingOnly vertex: Int) -> UInt32 {
    let match = matchOfTruth[vertex]
    return match < 0 || matchCount[Int(match)] > 1 ? 0 : resultVertices.labels[Int(match)]
  }

  /// The labels that are matched one to one.
  var pairs: [CTCPair] {
    (0..<truthVertices.frames).flatMap { t in
      truthVertices.frame(t).compactMap { vertex in
        let label = label(matchingOnly: vertex)
        return label == 0
          ? nil : CTCPair(frame: t, result: label, truth: truthVertices.labels[vertex])
      }
    }
  }

  /// Whether any vertex of a track of the result is matched; by place in the table.
  func matchedTracks() -> [Bool] {
    var isMatched = [Bool](repeating: false, count: result.tracks.count)
    for vertex in 0..<resultVertices.count where matchCount[vertex] > 0 {
      if let place = result.places[Int(resultVertices.labels[vertex])] { isMatched[place] = true }
    }
    return isMatched
  }
}

/// Sums for SEG: how well outlines agree.
struct CTCSegmentation: Sendable {
  /// Outlines of the truth.
  private(set) var outlines = 0
  /// Sum of the Jaccard indices of those that are matched.
  private(set) var sum = 0.0
  /// The same with the slices of a frame taken for one volume, counted once for each slice.
  private(set) var stackedOutlines = 0
  private(set) var stackedSum = 0.0
  /// Whether a frame has several slices, so that the two ways differ.
  private(set) var hasSlices = false

  mutating func add(_ other: CTCSegmentation) {
    outlines += other.outlines
    sum += other.sum
    stackedOutlines += other.stackedOutlines
    stackedSum += other.stackedSum
    hasSlices = hasSlices || other.hasSlices
  }

  /// A frame that is outlined as a whole.
  mutating func add(whole overlap: LabelOverlap) {
    let (count, jaccard) = (overlap.a.count, Self.jaccard(overlap))
    outlines += count
    sum += jaccard
    stackedOutlines += count
    stackedSum += jaccard
  }

  /// The slices of a frame that are outlined.
  mutating func add(slices: [LabelOverlap]) {
    for overlap in slices {
      outlines += overlap.a.count
      sum += Self.jaccard(overlap)
    }
    let stack = LabelOverlap(stacking: slices)
    stackedOutlines += slices.count * stack.a.count
    stackedSum += Double(slices.count) * Self.jaccard(stack)
    hasSlices = hasSlices || slices.count > 1
  }

  /// The sum of the Jaccard indices of the labels that are covered by more than half.
  private static func jaccard(_ overlap: LabelOverlap) -> Double {
    var sizes: [UInt32: Int] = [:]
    for region in overlap.b { sizes[region.label] = region.voxels }
    var sum = 0.0
    CTCMatching.forEachMatch(overlap) { place, pair in
      let union = overlap.a[place].voxels + sizes[pair.b]! - pair.voxels
      sum += Double(pair.voxels) / Double(union)
    }
    return sum
  }
}
