// The presets: options for movies of a kind.

import Core

extension Simulator.Preset {
  /// The options of this kind of movie; change what you like.
  public var options: Simulator.Options {
    var o = Simulator.Options()
    switch self {
    case .small:
      o.size = Size3(x: 160, y: 160, z: 16)
      o.voxelSize = VoxelSize(x: 0.45, y: 0.45, z: 1.5)
      o.timepoints = 12
      o.nuclei = 30
      o.shape = .ellipsoid
      o.density = 0.12
      o.divisionRate = 0.03
      o.maturation = 6
    case .earlyWormEmbryo:
      o.size = Size3(x: 708, y: 512, z: 35)
      o.voxelSize = VoxelSize(x: 0.09, y: 0.09, z: 1)
      o.timepoints = 50
      o.nuclei = 6
      o.shape = .ellipsoid
      o.density = 0.03
      o.radius = 2.9
      o.radiusVariation = 0.06
      o.elongation = 1.15
      o.speed = 0.4
      o.wander = 0.35
      o.divisionRate = 0.25
      o.deathRate = 0
      o.maturation = 9
      o.regrowth = 0.86
      o.photons = 30
      o.brightnessVariation = 0.12
      o.background = 5
      o.haze = 0.2
      o.attenuation = 40
      o.blur = 0.18
      o.blurZ = 0.8
      o.gain = 4
      o.readNoise = 6
      o.offset = 90
    case .flatLeg:
      o.size = Size3(x: 512, y: 512, z: 12)
      o.voxelSize = VoxelSize(x: 0.3, y: 0.3, z: 2)
      o.timepoints = 30
      o.nuclei = 350
      o.shape = .layer
      o.density = 0.22
      o.surfaceHeight = 0.2
      o.surfaceSlope = (0.1, 0.12)
      o.radius = 3.6
      o.elongation = 1.5
      o.flatness = 0.75
      o.speed = 0.5
      o.divisionRate = 0.006
      o.photons = 40
      o.brightnessVariation = 0.35
      o.blurZ = 1.1
    case .regeneratingLeg:
      o.size = Size3(x: 256, y: 256, z: 8)
      o.voxelSize = VoxelSize(x: 0.2768, y: 0.2768, z: 2.1605)
      o.timepoints = 5
      o.nuclei = 100
      o.shape = .layer
      o.density = 0.33
      o.surfaceHeight = 0.62
      o.surfaceSlope = (0.05, -0.45)
      o.radius = 3.3
      o.elongation = 1.6
      o.speed = 0.5
      o.wander = 0.3
      o.divisionRate = 0.02
      o.metaphaseFrames = 3
      o.photons = 18
      o.brightnessVariation = 0.55
      o.background = 0.45
      o.haze = 0.06
      o.attenuation = 7.5
      o.texture = 0.35
      o.blur = 0.28
      o.blurZ = 2.1
      o.gain = 3.4
      o.excessNoise = 0.5
      o.readNoise = 0
      o.offset = 0
      o.bitDepth = .eight
      o.flatness = 1.15
    case .driftingLeg:
      o = Self.regeneratingLeg.options
      o.size = Size3(x: 512, y: 512, z: 12)
      o.timepoints = 100
      o.nuclei = 800
      o.surfaceHeight = 0.48
      o.rim = .open
      o.speed = 4
      o.wander = 0.4
      o.divisionRate = 0.005
    case .denseTissue:
      o.size = Size3(x: 256, y: 256, z: 40)
      o.voxelSize = VoxelSize(x: 0.4, y: 0.4, z: 1.2)
      o.timepoints = 20
      o.nuclei = nil
      o.density = 0.38
      o.shape = .filled
      o.radius = 3.6
      o.photons = 30
      o.haze = 0.4
      o.attenuation = 45
      o.blurZ = 1.1
      o.divisionRate = 0.006
    case .sparse2D:
      o.size = Size3(x: 512, y: 512, z: 1)
      o.voxelSize = VoxelSize(x: 0.65, y: 0.65, z: 1)
      o.timepoints = 60
      o.nuclei = 50
      o.shape = .filled
      o.density = 0.1
      o.radius = 6
      o.elongation = 1.3
      o.speed = 0.6
      o.wander = 1.2
      o.photons = 60
      o.blur = 0.5
      o.attenuation = .infinity
      o.divisionRate = 0.012
    }
    return o
  }
}
