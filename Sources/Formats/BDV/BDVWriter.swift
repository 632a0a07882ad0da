// Writing BigDataViewer data sets: an XML and an HDF5 file beside it, one volume in memory at a time.

import Core
import Imaging

/// Writes images as BigDataViewer XML and HDF5.
///
///     try BDVWriter.write(source: images, toXML: "embryo.xml", progress: progress)
///
/// The result opens in BigDataViewer (2023 or later, for it uses the `dataType` attribute), Mastodon, and
/// Howdah, each level and registration included.
public enum BDVWriter {
  /// How to write.
  public struct Options: Sendable {
    /// 0 for no compression, else deflate of this level, 1 (fast) to 12 (small), with byte shuffle.
    public var compression = 3
    /// Chunk size in voxels for all levels; nil chooses about 32,768 voxels near to a cube in world units.
    public var chunk: Size3?
    /// Number of resolution levels; nil halves until a level is small. Level 0 is full resolution.
    public var levels: Int?
    /// Voxel type to convert to; nil keeps the source's.
    public var type: VoxelType?

    /// The usual options.
    public init() {}
  }

  /// Write all timepoints and setups of a source to `xmlPath` and, beside it, the same name with `.h5`.
  ///
  /// Both files appear complete or not at all: they are written under temporary names and renamed, the
  /// HDF5 file first. The source is asked for one whole volume at a time, timepoint by timepoint. Timepoint
  /// ids are 0, 1, 2, ...; setup s becomes channel s.
  ///
  /// Throws `.argument` for options out of range, `.file` when writing fails, `.interrupted`, and what the
  /// source throws.
  public static func write(
    source: any ImageSource, toXML xmlPath: String, options: Options = Options(),
    progress: Progress = .none
  ) throws {
    guard (0...12).contains(options.compression), options.levels.map({ $0 >= 1 }) ?? true,
      options.chunk.map({ min($0.x, $0.y, $0.z) >= 1 && ($0.checkedCount ?? .max) <= 1 << 28 })
        ?? true
    else {
      throw HowdahError(
        .argument, "compression must be 0 to 12, levels at least 1, chunk sizes 1 to 2^28 voxels")
    }
    let stem = xmlPath.hasSuffix(".xml") ? String(xmlPath.dropLast(4)) : xmlPath
    let h5Path = stem + ".h5"
    let setups = (0..<source.setups).map { SetupPlan(source, setup: $0, options) }
    progress.begin(total: source.timepoints * setups.count, "writing \(h5Path)")
    try AtomicFile.write(to: h5Path) { temporary in
      let writer = try HDF5Writer(creating: temporary, shownPath: h5Path)
      try writeImages(source, setups, writer, options, progress)
      try writer.close()
    }
    let name = h5Path.split(separator: "/").last.map(String.init) ?? h5Path
    try describe(source, setups, h5Name: name).write(to: xmlPath)
  }

  /// What is decided for a setup before its first volume is read.
  private struct SetupPlan {
    var setup: Int
    var voxelSize: VoxelSize
    var pyramid: BDVPyramid
    var chunks: [Size3]

    init(_ source: any ImageSource, setup: Int, _ options: Options) {
      self.setup = setup
      let size = source.size(setup: setup, level: 0)
      let voxelSize = source.transform(t: 0, setup: setup, level: 0).scale
      self.voxelSize = voxelSize
      let pyramid = BDVPyramid(size: size, voxelSize: voxelSize, levels: options.levels)
      self.pyramid = pyramid
      chunks = pyramid.sizes.indices.map { level in
        let size = pyramid.sizes[level]
        guard let c = options.chunk else {
          return BDVPyramid.chunk(
            size: size, voxelSize: voxelSize, factor: pyramid.factors[level])
        }
        // HDF5 refuses chunks larger than data of fixed size.
        return Size3(x: min(c.x, size.x), y: min(c.y, size.y), z: min(c.z, size.z))
      }
    }
  }

  private static func writeImages(
    _ source: any ImageSource, _ setups: [SetupPlan], _ writer: HDF5Writer, _ options: Options,
    _ progress: Progress
  ) throws {
    for plan in setups {
      let group = padded(plan.setup, 2, "s")
      try writer.group(group)
      let f = plan.pyramid.factors
      try writer.table(
        group + "/resolutions", floats: f.map { [Double($0.x), Double($0.y), Double($0.z)] })
      try writer.table(
        group + "/subdivisions",
        integers: plan.chunks.map { [Int32($0.x), Int32($0.y), Int32($0.z)] })
    }
    // The type of a setup is that of its first volume.
    var types: [VoxelType?] = Array(repeating: options.type, count: setups.count)
    for t in 0..<source.timepoints {
      let timeGroup = padded(t, 5, "t")
      try writer.group(timeGroup)
      for plan in setups {
        var volume = try source.volume(
          t: t, setup: plan.setup, level: 0, box: nil, progress: progress)
        let type = types[plan.setup] ?? volume.type
        types[plan.setup] = type
        if volume.type != type { volume = try volume.converted(to: type) }
        if t == 0 {
          try writer.attribute(
            "dataType", of: padded(plan.setup, 2, "s"), text: type.rawValue)
        }
        let group = timeGroup + "/" + padded(plan.setup, 2, "s")
        try writer.group(group)
        let (sizes, factors) = (plan.pyramid.sizes, plan.pyramid.factors)
        for level in sizes.indices {
          if level > 0 {
            let (a, b) = (factors[level - 1], factors[level])
            let step = Size3(x: b.x / a.x, y: b.y / a.y, z: b.z / a.z)
            volume = try BDVPyramid.reduced(
              volume, from: sizes[level - 1], to: sizes[level], step: step)
          }
          try writer.group(group + "/\(level)")
          try writer.volume(
            group + "/\(level)/cells", volume, chunk: plan.chunks[level],
            compression: options.compression, progress: progress)
        }
        progress.advance()
      }
    }
  }

  // MARK: XML

  private static func describe(
    _ source: any ImageSource, _ setups: [SetupPlan], h5Name: String
  ) -> XMLDocument {
    func text(_ name: String, _ value: String) -> XMLElement { XMLElement(name, text: value) }
    let views = setups.map { plan -> XMLElement in
      let (s, v) = (plan.pyramid.sizes[0], plan.voxelSize)
      return XMLElement(
        "ViewSetup",
        children: [
          text("id", "\(plan.setup)"), text("name", source.setupName(plan.setup)),
          text("size", "\(s.x) \(s.y) \(s.z)"),
          XMLElement(
            "voxelSize",
            children: [text("unit", source.unit), text("size", "\(v.x) \(v.y) \(v.z)")]),
          XMLElement(
            "attributes",
            children: [
              text("illumination", "0"), text("channel", "\(plan.setup)"), text("tile", "0"),
              text("angle", "0"),
            ]),
        ])
    }
    // The four attributes that BigDataViewer knows; some readers want to find all of them.
    func attribute(_ name: String, _ element: String, _ names: [String]) -> XMLElement {
      XMLElement(
        "Attributes", attributes: ["name": name],
        children: names.enumerated().map { id, name in
          XMLElement(
            element, children: [text("id", "\(id)"), text("name", name.isEmpty ? "\(id)" : name)])
        })
    }
    let attributes = [
      attribute("illumination", "Illumination", ["0"]),
      attribute("channel", "Channel", setups.map { source.setupName($0.setup) }),
      attribute("tile", "Tile", ["0"]), attribute("angle", "Angle", ["0"]),
    ]
    let hdf5 = XMLElement("hdf5", attributes: ["type": "relative"], text: h5Name)
    let sequence = XMLElement(
      "SequenceDescription",
      children: [
        XMLElement("ImageLoader", attributes: ["format": "bdv.hdf5"], children: [hdf5]),
        XMLElement("ViewSetups", children: views + attributes),
        XMLElement(
          "Timepoints", attributes: ["type": "range"],
          children: [text("first", "0"), text("last", "\(max(0, source.timepoints - 1))")]),
      ])
    let registrations = (0..<source.timepoints).flatMap { t in
      setups.map { registration(source, t: t, setup: $0.setup) }
    }
    return XMLDocument(
      root: XMLElement(
        "SpimData", attributes: ["version": "0.2"],
        children: [
          XMLElement("BasePath", attributes: ["type": "relative"], text: "."), sequence,
          XMLElement("ViewRegistrations", children: registrations),
        ]))
  }

  private static func registration(_ source: any ImageSource, t: Int, setup: Int) -> XMLElement {
    let affine = source.transform(t: t, setup: setup, level: 0)
    return XMLElement(
      "ViewRegistration", attributes: ["timepoint": "\(t)", "setup": "\(setup)"],
      children: [
        XMLElement(
          "ViewTransform", attributes: ["type": "affine"],
          children: [
            XMLElement("Name", text: "calibration"),
            XMLElement("affine", text: affine.rowMajor.map { "\($0)" }.joined(separator: " ")),
          ])
      ])
  }
}
