// The track tables of the Cell Tracking Challenge (`man_track.txt`, `res_track.txt`): a line `L B E P` a
// track. What a table says of itself is checked here; what images say is checked by `CTCFolder`.

import Core

/// One track: a cell from its birth to its division, death or disappearance.
public struct CTCTrack: Hashable, Sendable {
  /// The label in the images, at least 1, unique over the movie.
  public var label: Int
  /// The first frame, 0-based.
  public var begin: Int
  /// The last frame, included.
  public var end: Int
  /// The label of the track that it comes from, 0 for none. Two or more tracks with one parent are a
  /// division; one alone goes on after a gap.
  public var parent: Int

  /// A track with these values.
  public init(label: Int, begin: Int, end: Int, parent: Int) {
    self.label = label
    self.begin = begin
    self.end = end
    self.parent = parent
  }
}

/// The tracks of a movie, in the order of the file.
public struct CTCTrackTable: Hashable, Sendable {
  /// The tracks.
  public private(set) var tracks: [CTCTrack]
  /// Where each label is in `tracks`.
  public private(set) var places: [Int: Int]

  /// A table of tracks that keep the rules.
  ///
  /// - Parameters:
  ///   - path: the file, for messages.
  ///   - lines: the line of each track in it.
  /// - Throws: `.format` with line and label for a label below 1 or given twice, a track that ends before it
  ///   begins, a parent that does not exist, is the track itself or ends when or after its child begins.
  public init(_ tracks: [CTCTrack], path: String = "tracks", lines: [Int]? = nil) throws {
    self.tracks = tracks
    places = [:]
    func fail(_ i: Int, _ reason: String) -> HowdahError {
      let place = lines.map { "line \($0[i])" } ?? "track \(i + 1)"
      return HowdahError.format(path, at: place, "label \(tracks[i].label) \(reason)")
    }
    for (i, track) in tracks.enumerated() {
      guard (1...16_777_216).contains(track.label) else {
        throw fail(i, "is out of range; labels are 1 to 16777216")
      }
      if let other = places.updateValue(i, forKey: track.label) {
        let first = lines.map { "line \($0[other])" } ?? "track \(other + 1)"
        throw fail(i, "is given twice, first in \(first); every track needs a label of its own")
      }
      guard track.begin >= 0, track.end <= 1 << 30 else {
        throw fail(i, "has frames \(track.begin) to \(track.end); frames count from 0")
      }
      guard track.begin <= track.end else {
        throw fail(i, "ends in frame \(track.end), before it begins in frame \(track.begin)")
      }
      guard track.parent >= 0 else {
        throw fail(i, "has parent \(track.parent); 0 means that it has none")
      }
    }
    for (i, track) in tracks.enumerated() where track.parent != 0 {
      guard let place = places[track.parent] else {
        throw fail(i, "comes from label \(track.parent), which is not in the table")
      }
      let parent = tracks[place]
      guard parent.end < track.begin else {
        throw fail(
          i,
          "begins in frame \(track.begin), but its parent \(track.parent) ends only in frame "
            + "\(parent.end)")
      }
    }
  }

  /// Read a table: four whole numbers a line, between them blanks or tabs; empty lines are passed over.
  ///
  /// - Throws: `.file`, `.format` with the line, `.limit` for a file above 64 MiB.
  public static func read(_ path: String) throws -> CTCTrackTable {
    let bytes = try readWholeFile(path, limit: 64 << 20)
    var tracks: [CTCTrack] = []
    var lines: [Int] = []
    for (i, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      let words = line.split { $0 == 32 || $0 == 9 || $0 == 13 }
      if words.isEmpty { continue }
      let numbers = words.compactMap { Int(String(decoding: $0, as: UTF8.self)) }
      guard words.count == 4, numbers.count == 4 else {
        let text = String(decoding: line.prefix(60).filter { $0 >= 32 }, as: UTF8.self)
        throw HowdahError.format(
          path, at: "line \(i + 1)",
          "is \"\(text)\"; a track is four whole numbers: label, first frame, last frame, parent")
      }
      tracks.append(
        CTCTrack(label: numbers[0], begin: numbers[1], end: numbers[2], parent: numbers[3]))
      lines.append(i + 1)
    }
    return try CTCTrackTable(tracks, path: path, lines: lines)
  }

  /// The text of the file.
  public var text: String {
    tracks.map { "\($0.label) \($0.begin) \($0.end) \($0.parent)\n" }.joined()
  }

  /// The track of a label.
  public subscript(label: Int) -> CTCTrack? { places[label].map { tracks[$0] } }

  /// For each track the places of the tracks that come from it.
  public var children: [[Int]] {
    var lists = [[Int]](repeating: [], count: tracks.count)
    for (i, track) in tracks.enumerated() {
      if let parent = places[track.parent] { lists[parent].append(i) }
    }
    return lists
  }
}
