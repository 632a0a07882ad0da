// What must hold of tables that come from a file before they become a graph.

import Core

extension SpotTable {
  /// - Throws: `format` with the first thing that is wrong.
  func check() throws {
    guard count < Int(noIndex) else {
      throw HowdahError(.limit, "\(count) spots are too many (2^32 - 2)")
    }
    guard x.count == count, y.count == count, z.count == count, covariances.count == count,
      storedRadii == nil || storedRadii?.count == count
    else { throw HowdahError(.argument, "the columns of the spots have different lengths") }
    for i in 0..<count {
      // A product with 0 is finite exactly when the factor is; one test instead of nine.
      let c = covariances[i]
      let probe =
        (x[i] * 0 + y[i] * 0 + z[i] * 0) + (c.xx * 0 + c.xy * 0 + c.xz * 0)
        + (c.yy * 0 + c.yz * 0 + c.zz * 0)
      if probe != 0 {
        let what = x[i].isFinite && y[i].isFinite && z[i].isFinite ? "covariance" : "position"
        throw HowdahError(.format, "spot \(i): its \(what) has a number that is not finite")
      }
      if timepoints[i] < 0 {
        throw HowdahError(.format, "spot \(i): its timepoint \(timepoints[i]) is negative")
      }
    }
    for (spot, _) in labels where spot < 0 || spot >= count {
      throw HowdahError(.format, "a label belongs to spot \(spot), but there are \(count) spots")
    }
    for (name, values) in features where values.count != count {
      throw HowdahError(
        .argument, "feature \"\(name)\" has \(values.count) values for \(count) spots")
    }
  }
}

extension LinkTable {
  /// - Throws: `format` with the first thing that is wrong.
  func check(spotCount: Int) throws {
    guard count < Int(noIndex) else {
      throw HowdahError(.limit, "\(count) links are too many (2^32 - 2)")
    }
    guard targets.count == count, sourceOrder == nil || sourceOrder?.count == count,
      targetOrder == nil || targetOrder?.count == count
    else { throw HowdahError(.argument, "the columns of the links have different lengths") }
    for i in 0..<count where sources[i] >= spotCount || targets[i] >= spotCount {
      throw HowdahError(
        .format,
        "link \(i): it joins spots \(sources[i]) and \(targets[i]), "
          + "but there are \(spotCount) spots"
      )
    }
    for (name, values) in features where values.count != count {
      throw HowdahError(
        .argument, "feature \"\(name)\" has \(values.count) values for \(count) links")
    }
  }
}

extension TagTable {
  /// - Throws: `format` with the first thing that is wrong.
  func check(spotCount: Int, linkCount: Int) throws {
    guard info.tags.count <= 65_534 else {
      throw HowdahError(.limit, "tag set \"\(info.name)\" has too many tags (65,534)")
    }
    for (what, values, count) in [("spot", spotTags, spotCount), ("link", linkTags, linkCount)] {
      guard values.isEmpty || values.count == count else {
        throw HowdahError(
          .argument, "tag set \"\(info.name)\" has \(values.count) entries for \(count) \(what)s")
      }
      if let i = values.firstIndex(where: { Int($0) > info.tags.count }) {
        throw HowdahError(
          .format,
          "\(what) \(i): it has tag number \(values[i] - 1) of tag set \"\(info.name)\", "
            + "which has \(info.tags.count) tags")
      }
    }
  }
}
