// The XML of a BigDataViewer data set (SpimData 0.2) as far as reading images needs it. Numbers may be
// surrounded and separated by any white space; unknown elements are passed over.

import Core

/// What a BigDataViewer XML says: setups, timepoints, registrations, and where the images are.
struct SpimData: Sendable {
  /// One channel, angle or tile.
  struct Setup: Sendable {
    var id: Int
    var name: String
    /// Size of level 0; nil when the XML leaves it to the images.
    var size: Size3?
    var voxelSize: VoxelSize?
    var unit: String?
  }

  /// Where the images are.
  enum Loader: Sendable {
    /// An HDF5 file, as an absolute path or one relative to the working directory.
    case hdf5(String)
    /// A loader of this name, which Howdah does not have.
    case other(String)
  }

  /// A timepoint id and a setup id.
  struct View: Hashable, Sendable {
    var timepoint: Int
    var setup: Int
  }

  let path: String
  var loader: Loader
  /// In document order.
  var setups: [Setup]
  /// Ids, ascending; the index is Howdah's timepoint.
  var timepoints: [Int]
  var missing: Set<View>
  var registrations: [View: Affine3]

  /// Read the XML at `path`. Throws `.file`, `.format` with the line, `.limit`.
  init(contentsOf path: String) throws {
    let root = try XMLDocument(contentsOf: path).root
    guard root.name == "SpimData" else {
      throw HowdahError.format(
        path, at: "", "is no BigDataViewer data set: its root is <\(root.name)>, not <SpimData>")
    }
    let reader = SpimDataReader(path: path)
    self.path = path
    let sequence = try reader.require("SequenceDescription", in: root)
    loader = try reader.loader(sequence, base: reader.basePath(root))
    setups = try reader.setups(sequence)
    timepoints = try reader.timepoints(sequence)
    missing = try reader.missingViews(sequence)
    registrations = try reader.registrations(root)
  }
}

/// The steps of reading, with the file's name for errors.
private struct SpimDataReader {
  let path: String

  /// More timepoints than any movie has.
  static let mostTimepoints = 1_000_000

  func broken(_ element: XMLElement, _ reason: String) -> HowdahError {
    .format(path, at: "line \(element.line)", "<\(element.name)> \(reason)")
  }

  func require(_ name: String, in parent: XMLElement) throws -> XMLElement {
    guard let child = parent.child(name) else { throw broken(parent, "has no <\(name)>") }
    return child
  }

  // MARK: Numbers

  func numbers(_ element: XMLElement, count: Int) throws -> [Double] {
    let words = element.text.split(whereSeparator: \.isWhitespace)
    let values = words.compactMap { Double($0) }
    guard words.count == count, values.count == count, values.allSatisfy(\.isFinite) else {
      throw broken(element, "does not hold \(count) numbers")
    }
    return values
  }

  func integer(_ text: String?, _ element: XMLElement, _ what: String) throws -> Int {
    guard let text, let value = Int(trimmedASCIIWhitespace(text)), value >= 0,
      value <= Int(Int32.max)
    else { throw broken(element, "has no valid \(what)") }
    return value
  }

  func size(_ element: XMLElement) throws -> Size3 {
    let values = try numbers(element, count: 3)
    guard values.allSatisfy({ $0 >= 1 && $0 == $0.rounded() && $0 <= 0x1p31 }) else {
      throw broken(element, "is no size in voxels")
    }
    let size = Size3(x: Int(values[0]), y: Int(values[1]), z: Int(values[2]))
    // So that no product of sizes and bytes overflows anywhere later.
    guard let count = size.checkedCount, count <= 1 << 56 else {
      throw broken(element, "is an impossible size of \(size) voxels")
    }
    return size
  }

  // MARK: Paths

  /// The folder that relative paths in the XML start from.
  func basePath(_ root: XMLElement) -> String {
    let folder = folderOf(path)
    guard let base = root.child("BasePath") else { return folder }
    return resolve(base, from: folder)
  }

  /// A path element of the XML, which may be relative and may have been written on Windows.
  func resolve(_ element: XMLElement, from base: String) -> String {
    let text = String(element.trimmedText.map { $0 == "\\" ? "/" : $0 })
    let isRelative = element[attribute: "type"].map { $0 == "relative" } ?? !text.hasPrefix("/")
    if !isRelative { return text }
    var parts: [Substring] = []
    for part in text.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    return joinPath(base, parts.joined(separator: "/"))
  }

  // MARK: The parts

  func loader(_ sequence: XMLElement, base: String) throws -> SpimData.Loader {
    let element = try require("ImageLoader", in: sequence)
    let format = element[attribute: "format"]
    let oldClass = element[attribute: "class"]
    let isHDF5 =
      format == "bdv.hdf5"
      || (format == nil && oldClass?.split(separator: ".").last == "Hdf5ImageLoader")
    guard isHDF5 else { return .other(format ?? oldClass ?? "(none)") }
    let file = resolve(try require("hdf5", in: element), from: base)
    guard !file.isEmpty else { throw broken(element, "names no file") }
    return .hdf5(file)
  }

  func setups(_ sequence: XMLElement) throws -> [SpimData.Setup] {
    let list = try require("ViewSetups", in: sequence)
    var seen: Set<Int> = []
    let setups = try list.children("ViewSetup").map { element in
      let id = try integer(element.childText("id"), element, "<id>")
      guard seen.insert(id).inserted else { throw broken(element, "repeats the id \(id)") }
      var setup = SpimData.Setup(id: id, name: element.childText("name") ?? "")
      setup.size = try element.child("size").map(size)
      if let voxel = element.child("voxelSize") {
        let values = try numbers(try require("size", in: voxel), count: 3)
        if values.allSatisfy({ $0 > 0 }) {
          setup.voxelSize = VoxelSize(x: values[0], y: values[1], z: values[2])
        }
        setup.unit = voxel.childText("unit")
      }
      return setup
    }
    guard !setups.isEmpty else { throw broken(list, "has no <ViewSetup>") }
    return setups
  }

  func timepoints(_ sequence: XMLElement) throws -> [Int] {
    let element = try require("Timepoints", in: sequence)
    var ids: Set<Int> = []
    switch element[attribute: "type"] {
    case "range":
      let first = try integer(element.childText("first"), element, "<first>")
      let last = try integer(element.childText("last"), element, "<last>")
      guard first <= last else { throw broken(element, "ends before it begins") }
      guard last - first < Self.mostTimepoints else { throw tooMany(element) }
      ids.formUnion(first...last)
    case "pattern":
      try insertPattern(try require("integerpattern", in: element), into: &ids)
    case "list":
      for timepoint in element.children("Timepoint") {
        ids.insert(try integer(timepoint.childText("id"), timepoint, "<id>"))
      }
    case let type: throw broken(element, "of type \"\(type ?? "")\" is unknown")
    }
    guard !ids.isEmpty else { throw broken(element, "is empty") }
    return ids.sorted()
  }

  private func tooMany(_ element: XMLElement) -> HowdahError {
    HowdahError(
      .limit, "\(path): line \(element.line): more than \(Self.mostTimepoints) timepoints")
  }

  /// A comma list of `n`, `a-b` and `a-b:step`; ranges may descend. An empty pattern is the timepoint 0.
  private func insertPattern(_ element: XMLElement, into ids: inout Set<Int>) throws {
    let text = String(element.text.filter { !$0.isWhitespace })
    if text.isEmpty {
      ids.insert(0)
      return
    }
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = item.split(separator: ":", omittingEmptySubsequences: false)
      let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
      guard halves.count <= 2, ends.count <= 2 else { throw broken(element, "has \"\(item)\"") }
      let first = try integer(String(ends[0]), element, "number in \"\(item)\"")
      let last = try integer(ends.last.map(String.init), element, "number in \"\(item)\"")
      let step = halves.count == 2 ? try integer(String(halves[1]), element, "step") : 1
      guard step > 0 else { throw broken(element, "has a step of 0") }
      guard abs(last - first) / step + ids.count < Self.mostTimepoints else {
        throw tooMany(element)
      }
      ids.formUnion(stride(from: first, through: last, by: first <= last ? step : -step))
    }
  }

  func missingViews(_ sequence: XMLElement) throws -> Set<SpimData.View> {
    Set(try (sequence.child("MissingViews")?.children("MissingView") ?? []).map(view))
  }

  private func view(_ element: XMLElement) throws -> SpimData.View {
    SpimData.View(
      timepoint: try integer(element[attribute: "timepoint"], element, "timepoint"),
      setup: try integer(element[attribute: "setup"], element, "setup"))
  }

  func registrations(_ root: XMLElement) throws -> [SpimData.View: Affine3] {
    var found: [SpimData.View: Affine3] = [:]
    for element in root.child("ViewRegistrations")?.children("ViewRegistration") ?? [] {
      var total = Affine3.identity
      // The last one listed is applied to the voxel first.
      for transform in element.children("ViewTransform") {
        total = total * (try affine(transform))
      }
      guard total.linear.inverse != nil else {
        throw broken(element, "maps the image onto a plane: its transform cannot be inverted")
      }
      found[try view(element)] = total
    }
    return found
  }

  private func affine(_ transform: XMLElement) throws -> Affine3 {
    guard transform[attribute: "type"] ?? "affine" == "affine" else {
      throw broken(transform, "of type \"\(transform[attribute: "type"]!)\" is unknown")
    }
    let m = try numbers(try require("affine", in: transform), count: 12)
    return Affine3(
      linear: Matrix3([m[0], m[1], m[2]], [m[4], m[5], m[6]], [m[8], m[9], m[10]]),
      translation: WorldPoint(x: m[3], y: m[7], z: m[11]))
  }
}

extension Affine3 {
  /// The length of one voxel along each of its axes; exactly the number in the file for an axis that is not
  /// rotated.
  var scale: VoxelSize {
    func length(_ column: Int) -> Double {
      let v = SIMD3(linear[0, column], linear[1, column], linear[2, column])
      let nonzero = (0..<3).filter { v[$0] != 0 }
      return nonzero.count == 1 ? abs(v[nonzero[0]]) : (v * v).sum().squareRoot()
    }
    return VoxelSize(x: length(0), y: length(1), z: length(2))
  }

  /// The twelve numbers of SpimData's `<affine>`: row by row, the translation last in each.
  var rowMajor: [Double] {
    [translation.x, translation.y, translation.z].enumerated().flatMap { row, offset in
      [linear[row, 0], linear[row, 1], linear[row, 2], offset]
    }
  }
}

/// The folder part of a path, "." when it has none.
func folderOf(_ path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// A folder and a path relative to it.
func joinPath(_ folder: String, _ path: String) -> String {
  if path.isEmpty { return folder }
  return folder.hasSuffix("/") ? folder + path : folder + "/" + path
}
