// The entries of the table of formats.

import Core
import Imaging

extension FileFormat {
  /// Mastodon projects, zip files or folders.
  static let mastodon = FileFormat(
    name: "mastodon", summary: "Mastodon project", extensions: ["mastodon"],
    recognises: {
      $0.isFolder
        ? FileBytes.kind(of: $0.path + "/project.xml") == .file
        : $0.begins(with: [0x50, 0x4B]) || $0.fileExtension == "mastodon"
    },
    openProject: { try MastodonReader.open($0, progress: $1) },
    writeProject: { try $0.save(to: $1, progress: $2) })

  /// BigDataViewer data sets.
  static let bigDataViewer = FileFormat(
    name: "bdv", summary: "BigDataViewer data set", extensions: ["xml"],
    recognises: { $0.mentions("<SpimData") },
    openProject: { path, _ in try Project(imagesPath: path) },
    openImages: { try BDVImageSource.open($0) },
    writeImages: { try BDVWriter.write(source: $0, toXML: $1, progress: $2) })

  /// TIFF files as ImageJ writes them.
  static let tiff = FileFormat(
    name: "tiff", summary: "TIFF stack", extensions: ["tif", "tiff"],
    recognises: {
      [
        [0x49, 0x49, 0x2A, 0], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2A], [0x4D, 0x4D, 0, 0x2B],
      ]
      .contains(Array($0.head.prefix(4)))
    },
    openProject: { path, _ in try Project(imagesPath: path) },
    openImages: { try TIFFImageSource($0) },
    writeImages: { try TIFFFile.write($0, to: $1, progress: $2) })

  /// Tables of spots.
  static let csv = FileFormat(
    name: "csv", summary: "table of spots", extensions: ["csv"],
    recognises: { $0.fileExtension == "csv" },
    openProject: { path, progress in
      let project = Project(images: nil)
      try project.importCSV(path, progress: progress)
      // The table is where the project comes from: nothing of it is to be undone.
      try project.lineage.clearHistory()
      return project
    },
    writeProject: { project, path, _ in try project.exportSpots(path) })

  /// Folders of the Cell Tracking Challenge.
  static let ctc = FileFormat(
    name: "ctc", summary: "Cell Tracking Challenge folder", extensions: ["ctc"],
    recognises: { CTCLayout($0.path) != nil },
    openProject: { try Project.openCTC($0, progress: $1) },
    openImages: { try CTCImageSource($0) },
    writeProject: { try CTCWriter.write($0, to: $1, progress: $2) })
}
