// Where models come from: a file, the one that comes with the program, or a fresh network.

import Core
import Glibc
import Learning

/// Opens models by the words that `howdah.detection` and `howdah.flow` take.
enum ModelSource {
  /// What a caller wants to have. What is absent is taken as it comes; a file that is otherwise is an error.
  struct Wish {
    var dimensions: Int?
    var widths: [Int]?
    var seed = 0
    /// Of a fresh model; each gets other weights.
    var networks = 1
    /// Of a fresh flow model: voxels that a flow of 1 means.
    var maxDisplacement: Double?
  }

  /// The model that `source` names.
  ///
  /// - Parameter readable: gives back a path that the script may read, or throws.
  static func open(
    _ source: String, kind: ModelKind, _ wish: Wish, readable: (String) throws -> String,
    progress: Progress
  ) throws -> ModelObject {
    switch source {
    case "default":
      let (dimensions, widths) = (wish.dimensions ?? 3, wish.widths ?? Architecture.standardWidths)
      let architecture: Architecture =
        kind == .detection
        ? .unet(dimensions: dimensions, widths: widths)
        : .flowResNet(dimensions: dimensions, widths: widths)
      let seed = UInt64(bitPattern: Int64(wish.seed))
      let models = try (0..<wish.networks).map {
        let seed = seed &+ UInt64($0) << 32
        return kind == .flow
          ? try FlowMethods.fresh(architecture, seed: seed, maxDisplacement: wish.maxDisplacement)
          : try Model(architecture, seed: seed)
      }
      return try ModelObject(ModelFile(models: models), kind: kind)
    case "versatile":
      let path = try versatilePath(kind, dimensions: wish.dimensions ?? 3)
      let object = try ModelObject(
        try ModelFile.open(path, progress: progress), kind: kind, path: path)
      try check(object, wish, path)
      return object
    default:
      let path = try readable(source)
      let object = try ModelObject(
        try ModelFile.open(path, progress: progress), kind: kind, path: path)
      try check(object, wish, path)
      return object
    }
  }

  /// The file of the model that comes with the program; it lies in a folder `models` beside `recipes`.
  static func versatilePath(_ kind: ModelKind, dimensions: Int) throws -> String {
    let name = (kind == .flow ? "versatile-flow" : "versatile") + "-\(dimensions)d.pth"
    let folders = RecipeLibrary().folders.filter { $0.hasSuffix("recipes") }
      .map { String($0.dropLast("recipes".count)) + "models" }
    for folder in folders where access(folder + "/" + name, R_OK) == 0 {
      return folder + "/" + name
    }
    throw HowdahError(
      .file,
      "the versatile \(kind) model, \(name), is in none of \(folders.joined(separator: ", ")); "
        + "give the file of a model, or \"default\" for an untrained one")
  }

  private static func check(_ object: ModelObject, _ wish: Wish, _ path: String) throws {
    let architecture = object.architecture
    if let wanted = wish.dimensions, wanted != architecture.dimensions {
      throw HowdahError(
        .argument, "\(path) is a \(architecture.dimensions)D network, not a \(wanted)D one")
    }
    if let wanted = wish.widths, wanted != architecture.widths {
      throw HowdahError(
        .argument, "\(path) has widths \(architecture.widths), not \(wanted)")
    }
  }
}
