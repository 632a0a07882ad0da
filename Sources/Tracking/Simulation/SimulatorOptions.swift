// What the simulator is told. Lengths are micrometres, durations are frames, light is counted in photons.

import Core

extension Simulator {
  /// The shape of the tissue in the field of view.
  public enum Shape: String, Sendable, CaseIterable {
    /// Tissue everywhere.
    case filled
    /// An ellipsoid in the middle, such as an early embryo.
    case ellipsoid
    /// A layer whose surface is tilted: empty medium above, tissue below, such as a flat leg.
    case layer
  }

  /// What is at the sides of the field of view.
  public enum Rim: String, Sendable, CaseIterable {
    /// A wall a little beyond them keeps the same nuclei in the tissue. Drift that lasts presses them against it.
    case closed
    /// The tissue goes on: nuclei leave the view and others come in, at the density of the first frame. A layer
    /// drifts along its own plane. An ellipsoid lies in the middle of the view and has no such rim.
    case open
  }

  /// Pixel formats of the simulated camera.
  public enum BitDepth: Int, Sendable, CaseIterable {
    case eight = 8
    case sixteen = 16

    /// The largest value that a pixel can hold.
    public var maximum: Double { self == .eight ? 255 : 65535 }
  }

  /// Everything that shapes a simulated movie.
  public struct Options: Sendable {
    /// Same seed and options, same movie and same truth, whatever the number of threads.
    public var seed: UInt64 = 1
    /// Frames.
    public var timepoints = 20
    /// Voxels.
    public var size = Size3(x: 256, y: 256, z: 24)
    /// Micrometres per voxel.
    public var voxelSize = VoxelSize(x: 0.4, y: 0.4, z: 1.5)
    /// Nuclei in the tissue at the first frame; `nil` takes as many as `density` asks for.
    public var nuclei: Int? = 100
    /// Share of the tissue's volume that is nuclei, 0 to 0.5. With `nuclei` given the tissue is made as
    /// small as that needs, but not larger than the field of view.
    public var density = 0.2
    /// Shape of the tissue.
    public var shape = Shape.filled
    /// Whether the tissue ends at the sides of the field of view. An open one is never smaller than the field:
    /// `nuclei` are then those in the field at the first frame, also above and below it in a layer.
    public var rim = Rim.closed
    /// For a layer: where its surface is in the middle, as a share of the field's depth from the top.
    public var surfaceHeight = 0.3
    /// For a layer: how much the surface falls along x and y over the field, as shares of its depth.
    public var surfaceSlope = (x: 0.1, y: -0.4)

    /// Mean semi-axis of a nucleus in interphase, micrometres.
    public var radius = 3.5
    /// Standard deviation of the radius from nucleus to nucleus, as a share of it.
    public var radiusVariation = 0.1
    /// How elongated nuclei are: longest over shortest semi-axis, typically; 1 gives spheres.
    public var elongation = 1.4
    /// How far outlines depart from smooth ellipsoids, as a share of the radius (standard deviation).
    public var lumpiness = 0.05
    /// Flattening along z: semi-axis z over the others; 1 for round tissue, less for flat cells.
    public var flatness = 1.0

    /// Typical displacement by the tissue's drift, micrometres per frame.
    public var speed = 0.6
    /// Typical displacement of a nucleus by its own persistent wandering, micrometres per frame.
    public var wander = 0.25
    /// Probability that a nucleus of age begins to divide, per frame.
    public var divisionRate = 0.01
    /// Probability that a nucleus dies, per frame.
    public var deathRate = 0.001
    /// Frames that the metaphase plate lasts.
    public var metaphaseFrames = 2
    /// Frames after a division before the daughters may divide.
    public var maturation = 12
    /// How much of the mother's radius the daughters grow back to: 1 for tissue that grows, less for an
    /// embryo whose nuclei get smaller with each round.
    public var regrowth = 1.0

    /// Photons per voxel in the middle of a typical nucleus at the surface. Fewer is noisier: the
    /// signal-to-noise ratio there is the square root of this.
    public var photons = 80.0
    /// Spread of brightness from nucleus to nucleus: standard deviation of its logarithm.
    public var brightnessVariation = 0.3
    /// Photons of the medium (out of focus light and autofluorescence), per voxel.
    public var background = 3.0
    /// Share of a nucleus's light that is spread into haze around it.
    public var haze = 0.25
    /// Depth along z over which light falls to 1/e, micrometres; `infinity` for none.
    public var attenuation = 120.0
    /// Strength of the chromatin texture: 0 smooth, 1 strong.
    public var texture = 0.5
    /// How much darker the middle of nuclei is than their rim: 0 filled, 1 empty, as with stained
    /// envelopes.
    public var hollowness = 0.0
    /// How dark the nucleoli are: 0 none, 1 black.
    public var nucleoli = 0.0
    /// Standard deviation of the point-spread function along x and y, micrometres.
    public var blur = 0.3
    /// Standard deviation of the point-spread function along z, micrometres.
    public var blurZ = 1.0

    /// Grey values per photon.
    public var gain = 2.0
    /// Spread of the answer to a single photon, as a share of it (photomultipliers have about 0.4,
    /// cameras 0). It multiplies the noise variance by 1 + its square.
    public var excessNoise = 0.0
    /// Standard deviation of the read noise, grey values.
    public var readNoise = 3.0
    /// Grey value without light.
    public var offset = 100.0
    /// Share of pixels that are hot (the same ones in every frame).
    public var hotPixels = 0.0
    /// Share of pixels that are always 0.
    public var deadPixels = 0.0
    /// Change of the illumination over the field along x and y, as a share of its mean.
    public var shading = (x: 0.0, y: 0.0)
    /// Steps of the illumination between stitched tiles: standard deviation of its logarithm.
    public var stitching = 0.0
    /// Unevenness of the illumination from plane to plane: standard deviation of its logarithm.
    public var flicker = 0.0
    /// Smoothing of the recorded planes, as by denoising or resampling: standard deviation, voxels.
    public var smoothing = 0.0
    /// Pixel format.
    public var bitDepth = BitDepth.sixteen

    /// Nuclei below this signal-to-noise ratio per voxel are left out of the truth, as a careful
    /// annotator would leave them out.
    public var visible = 0.5
    /// Label the spots of the truth with names such as "12.1.2": founder 12, its first daughter, her
    /// second.
    public var labels = false

    /// The defaults.
    public init() {}

    func check() throws {
      func refuse(_ name: String, _ why: String) -> HowdahError {
        HowdahError(.argument, "simulate: \(name) \(why)")
      }
      if timepoints < 1 || timepoints > 100_000 {
        throw refuse("timepoints", "must be 1 to 100000")
      }
      for axis in Axis.allCases {
        if size[axis] < 1 || size[axis] > 16_384 {
          throw refuse("size.\(axis)", "must be 1 to 16384 voxels")
        }
        if !(voxelSize[axis] > 0 && voxelSize[axis].isFinite) {
          throw refuse("voxel_size.\(axis)", "must be above 0")
        }
      }
      if size.count > 1 << 32 { throw refuse("size", "\(size) is more than 2^32 voxels") }
      if let n = nuclei, n < 0 || n > 1_000_000 { throw refuse("nuclei", "must be 0 to 1000000") }
      let ranges: [(String, Double, ClosedRange<Double>)] = [
        ("density", density, 0.001...0.5), ("radius", radius, 0.01...1e6),
        ("radius_variation", radiusVariation, 0...0.5), ("elongation", elongation, 1...4),
        ("lumpiness", lumpiness, 0...0.2), ("flatness", flatness, 0.1...2),
        ("speed", speed, 0...1e6), ("wander", wander, 0...1e6),
        ("division_rate", divisionRate, 0...1), ("death_rate", deathRate, 0...1),
        ("photons", photons, 0.01...1e6), ("brightness_variation", brightnessVariation, 0...2),
        ("background", background, 0...1e6), ("haze", haze, 0...1), ("texture", texture, 0...1),
        ("hollowness", hollowness, 0...1), ("nucleoli", nucleoli, 0...1),
        ("dead_pixels", deadPixels, 0...1), ("shading.x", shading.x, -2...2),
        ("shading.y", shading.y, -2...2), ("stitching", stitching, 0...2),
        ("flicker", flicker, 0...2), ("smoothing", smoothing, 0...20),
        ("blur", blur, 0...1e6), ("blur_z", blurZ, 0...1e6), ("gain", gain, 1e-3...1e4),
        ("excess_noise", excessNoise, 0...10), ("read_noise", readNoise, 0...1e4),
        ("offset", offset, 0...6e4), ("hot_pixels", hotPixels, 0...1),
        ("regrowth", regrowth, 0.8...1), ("visible", visible, 0...1000),
      ]
      for (name, value, range) in ranges where !range.contains(value) {
        throw refuse(name, "must be \(range.lowerBound) to \(range.upperBound)")
      }
      if !(attenuation > 0) { throw refuse("attenuation", "must be above 0") }
      if TissueShape(self).nuclei > TissueShape.mostNuclei {
        throw refuse(
          "nuclei", "at this density and radius are more than \(TissueShape.mostNuclei)")
      }
      if metaphaseFrames < 1 { throw refuse("metaphase_frames", "must be at least 1") }
      if maturation < 1 { throw refuse("maturation", "must be at least 1") }
    }
  }

  /// Options for a kind of movie, named for what it is like.
  public enum Preset: String, Sendable, CaseIterable {
    /// A quick one for demonstrations: 30 nuclei, 12 frames, drawn in seconds.
    case small
    /// An ellipsoid of few, large, fast nuclei that soon divide, with the voxel geometry of the usual
    /// worm embryo movies (35 planes of 512 x 708).
    case earlyWormEmbryo = "early_worm_embryo"
    /// A flat, thin layer with many nuclei, few planes.
    case flatLeg = "flat_leg"
    /// Like ELEPHANT's sample: an 8-bit confocal movie of a regenerating leg, tilted surface, crowded
    /// nuclei of very different brightness, photomultiplier noise, thick planes.
    case regeneratingLeg = "regenerating_leg"
    /// The same leg four times as wide over 100 frames, with many nuclei that drift strongly, leave the view
    /// and come into it; about one division in 400 links.
    case driftingLeg = "drifting_leg"
    /// Nuclei that nearly touch each other, deep tissue, dim.
    case denseTissue = "dense_tissue"
    /// One plane with few round nuclei.
    case sparse2D = "sparse_2d"

    /// Every name that `init(name:)` knows: the full ones and the short ones.
    public static let names = allCases.map(\.rawValue) + shortNames.keys.sorted()

    private static let shortNames = ["worm": Self.earlyWormEmbryo]

    /// The kind of movie of this name, full or short ("worm").
    public init?(name: String) {
      guard let preset = Self(rawValue: name) ?? Self.shortNames[name] else { return nil }
      self = preset
    }

    /// One sentence for help and completion.
    public var summary: String {
      switch self {
      case .small: "30 nuclei over 12 frames, drawn in seconds"
      case .earlyWormEmbryo: "few large nuclei in an ellipsoid that divide often, 35 x 512 x 708"
      case .flatLeg: "a flat thin layer of many nuclei, 12 planes"
      case .regeneratingLeg: "like ELEPHANT's 8-bit confocal sample of a regenerating leg"
      case .driftingLeg: "the same at four times the area, in strong drift for 100 timepoints"
      case .denseTissue: "nuclei that nearly touch, deep and dim"
      case .sparse2D: "one plane with few round nuclei"
      }
    }
  }
}
