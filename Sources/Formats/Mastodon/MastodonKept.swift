// What is remembered of a `.mastodon` file beside the lineage, so that saving writes back what was there:
// members that Howdah does not edit, ids of tags, and the order of lists that Java's hash tables left behind.

import Core

/// Everything of a project's file that the lineage does not hold.
struct MastodonKept {
  var projectFile = MastodonProjectFile()
  /// Members that are written back as they are, in the order of the file: all but project.xml, model.raw,
  /// tags.raw and features.
  var otherMembers: [ArchiveMember] = []
  /// Feature members as they were read or written last.
  var features: [MastodonFeature] = []
  var tags = MastodonTagMemory()
  /// Numbers, in the file, of the spots with labels, in the order of the file.
  var labelOrder: [UInt32] = []
  /// Which objects the numbers of the file meant; nil for a project that never was in a file.
  var origin: MastodonOrigin?
  /// Bytes of model.raw and tags.raw that encoding would not give again, valid for one revision of the lineage.
  var verbatim: (revision: UInt64, model: [UInt8]?, tags: [UInt8]?)?
  /// What the units mean where the file does not name them.
  var defaultUnits = (space: "pixel", time: "frame")
  /// Where the file was.
  var path: String?
}
