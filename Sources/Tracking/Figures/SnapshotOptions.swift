// What a snapshot shows.

import Core
import Imaging

extension Snapshot {
  /// Which way one looks at the volume.
  public enum View: String, Sendable, CaseIterable {
    /// One plane of voxels with the sections of the ellipsoids in it.
    case xy, xz, yz
    /// The three planes through one point, side by side.
    case ortho
    /// The maximum along z with the outlines of all ellipsoids.
    case max
  }

  /// What a snapshot shows and how. Positions are world units.
  public struct Options: Sendable {
    /// The timepoint.
    public var t: Timepoint = 0
    /// The setup (channel) of the images.
    public var setup = 0
    /// The direction of view.
    public var view = View.xy
    /// Where the planes cut; nil takes the median of the spots at this timepoint, or the middle.
    public var x: Double?
    /// See `x`.
    public var y: Double?
    /// See `x`.
    public var z: Double?
    /// A tag set, a spot feature, "track" or "none"; nil takes "Detection" if it is used, else
    /// "track".
    public var colorBy: String?
    /// The percentiles of the shown voxels that become black and white.
    public var contrastPercentiles = (low: 1.0, high: 99.8)
    /// The intensities that become black and white, instead of percentiles.
    public var contrast: ClosedRange<Double>?
    /// Exponent of the brightness; below 1 brightens dark parts.
    public var gamma = 0.8
    /// How intensities become colours.
    public var colormap = Colormap.gray
    /// Pixels a voxel of the finest axis; nil chooses so that the picture has a handy size.
    public var zoom: Double?
    /// Whether spots are drawn.
    public var spots = true
    /// Whether names of spots are written beside them.
    public var labels = false
    /// How many timepoints back the links of a spot are followed; 0 draws none.
    public var links = 5
    /// Width of outlines and links in pixels.
    public var lineWidth = 1.5
    /// Whether timepoint and position are written into the picture.
    public var caption = true
    /// Whether a scale bar is drawn.
    public var scaleBar = true

    /// The defaults.
    public init() {}
  }
}
