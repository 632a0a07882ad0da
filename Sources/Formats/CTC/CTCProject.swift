// A folder of the Cell Tracking Challenge as a project: every label of every frame is a spot, tracks are
// links, parents with two or more children are divisions.

import Core
import Imaging
import Lineage

extension Project {
  /// Open a folder of the Cell Tracking Challenge; see `CTCFolder` for what may be given. The images `tNNN.tif`
  /// are read when they are asked for, the label images once, now.
  ///
  /// A spot lies at the centroid of its label, its ellipsoid has the label's moments, its feature `Track` is
  /// the label. Links go from frame to frame along a track, over the frames in which it is absent (a note says
  /// how many there are), and from the last spot of a parent to the first of its children.
  /// - Throws: what opening the folder throws, and `.format` with file, frame and label when images and table do
  ///   not agree; `.interrupted`.
  static func openCTC(_ path: String, progress: Progress) throws -> Project {
    let layout = CTCLayout(path)
    let images = try layout?.images.map { try CTCImageSource($0) }
    guard layout?.labels != nil else {
      let project = Project(images: images)
      project.path = nil
      return project
    }
    let folder = try CTCFolder(path)
    // Size and position of the labels are those of the images, when these know better.
    var voxel = folder.voxelSize
    if let images {
      guard images.size == folder.size else {
        throw HowdahError.format(
          folder.frames[0], at: "",
          "has \(folder.size) voxels, but the images in \(images.path) have \(images.size)")
      }
      if images.voxelSize != .one { voxel = images.voxelSize }
    }
    let project = Project(images: images)
    project.spaceUnit = images.map(\.unit) ?? folder.unit
    if images == nil {
      project.lack(
        images: ImagesDescription(
          size: folder.size, voxelSize: voxel, unit: folder.unit, timepoints: folder.frames.count,
          setups: 1))
    }
    try CTCLineage(folder, voxel).fill(project, progress)
    project.labelSource = (folder, project.lineage.revision)
    project.markSaved()
    return project
  }
}

extension CTCFolder {
  /// The feature of spots that holds their label in the images.
  public static let trackFeature = "Track"
}

/// Reads the label images of a folder into a lineage.
private struct CTCLineage {
  let folder: CTCFolder
  let toWorld: Affine3

  init(_ folder: CTCFolder, _ voxelSize: VoxelSize) {
    self.folder = folder
    toWorld = Affine3(scale: voxelSize)
  }

  func fill(_ project: Project, _ progress: Progress) throws {
    var spots = SpotTable()
    var labels: [Double] = []
    // By place in the track table: the spots of the track, by time.
    var chains = [[UInt32]](repeating: [], count: folder.table.tracks.count)
    var gaps = 0
    progress.begin(total: folder.frames.count, "reading labels")
    let bytes = folder.size.count * 4
    try FrameBlocks.run(folder.frames.count, bytesPerFrame: bytes, progress) { t, _ in
      let moments = try folder.labels(at: t, progress: progress).labelMoments(progress: progress)
      try folder.check(moments.map(\.label), at: t, allowsGaps: true)
      return moments
    } collect: { t, moments in
      for region in moments {
        let track = folder.table.places[region.label]!
        if let last = chains[track].last, spots.timepoints[Int(last)] < t - 1 { gaps += 1 }
        chains[track].append(UInt32(spots.count))
        labels.append(Double(region.label))
        spots.append(
          t: Int32(t), position: region.worldCentroid(toWorld),
          covariance: region.ellipsoid(toWorld))
      }
    }
    spots.features = [(name: CTCFolder.trackFeature, values: labels)]
    var links = LinkTable()
    func link(_ a: UInt32?, _ b: UInt32?) {
      guard let a, let b else { return }
      links.sources.append(a)
      links.targets.append(b)
    }
    for chain in chains { for (a, b) in zip(chain, chain.dropFirst()) { link(a, b) } }
    for (i, track) in folder.table.tracks.enumerated() {
      if let parent = folder.table.places[track.parent] {
        link(chains[parent].last, chains[i].first)
      }
    }
    try project.lineage.load(spots: spots, links: links)
    if gaps > 0 {
      project.notes.append(
        "\(folder.tablePath): tracks are absent from the images \(gaps) time\(gaps == 1 ? "" : "s") "
          + "between their first and last frame; links go over these gaps")
    }
  }
}
