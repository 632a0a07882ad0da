// Tissue that goes on beyond the view: what drifts out of it is forgotten, and nuclei drift in from beyond. Both happen
// at the edge of a rim around the view that is as wide as the light of a nucleus reaches and as it may move in a frame.

import Core

/// How far an open tissue goes beyond the field of view.
enum TissueRim {
  /// Along the axes that are open.
  static func width(_ o: Simulator.Options) -> WorldPoint {
    let light = max(2.2, o.haze > 0 ? 2.4 : 0) * o.radius + 2 * o.blur
    let extent = max(Double(o.size.x) * o.voxelSize.x, Double(o.size.y) * o.voxelSize.y)
    // Nuclei that came in push each other to their places before they are seen.
    let length = light + max(4 * o.radius, min(3 * o.speed, extent))
    return WorldPoint(x: length, y: length, z: o.size.z > 1 && o.shape == .filled ? length : 0)
  }
}

extension TissueModel {
  /// Forget what left an open tissue in frame `t`, and let in what came from beyond.
  ///
  /// A whole tissue is laid out anew, and of its nuclei those are let in whose place the drift brought in during this
  /// frame. So the density stays that of the first frame: the drift neither gathers nor thins nuclei.
  mutating func renew(_ t: Int) {
    guard shape.isOpen else { return }
    cells.removeAll { !shape.reaches($0.position) }
    for _ in 0..<shape.nuclei {
      let place = shape.randomPoint(&random)
      if shape.reaches(place - drift.velocity(place, t: t)) { continue }
      cells.append(newCell(at: place, age: random.below(4 * o.maturation)))
    }
  }
}
