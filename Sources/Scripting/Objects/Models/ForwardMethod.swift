// `model:forward`: what a network sees in a volume, as volumes that can be looked at.

import Core
import Imaging
import Learning
import Tracking

enum ForwardMethod {
  /// Options of everything that runs a network over volumes.
  static let networkOptions: [Param] = [
    .boolean("patch", "Cut the volume into tiles where it is large.", default: true),
    .point(
      "patch_size", "Voxels of the tiles; absent: chosen by size and memory.", optional: true),
    .boolean("pad", "Repeat the edges of tiles, against artefacts there.", default: true),
    .integer(
      "keep_axials", "How many poolings keep z; absent: by the voxel size.", optional: true, min: 0),
    .choice(
      "precision", Precision.allCases.map(\.rawValue),
      "fast is within 1e-5 of exact probabilities.", default: Precision.fast.rawValue),
  ]

  static func register(_ model: TypeEntry) {
    model.method(
      "forward",
      params: [
        .object("volume", "volume", "The image; for a flow model the earlier one."),
        .options(
          [
            .object("later", "volume", "For a flow model: the later image.", optional: true),
            .boolean(
              "normalise", "Bring the intensities to 0 ... 1, as in training.", default: true),
            .boolean(
              "median_correction", "First give all planes the same median.", default: false),
          ] + networkOptions),
      ],
      returns: "{background=volume, border=volume, center=volume}, for flow {x=, y=, z=}",
      "Run the network over a volume: probabilities, or for a flow model displacements between -1 and 1.",
      example: #"local model = howdah.detection("default", {widths = {4, 8}})"#
        + "\nlocal seen = model:forward(p.images:volume{t = 0})\nshow(seen.center)"
    ) { call in
      let me = call.receiver(ModelObject.self)
      let (o, progress) = (call.options, call.progress)
      var volumes = [call.object(0, Volume.self)]
      if let later = o.object("later", Volume.self) { volumes.append(later) }
      guard volumes.count == (me.kind == .flow ? 2 : 1) else {
        throw HowdahError(
          .argument,
          me.kind == .flow
            ? "model:forward: a flow model needs two volumes: model:forward(earlier, {later = v})"
            : "model:forward: later is for flow models")
      }
      let architecture = me.architecture
      let volume = volumes[0]
      let keep = keepAxials(o, voxel: volume.voxelSize, architecture)
      let pad = o.bool("pad")
      let patch = try patch(o, volume.size, architecture, keep, pad)
      let inputs =
        try o.bool("normalise")
        ? volumes.map {
          try IntensityScale(
            measuring: $0, medianCorrection: o.bool("median_correction"), progress: progress
          ).apply($0, progress: progress)
        } : volumes
      let outputs = try me.withPredictor(precision: precision(o)) {
        try $0.predict(
          inputs, Predictor.Options(patch: patch, keepAxials: keep, pad: pad, fit: .repeatEdges),
          progress: progress)
      }
      let names = me.kind.channels(dimensions: architecture.dimensions)
      call.push(LuaValue.record([]))
      for (name, output) in zip(names, outputs) {
        call.setField(name) { call.push(volume: output) }
      }
    }
  }

  static func precision(_ o: Options) -> Precision {
    Precision(rawValue: o.string("precision")) ?? .fast
  }

  static func keepAxials(_ o: Options, voxel: VoxelSize, _ architecture: Architecture)
    -> KeepAxials
  {
    if let count = o.optionalInt("keep_axials") {
      return KeepAxials(first: count, of: architecture.depth)
    }
    return KeepAxials(voxel: voxel, depth: architecture.depth)
  }

  /// nil means the volume in one piece.
  static func patch(
    _ o: Options, _ size: Size3, _ architecture: Architecture, _ keep: KeepAxials, _ pad: Bool
  ) throws -> Size3? {
    if !o.bool("patch") { return nil }
    return try patchSize(o)
      ?? PatchChoice.automatic(size, architecture: architecture, keepAxials: keep, pad: pad)
  }

  /// The option `patch_size` in whole voxels; nil when it was not given.
  static func patchSize(_ o: Options) throws -> Size3? {
    guard let point = try o.point("patch_size") else { return nil }
    guard let x = Int(exactly: point.x), let y = Int(exactly: point.y),
      let z = Int(exactly: point.z), min(x, y, z) >= 1
    else { throw HowdahError(.argument, "patch_size is {x=, y=, z=} in whole voxels, at least 1") }
    return Size3(x: x, y: y, z: z)
  }
}
