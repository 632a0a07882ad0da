// `volume`: the voxels of one timepoint, or of a slice of it. Volumes never change; every method that
// changes voxels gives a new one.

import Core
import Formats
import Imaging

extension Call {
  /// Push a volume; the garbage collector hears how large it is.
  func push(volume: Volume) { push(object: volume, bytes: volume.byteCount) }
}

enum VolumeType {
  static func register(_ registry: Registry) {
    let volume = registry.type("volume", of: Volume.self, "Voxels of one timepoint, or of a slice.")
    registerReading(volume)
    registerParts(volume)
    registerFilters(volume)
    registerArithmetic(volume)
    volume.operator("__tostring") { $0.push(text($0.receiver(Volume.self))) }
    volume.display { .text(text($0.receiver(Volume.self))) }
  }

  static func text(_ volume: Volume) -> String {
    let v = volume.voxelSize
    return
      "volume \(volume.size) \(volume.type), voxel \(short(v.x)) x \(short(v.y)) x \(short(v.z))"
  }

  private static func registerReading(_ volume: TypeEntry) {
    volume.property("size", "{x=,y=,z=}", "How many voxels it has along each axis.") {
      $0.push($0.receiver(Volume.self).size)
    }
    volume.property("voxel_size", "{x=,y=,z=}", "Extent of a voxel, world units.") {
      $0.push($0.receiver(Volume.self).voxelSize)
    }
    volume.property("dtype", "string", "uint8, uint16 or float32.") {
      $0.push($0.receiver(Volume.self).type.rawValue)
    }
    volume.method(
      "at", params: [.integer("x"), .integer("y"), .integer("z", default: 0)], returns: "number",
      "The value of a voxel, 0-based.", example: "print(p.images:volume{t = 0}:at(3, 4, 1))"
    ) { call in
      let me = call.receiver(Volume.self)
      let (x, y, z) = (call.int(0), call.int(1), call.int(2))
      guard me.contains(x: x, y: y, z: z) else {
        throw HowdahError(
          .argument,
          "volume:at: voxel (\(x), \(y), \(z)) is outside; the size is \(me.size), 0-based")
      }
      push(call, me.value(x: x, y: y, z: z), me)
    }
    let numbers: [(String, String, (Volume, Progress) throws -> Double)] = [
      ("min", "The smallest voxel.", { try $0.minimum(progress: $1) }),
      ("max", "The largest voxel.", { try $0.maximum(progress: $1) }),
      ("mean", "The mean of all voxels.", { try $0.mean(progress: $1) }),
      ("sum", "The sum of all voxels.", { try $0.sum(progress: $1).sum }),
      (
        "deviation", "The standard deviation of all voxels.",
        { try $0.standardDeviation(progress: $1) }
      ),
    ]
    for (name, doc, read) in numbers {
      volume.method(
        name, returns: "number", doc, example: "print(p.images:volume{t = 0}:\(name)())"
      ) { call in
        let me = call.receiver(Volume.self)
        let value = try read(me, call.progress)
        if name == "mean" || name == "deviation" { call.push(value) } else { push(call, value, me) }
      }
    }
    volume.method(
      "percentile", params: [.number("percent", "0 to 100; 50 is the median.", min: 0, max: 100)],
      returns: "number", "The value below which so many per cent of the voxels lie.",
      example: "print(p.images:volume{t = 0}:percentile(99.5))"
    ) { $0.push(try $0.receiver(Volume.self).percentile($0.double(0), progress: $0.progress)) }
    volume.method(
      "histogram",
      params: [
        .integer("bins", "How many bins.", default: 256, min: 1, max: 16_777_216),
        .options([
          .number("min", "Lower end; absent: the smallest voxel.", optional: true),
          .number("max", "Upper end; absent: the largest voxel.", optional: true),
        ]),
      ],
      returns: "{min=, max=, counts=array}", "How often values fall into equal bins.",
      example: "local h = p.images:volume{t = 0}:histogram(16)\nprint(h.min, h.max, h.counts)"
    ) { call in
      let (me, o, progress) = (call.receiver(Volume.self), call.options, call.progress)
      var range: ClosedRange<Double>?
      if o.has("min") || o.has("max") {
        let low = try o.optionalDouble("min") ?? me.minimum(progress: progress)
        let high = try o.optionalDouble("max") ?? me.maximum(progress: progress)
        guard low <= high else {
          throw HowdahError(.argument, "volume:histogram: min is above max")
        }
        range = low...high
      }
      let histogram = try me.histogram(bins: call.int(0), range: range, progress: progress)
      call.push(
        .record([("min", .double(histogram.minimum)), ("max", .double(histogram.maximum))])
          as LuaValue)
      call.setField("counts") {
        call.push(
          NumericArray(count: histogram.counts.count, isInteger: true) { out in
            for (i, n) in histogram.counts.enumerated() { out[i] = Double(n) }
          })
      }
    }
    volume.method(
      "save", params: [Param("path", .output, "Ends with .tif or .png.")],
      "Write it as TIFF (all voxels) or PNG (one slice; 8 or 16 bit, float32 scaled to 8).",
      example: #"p.images:volume{t = 0}:slice{z = 2}:save("slice.png")"#
    ) { call in
      try VolumeFile.save(call.receiver(Volume.self), to: try call.writablePath(call.string(0)))
    }
  }

  /// Whole voxel types give integers.
  private static func push(_ call: Call, _ value: Double, _ volume: Volume) {
    if volume.type.isInteger, let whole = Int(exactly: value) {
      call.push(whole)
    } else {
      call.push(value)
    }
  }

  private static func registerParts(_ volume: TypeEntry) {
    volume.method(
      "slice",
      params: [
        .options(
          Axis.allCases.map { .integer($0.rawValue, "Index along \($0).", optional: true, min: 0) })
      ],
      returns: "volume", "The plane at an index of one axis.",
      example: "print(p.images:volume{t = 0}:slice{z = 2})"
    ) { call in
      let given = Axis.allCases.filter { call.options.has($0.rawValue) }
      guard given.count == 1 else {
        throw HowdahError(.argument, "volume:slice: give one axis, as in slice{z = 3}")
      }
      let index = call.options.int(given[0].rawValue)
      call.push(volume: try call.receiver(Volume.self).slice(axis: given[0], index: index))
    }
    volume.method(
      "project",
      params: [
        .options([
          .choice("axis", Axis.allCases.map(\.rawValue), "Along which axis.", default: "z"),
          .choice(
            "how", ProjectionKind.allCases.map(\.rawValue), "What becomes of the voxels.",
            default: "max"),
        ])
      ],
      returns: "volume", "All planes in one: the largest, smallest, mean or sum along an axis.",
      example: #"print(p.images:volume{t = 0}:project{axis = "z", how = "max"})"#
    ) { call in
      let o = call.options
      let axis = Axis(rawValue: o.string("axis")) ?? .z
      let how = ProjectionKind(rawValue: o.string("how")) ?? .max
      call.push(
        volume: try call.receiver(Volume.self).projection(
          axis: axis, how: how, progress: call.progress))
    }
    volume.method(
      "crop",
      params: [
        .options(
          Axis.allCases.map {
            Param($0.rawValue, .list(.integer), "{first, last}; absent: all.", optional: true)
          })
      ],
      returns: "volume", "A part of it; both ends of each range belong to it.",
      example: "print(p.images:volume{t = 0}:crop{x = {2, 9}, y = {0, 7}})"
    ) { call in
      let me = call.receiver(Volume.self)
      let fields = Axis.allCases.map { (key: $0.rawValue, value: call.options[$0.rawValue]) }
      call.push(
        volume: try me.crop(try VoxelRanges.box(.record(fields), in: me.size, "volume:crop")))
    }
    volume.method(
      "resample",
      params: [
        .options(
          Axis.allCases.map {
            .integer($0.rawValue, "Voxels along \($0); absent: as now.", optional: true, min: 1)
          }
            + [
              .choice(
                "how", Interpolation.allCases.map(\.rawValue), "Between voxels.", default: "linear")
            ])
      ],
      returns: "volume", "The same content in other voxels; the corner voxels stay where they are.",
      example: "print(p.images:volume{t = 0}:resample{x = 16, y = 16})"
    ) { call in
      let (me, o) = (call.receiver(Volume.self), call.options)
      var size = me.size
      for axis in Axis.allCases { size[axis] = o.optionalInt(axis.rawValue) ?? size[axis] }
      let how = Interpolation(rawValue: o.string("how")) ?? .linear
      call.push(volume: try me.resampled(to: size, how, progress: call.progress))
    }
    volume.method(
      "convert", params: [.choice("dtype", VoxelType.allCases.map(\.rawValue), "The voxel type.")],
      returns: "volume", "The same values in another voxel type; integers round and saturate.",
      example: #"print(p.images:volume{t = 0}:convert("float32"))"#
    ) { call in
      let type = VoxelType(rawValue: call.string(0)) ?? .float32
      call.push(volume: try call.receiver(Volume.self).converted(to: type, progress: call.progress))
    }
  }

  private static func registerFilters(_ volume: TypeEntry) {
    volume.method(
      "gaussian",
      params: [
        .options([
          Param(
            "sigma", .either([.number, .point]),
            "Standard deviation; a number for all axes, or {x=,y=,z=}."),
          .choice("unit", ["world", "voxel"], "What sigma is measured in.", default: "world"),
        ])
      ],
      returns: "volume", "Smoothed by a Gaussian; float32.",
      example: "print(p.images:volume{t = 0}:gaussian{sigma = 1}:max())"
    ) { call in
      let (me, o) = (call.receiver(Volume.self), call.options)
      let sigma: WorldPoint
      if let all = o["sigma"].number {
        sigma = WorldPoint(x: all, y: all, z: all)
      } else {
        sigma = try o.point("sigma") ?? .zero
      }
      let unit = o.string("unit") == "voxel" ? VoxelSize.one : me.voxelSize
      call.push(
        volume: try me.gaussian(
          sigma: (sigma.x / unit.x, sigma.y / unit.y, sigma.z / unit.z), progress: call.progress))
    }
    volume.method(
      "threshold", params: [.number("value", "Voxels above it become 1, others 0.")],
      returns: "volume", "Where it is brighter than a value.",
      example: "local v = p.images:volume{t = 0}\nprint(v:threshold(v:percentile(95)):sum())"
    ) {
      $0.push(volume: try $0.receiver(Volume.self).threshold($0.double(0), progress: $0.progress))
    }
    volume.method(
      "label",
      params: [.options([.integer("connectivity", "6 (faces) or 26 (corners too).", default: 26)])],
      returns: "volume, integer",
      "Number the connected parts of what is not 0; also returns how many.",
      example:
        "local v = p.images:volume{t = 0}\nlocal labels, n = v:threshold(v:percentile(95)):label()\nprint(labels, n)"
    ) { call in
      guard let connectivity = Connectivity(rawValue: call.options.int("connectivity")) else {
        throw HowdahError(.argument, "volume:label: connectivity is 6 or 26")
      }
      let labels = try call.receiver(Volume.self).labelled(
        connectivity: connectivity, progress: call.progress)
      call.push(volume: try labels.volume())
      call.push(labels.count)
    }
  }

  private static func registerArithmetic(_ volume: TypeEntry) {
    typealias Operation = (
      String, (Volume, Volume) throws -> Volume, (Volume, Double) throws -> Volume,
      (Double, Volume) throws -> Volume
    )
    let operations: [Operation] = [
      ("__add", { try $0 + $1 }, { try $0 + $1 }, { try $0 + $1 }),
      ("__sub", { try $0 - $1 }, { try $0 - $1 }, { try $0 - $1 }),
      ("__mul", { try $0 * $1 }, { try $0 * $1 }, { try $0 * $1 }),
      ("__div", { try $0 / $1 }, { try $0 / $1 }, { try $0 / $1 }),
    ]
    for (name, both, left, right) in operations {
      volume.operator(name, params: [.any("other")], returns: "volume", "Voxel by voxel; float32.")
      { call in
        let (a, b) = (call.operand(0, Volume.self), call.operand(1, Volume.self))
        if let a, let b { return call.push(volume: try both(a, b)) }
        if let a, let b = call.operandNumber(1) { return call.push(volume: try left(a, b)) }
        if let b, let a = call.operandNumber(0) { return call.push(volume: try right(a, b)) }
        throw HowdahError(.argument, "a volume can be combined with a volume or a number only")
      }
    }
    volume.operator("__unm") { $0.push(volume: try $0.receiver(Volume.self) * -1.0) }
  }
}

/// Writing volumes as pictures or stacks, by the extension of the path.
enum VolumeFile {
  static func save(_ volume: Volume, to path: String) throws {
    let name = path.lowercased()
    if name.hasSuffix(".tif") || name.hasSuffix(".tiff") {
      return try TIFFFile.write(volume, to: path)
    }
    guard name.hasSuffix(".png") else {
      throw HowdahError(.argument, "\(path): a volume is saved as .tif or .png")
    }
    guard let axis = Axis.allCases.reversed().first(where: { volume.size[$0] == 1 }) else {
      throw HowdahError(
        .argument,
        "\(path): a PNG holds one slice, and this volume has \(volume.size) voxels; "
          + "take a :slice{z = n} or :project{axis = \"z\"} first")
    }
    let (width, height) =
      axis == .x
      ? (volume.size.y, volume.size.z)
      : axis == .y ? (volume.size.x, volume.size.z) : (volume.size.x, volume.size.y)
    switch volume.type {
    case .uint8:
      let pixels = volume.withVoxels(as: UInt8.self) { Array($0) }
      try PNGFile.write(gray: pixels, width: width, height: height, to: path)
    case .uint16:
      let pixels = volume.withVoxels(as: UInt16.self) { Array($0) }
      try PNGFile.write(gray: pixels, width: width, height: height, to: path)
    case .float32:
      let (low, high) = try volume.range().map { ($0.minimum, $0.maximum) } ?? (0, 1)
      let scale = high > low ? 255 / (high - low) : 0
      let pixels = volume.withVoxels(as: Float.self) {
        $0.map { UInt8(nearest: (Double($0) - low) * scale) }
      }
      try PNGFile.write(gray: pixels, width: width, height: height, to: path)
    }
  }
}
