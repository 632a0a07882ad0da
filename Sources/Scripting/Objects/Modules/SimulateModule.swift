// `howdah.simulate`: a movie of nuclei whose truth is known.

import Core
import Formats
import Imaging
import Tracking

enum SimulateModule {
  private typealias O = Simulator.Options

  /// Numbers that an option sets, with the sentences that help shows.
  private nonisolated(unsafe) static let numbers: [(String, WritableKeyPath<O, Double>, String)] = [
    ("density", \.density, "Share of the tissue that is nuclei, up to 0.5."),
    ("radius", \.radius, "Mean semi-axis of a nucleus, micrometres."),
    ("radius_variation", \.radiusVariation, "Its standard deviation, as a share of it."),
    ("elongation", \.elongation, "Longest over shortest semi-axis; 1 gives spheres."),
    ("flatness", \.flatness, "Semi-axis along z over the others; 1 for round tissue."),
    ("speed", \.speed, "Drift of the tissue, micrometres per timepoint."),
    ("wander", \.wander, "Each nucleus's own wandering, micrometres per timepoint."),
    ("division_rate", \.divisionRate, "Chance that a nucleus begins to divide, per timepoint."),
    ("death_rate", \.deathRate, "Chance that a nucleus dies, per timepoint."),
    ("regrowth", \.regrowth, "How much of the mother's radius daughters grow back to."),
    ("photons", \.photons, "Photons per voxel in a typical nucleus; fewer is noisier."),
    ("brightness_variation", \.brightnessVariation, "Spread of brightness between nuclei."),
    ("background", \.background, "Photons of the medium, per voxel."),
    ("haze", \.haze, "Share of a nucleus's light that is spread around it."),
    ("attenuation", \.attenuation, "Depth over which light falls to 1/e, micrometres."),
    ("texture", \.texture, "Strength of the chromatin's texture, 0 to 1."),
    ("hollowness", \.hollowness, "How much darker the middle of nuclei is than their rim, 0 to 1."),
    ("nucleoli", \.nucleoli, "How dark the nucleoli are, 0 (none) to 1."),
    ("blur", \.blur, "Blur along x and y, micrometres."),
    ("blur_z", \.blurZ, "Blur along z, micrometres."),
    ("gain", \.gain, "Grey values per photon."),
    ("read_noise", \.readNoise, "Noise of the camera, grey values."),
    ("offset", \.offset, "Grey value without light."),
    ("hot_pixels", \.hotPixels, "Share of pixels that are always bright."),
    ("dead_pixels", \.deadPixels, "Share of pixels that are always 0."),
    (
      "shading_x", \.shading.x,
      "Change of the light over the field along x, as a share of its mean."
    ),
    ("shading_y", \.shading.y, "The same along y."),
    ("stitching", \.stitching, "Steps of the light between tiles: spread of its logarithm."),
    ("flicker", \.flicker, "Unevenness of the light from plane to plane: spread of its logarithm."),
    ("smoothing", \.smoothing, "Smoothing of the recorded planes, voxels."),
    ("visible", \.visible, "Nuclei below this signal to noise are no part of the truth."),
  ]

  static func register(_ registry: Registry) {
    let presets = Simulator.Preset.allCases.map { "\($0.rawValue) (\($0.summary))" }
    registry.module("howdah").function(
      "simulate",
      params: [
        .options(
          [
            .choice(
              "preset", Simulator.Preset.names,
              "The kind of movie: \(presets.joined(separator: "; ")). worm is short for early_worm_embryo.",
              default: "small"),
            .integer(
              "seed", "Another seed gives another movie; absent: howdah.seed.", optional: true),
            .integer("nuclei", "How many at the first timepoint.", optional: true, min: 0),
            .integer("timepoints", "How many.", optional: true, min: 1),
            .point("size", "Voxels, {x=, y=, z=}.", optional: true),
            .point("voxel_size", "Micrometres, {x=, y=, z=}.", optional: true),
            .choice(
              "shape", Simulator.Shape.allCases.map { "\($0)" }, "Shape of the tissue.",
              optional: true),
            .choice(
              "rim", Simulator.Rim.allCases.map { "\($0)" },
              "What is at the sides of the view: closed: a wall that keeps nuclei in, which lasting drift presses them against; open: the tissue goes on, nuclei leave and others come.",
              optional: true),
            .integer("metaphase_timepoints", "How long metaphase lasts.", optional: true, min: 1),
            .integer(
              "maturation", "Timepoints from birth to the next division.", optional: true, min: 1),
            .integer("bits", "8 or 16.", optional: true),
            .boolean("labels", "Name the spots of the truth by descent.", default: false),
          ] + numbers.map { Param.number($0.0, $0.2, optional: true) })
      ],
      returns: "project",
      "Simulate a movie: a project with images and the perfect truth. What is not given comes from the preset.",
      example:
        "local movie = howdah.simulate{nuclei = 4, timepoints = 2, size = {x = 48, y = 48, z = 8}, seed = 1}\nprint(#movie.spots)"
    ) { call in
      let o = call.options
      var options = (Simulator.Preset(name: o.string("preset")) ?? .small).options
      options.seed = UInt64(bitPattern: Int64(o.optionalInt("seed") ?? call.host.nextSeed()))
      options.timepoints = o.optionalInt("timepoints") ?? options.timepoints
      if o.has("nuclei") { options.nuclei = o.int("nuclei") }
      if let size = try o.point("size") {
        guard let x = Int(exactly: size.x), let y = Int(exactly: size.y),
          let z = Int(exactly: size.z)
        else { throw HowdahError(.argument, "howdah.simulate: size is a whole number of voxels") }
        options.size = Size3(x: x, y: y, z: z)
      }
      if let v = try o.point("voxel_size") { options.voxelSize = VoxelSize(x: v.x, y: v.y, z: v.z) }
      if let shape = o.optionalString("shape") {
        options.shape = Simulator.Shape.allCases.first { "\($0)" == shape } ?? options.shape
      }
      if let rim = o.optionalString("rim") {
        options.rim = Simulator.Rim(rawValue: rim) ?? options.rim
      }
      options.metaphaseFrames = o.optionalInt("metaphase_timepoints") ?? options.metaphaseFrames
      options.maturation = o.optionalInt("maturation") ?? options.maturation
      if let bits = o.optionalInt("bits") {
        guard let depth = Simulator.BitDepth(rawValue: bits) else {
          throw HowdahError(.argument, "howdah.simulate: bits is 8 or 16")
        }
        options.bitDepth = depth
      }
      options.labels = o.bool("labels")
      for (name, path, _) in numbers {
        if let value = o.optionalDouble(name) { options[keyPath: path] = value }
      }
      try call.push(try Simulator.run(options, progress: call.progress))
    }
  }
}
