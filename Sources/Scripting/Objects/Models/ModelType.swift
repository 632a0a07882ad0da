// `howdah.detection`, `howdah.flow` and what their models say about themselves. Training and prediction are
// declared in files beside this one.

import Core
import Learning

enum ModelType {
  static func register(_ registry: Registry) {
    let howdah = registry.module("howdah")
    for kind in ModelKind.allCases { registerSource(howdah, kind) }
    let model = registry.type(
      "model", of: ModelObject.self, "A detection or flow network, or an ensemble of them.")
    registerProperties(model)
    model.method(
      "save",
      params: [
        Param("path", .output, "Ends with .pth or .safetensors.", optional: true),
        .options([
          .integer(
            "versions", "How many older versions stay beside a .pth, as path.1, path.2, ...",
            default: 3, min: 0),
          .boolean(
            "half",
            "Half precision (.pth only): half the size, for handing on; the optimizer's state is left out.",
            default: false),
        ]),
      ],
      "Write it as .pth, which ELEPHANT and PyTorch read, or as .safetensors (one network, no history).",
      example: #"howdah.detection("default", {widths = {4, 8}}):save("model.pth")"#
    ) { call in
      let me = call.receiver(ModelObject.self)
      guard let given = call.optionalString(0) ?? me.path else {
        throw HowdahError(.argument, "model:save: give a path; the model was in memory only")
      }
      let path = try call.writablePath(given)
      let o = call.options
      try save(
        me, to: path, versions: o.int("versions"), half: o.bool("half"),
        progress: call.progress)
      me.path = path
    }
    ForwardMethod.register(model)
    DetectionTrainingMethods.register(registry, model)
    PredictMethod.register(model)
    SimulatedTrainingMethod.register(model)
    FlowMethods.register(model)
    model.operator("__tostring") { $0.push(text($0.receiver(ModelObject.self))) }
    model.display { .text(text($0.receiver(ModelObject.self))) }
  }

  private static func registerSource(_ howdah: ModuleEntry, _ kind: ModelKind) {
    howdah.function(
      kind.rawValue,
      params: [
        .string(
          "source",
          "A .pth or .safetensors file or its http(s) address; "
            + "\"versatile\": the trained one that comes with the program; "
            + "\"default\": an untrained one."),
        .options(
          [
            .integer("dimensions", "2 or 3; absent: as the source has, else 3.", optional: true),
            Param(
              "widths", .list(.integer),
              "Channels at each level, the lowest resolution last; narrower is faster. "
                + "Absent: as the source has, else ELEPHANT's {16, 32, 64, 128, 256}.",
              optional: true),
            .integer(
              "seed", "For \"default\": another seed gives other weights; absent: howdah.seed.",
              optional: true),
            .integer(
              "networks", "For \"default\": how many networks are trained and averaged.",
              default: 1,
              min: 1, max: 64),
          ] + (kind == .flow ? FlowMethods.sourceOptions : [])),
      ],
      returns: "model",
      kind == .detection
        ? "A network that finds nuclei: ELEPHANT's and PyTorch's files, or a new one."
        : "A network that says where nuclei came from: ELEPHANT's and PyTorch's files, or a new one.",
      example: #"local model = howdah.\#(kind)("default", {widths = {4, 8}, seed = 1})"#
        + "\nprint(model, #model.layers)"
    ) { call in
      let o = call.options
      var wish = ModelSource.Wish()
      wish.dimensions = o.optionalInt("dimensions")
      if let dimensions = wish.dimensions, dimensions != 2, dimensions != 3 {
        throw HowdahError(
          .argument, "howdah.\(kind): dimensions is 2 or 3, not \(dimensions)")
      }
      wish.widths = o["widths"].elements?.compactMap(\.integer)
      wish.networks = o.int("networks")
      if kind == .flow { wish.maxDisplacement = o.optionalDouble("max_displacement") }
      let source = call.string(0)
      if source == "default" {
        wish.seed = o.optionalInt("seed") ?? call.host.nextSeed()
      } else if o.has("seed") {
        throw HowdahError(
          .argument, "howdah.\(kind): seed is for \"default\"; a file has its weights")
      }
      let model = try call.openModel(source, kind: kind, wish)
      if kind == .flow { FlowMethods.applySourceOptions(o, to: model) }
      call.push(object: model, bytes: 4 * model.file.models.reduce(0) { $0 + $1.parameterCount })
    }
  }

  private static func registerProperties(_ model: TypeEntry) {
    model.property("kind", "string", "\"detection\" or \"flow\".") {
      $0.push($0.receiver(ModelObject.self).kind.rawValue)
    }
    model.property("path", "string", "Its file; nil for a model that is in memory only.") {
      $0.push($0.receiver(ModelObject.self).path)
    }
    model.property("dimensions", "integer", "2 or 3.") {
      $0.push($0.receiver(ModelObject.self).architecture.dimensions)
    }
    model.property("widths", "list of integer", "Channels at each level, the base last.") {
      $0.push(LuaValue.list($0.receiver(ModelObject.self).architecture.widths.map { .int($0) }))
    }
    model.property(
      "settings", "{max_displacement=, ...}",
      "Numbers that its networks were trained with: for flow, what a flow of 1 means in voxels."
    ) { call in
      let settings = call.receiver(ModelObject.self).file.settings
      call.push(
        .record(settings.sorted { $0.key < $1.key }.map { ($0.key, .double($0.value)) })
          as LuaValue)
    }
    model.property("networks", "integer", "How many networks are averaged.") {
      $0.push($0.receiver(ModelObject.self).file.models.count)
    }
    model.property("parameters", "integer", "How many numbers one network has.") {
      $0.push($0.receiver(ModelObject.self).file.models[0].parameterCount)
    }
    model.property(
      "layers", "list of {name=, kind=, shape=, parameters=}",
      "Its layers in file order; shape is that of the weights: out, in, kernel."
    ) { $0.push(layers($0.receiver(ModelObject.self).architecture)) }
    model.property(
      "history", "list of {step=, train_loss=, ...}", "The loss curve of all its training."
    ) { call in
      let entries = call.receiver(ModelObject.self).file.history
      call.push(
        .list(
          entries.map { entry in
            .record(
              [("step", .int(entry.step))]
                + entry.losses.sorted { $0.key < $1.key }.map { ($0.key, .double($0.value)) })
          }) as LuaValue)
    }
  }

  /// One entry a convolution or normalisation; weights and bias count together.
  private static func layers(_ architecture: Architecture) -> LuaValue {
    var rows: [(name: String, shape: [Int], count: Int)] = []
    for spec in architecture.parameters {
      let name = String(spec.name[..<(spec.name.lastIndex(of: ".") ?? spec.name.endIndex)])
      if let last = rows.last, last.name == name {
        rows[rows.count - 1].count += spec.count
      } else {
        rows.append((name, spec.shape, spec.count))
      }
    }
    return .list(
      rows.map { row in
        .record([
          ("kind", .string(row.shape.count > 1 ? "convolution" : "group norm")),
          ("name", .string(row.name)), ("parameters", .int(row.count)),
          ("shape", .list(row.shape.map { .int($0) })),
        ])
      })
  }

  static func text(_ model: ModelObject) -> String {
    let file = model.file
    let architecture = file.models[0].architecture
    let widths = architecture.widths.map(String.init).joined(separator: "-")
    var text =
      "\(model.kind) model \(architecture.name) \(architecture.dimensions)D, widths \(widths), "
    text += "\(file.models[0].parameterCount) parameters"
    if file.models.count > 1 { text += ", \(file.models.count) networks" }
    if let last = file.history.last { text += ", trained for \(last.step + 1) steps" }
    return text + (model.path.map { ", \($0)" } ?? "")
  }

  private static func save(
    _ model: ModelObject, to path: String, versions: Int, half: Bool, progress: Progress
  ) throws {
    let file = model.file
    if path.hasSuffix(".pth") {
      return try file.save(to: path, keeping: versions, half: half, progress: progress)
    }
    guard path.hasSuffix(".safetensors") else {
      throw HowdahError(.argument, "\(path): a model is saved as .pth or .safetensors")
    }
    guard !half else {
      throw HowdahError(.argument, "\(path): half precision is for .pth; leave out half")
    }
    guard file.models.count == 1 else {
      throw HowdahError(
        .argument, "\(path): .safetensors holds one network; save all \(file.models.count) as .pth")
    }
    try SafeTensorsFile.write(file.models[0].table, to: path)
  }
}
