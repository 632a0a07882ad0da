// `images`: the movie behind a project. Volumes are read when they are asked for.

import Core
import Formats
import Imaging

/// `project.images`.
struct ImagesObject {
  let source: any ImageSource
}

enum ImagesType {
  static func register(_ registry: Registry) {
    let images = registry.type("images", of: ImagesObject.self, "The movie of a project.")
    func source(_ call: Call) -> any ImageSource { call.receiver(ImagesObject.self).source }
    images.property("size", "{x=,y=,z=}", "Voxels at full resolution.") { $0.push(source($0).size) }
    images.property("voxel_size", "{x=,y=,z=}", "Extent of a voxel, world units.") {
      $0.push(source($0).voxelSize)
    }
    images.property("unit", "string", "The world unit.") { $0.push(source($0).unit) }
    images.property("timepoints", "integer", "How many timepoints there are.") {
      $0.push(source($0).timepoints)
    }
    images.property("setups", "integer", "How many channels or views there are.") {
      $0.push(source($0).setups)
    }
    images.property("levels", "integer", "How many resolution levels there are (of setup 0).") {
      $0.push(source($0).levels(setup: 0))
    }
    images.property("dtype", "string", "uint8, uint16 or float32.") {
      $0.push(source($0).type.rawValue)
    }
    images.property("path", "string", "The file that they are read from.") {
      $0.push(source($0).path)
    }
    images.method(
      "setup_name", params: [.integer("setup", "0-based.", default: 0, min: 0)], returns: "string",
      "The name of a channel or view; may be empty.", example: "print(p.images:setup_name(0))"
    ) { call in
      let source = source(call)
      try source.checkView(t: 0, setup: call.int(0), level: 0)
      call.push(source.setupName(call.int(0)))
    }
    images.method(
      "volume",
      params: [
        .options([
          .integer("t", "The timepoint.", default: 0, min: 0),
          .integer("setup", "The channel or view.", default: 0, min: 0),
          .integer("level", "The resolution level; 0 is full.", default: 0, min: 0),
          .table("box", "Only these voxels: {x={first,last}, y=..., z=...}.", optional: true),
        ])
      ],
      returns: "volume", "Read the voxels of one timepoint.",
      example: "local v = p.images:volume{t = 0}\nprint(v, v:max())"
    ) { call in
      let (source, o) = (source(call), call.options)
      let (t, setup, level) = (o.int("t"), o.int("setup"), o.int("level"))
      try source.checkView(t: t, setup: setup, level: level)
      let full = source.size(setup: setup, level: level)
      let box = o.has("box") ? try VoxelRanges.box(o["box"], in: full, "images:volume") : nil
      let progress = call.progress
      let volume = try source.volume(t: t, setup: setup, level: level, box: box, progress: progress)
      call.push(volume: volume)
    }
    images.operator("__tostring") { $0.push(text(source($0))) }
    images.display { .text(text(source($0))) }
  }

  static func text(_ source: any ImageSource) -> String {
    let v = source.voxelSize
    let setups = source.setups == 1 ? "" : ", \(source.setups) setups"
    return "images \(source.size), \(source.timepoints) timepoints\(setups), \(source.type), voxel "
      + "\(short(v.x)) x \(short(v.y)) x \(short(v.z)) \(source.unit)"
  }
}

/// Boxes of voxels as Lua writes them: `{x={first, last}, ...}`, both ends included; an axis that is left
/// out is taken whole.
enum VoxelRanges {
  static func box(_ value: LuaValue, in size: Size3, _ name: String) throws -> VoxelBox {
    for field in value.fields ?? [] where Axis(rawValue: field.key) == nil {
      throw HowdahError(
        .argument, "\(name): a box is {x={first,last}, y=..., z=...}; \"\(field.key)\" is no axis")
    }
    var box = VoxelBox(size)
    for axis in Axis.allCases where !value[axis.rawValue].isNil {
      let given = value[axis.rawValue]
      let ends = given.elements?.compactMap(\.integer) ?? given.integer.map { [$0, $0] } ?? []
      guard ends.count == 2, ends[0] >= 0, ends[0] <= ends[1], ends[1] < size[axis] else {
        throw HowdahError(
          .argument,
          "\(name): \(axis) is {first, last} with 0 <= first <= last <= \(size[axis] - 1)")
      }
      box.origin[axis] = ends[0]
      box.size[axis] = ends[1] - ends[0] + 1
    }
    return box
  }
}
