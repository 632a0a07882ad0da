// Ellipsoids as Lua writes them: a radius, semi-axes along the world axes, or a covariance.

import Core

enum SpotShape {
  /// `{xx=, xy=, ...}`.
  static func value(_ c: Covariance) -> LuaValue {
    .record([
      ("xx", .double(c.xx)), ("xy", .double(c.xy)), ("xz", .double(c.xz)), ("yy", .double(c.yy)),
      ("yz", .double(c.yz)), ("zz", .double(c.zz)),
    ])
  }

  /// A covariance from `{xx=, yy=, zz=, xy=0, xz=0, yz=0}`.
  static func covariance(_ value: LuaValue, _ name: String) throws -> Covariance {
    let keys = ["xx", "xy", "xz", "yy", "yz", "zz"]
    for field in value.fields ?? [] where !keys.contains(field.key) {
      throw HowdahError(
        .argument,
        "\(name): unknown key \"\(field.key)\"" + Suggest.hint(for: field.key, among: keys))
    }
    guard let xx = value["xx"].number, let yy = value["yy"].number, let zz = value["zz"].number
    else {
      throw HowdahError(.argument, "\(name): give numbers xx, yy and zz (xy, xz, yz if not 0)")
    }
    return Covariance(
      xx: xx, xy: value["xy"].number ?? 0, xz: value["xz"].number ?? 0, yy: yy,
      yz: value["yz"].number ?? 0, zz: zz)
  }

  /// The shape that the options `radius`, `radii` or `covariance` give; nil when none is given.
  static func read(_ options: Options, _ name: String) throws -> Covariance? {
    if let radius = options.optionalDouble("radius") {
      return .sphere(radius: try positive(radius, "\(name): radius"))
    }
    if let radii = try options.point("radii") {
      return .axisAligned(
        x: try positive(radii.x, "\(name): radii.x"), y: try positive(radii.y, "\(name): radii.y"),
        z: try positive(radii.z, "\(name): radii.z"))
    }
    return options.has("covariance") ? try covariance(options["covariance"], name) : nil
  }

  /// The parameters that `read` understands.
  static let params: [Param] = [
    .number("radius", "A sphere of this radius, world units.", optional: true),
    .point("radii", "An ellipsoid with these semi-axes along x, y and z.", optional: true),
    .table("covariance", "Any ellipsoid: {xx=, yy=, zz=, xy=, xz=, yz=}.", optional: true),
  ]

  static func positive(_ value: Double, _ name: String) throws -> Double {
    guard value > 0, value.isFinite else {
      throw HowdahError(.argument, "\(name) must be above 0, got \(short(value))")
    }
    return value
  }
}
