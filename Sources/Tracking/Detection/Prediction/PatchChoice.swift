// How large the tiles of a prediction should be, so that nobody has to think about it: as few voxels computed as
// possible within a given amount of memory.

import Core
import Learning

/// Chooses the size of prediction tiles.
public enum PatchChoice {
  /// Memory that one tile in the network and the planes under way may take by default, in bytes.
  public static let memory = 1_500 << 20

  /// The tile for a volume of this size: the whole volume when it fits into the memory, else the cut for which
  /// the network computes the fewest voxels. Tiles overlap by at least 64 voxels along x and y and by 8 along z
  /// (or twice what a pooled voxel covers there), so that a nucleus at the seam is seen with what lies around it:
  /// with 4 planes instead of 8 every fourth of 150 nuclei is lost in a worm embryo of 35 planes.
  /// Tiles are multiples of what the poolings need, so that they are not resampled.
  public static func automatic(
    _ size: Size3, architecture: Architecture, keepAxials: KeepAxials, pad: Bool,
    memory: Int = PatchChoice.memory
  ) -> Size3 {
    // A 2D network takes plane by plane.
    let size = architecture.dimensions == 2 ? Size3(x: size.x, y: size.y, z: 1) : size
    let base = keepAxials.base(dimensions: architecture.dimensions)
    let perVoxel = bytesPerVoxel(architecture)
    func inner(_ patch: Size3) -> Int {
      Conforming(patch, architecture: architecture, keepAxials: keepAxials, pad: pad).inner.count
    }
    let xs = candidates(size.x, base.x, overlap: 64, least: 128)
    let ys = candidates(size.y, base.y, overlap: 64, least: 128)
    let zs = candidates(size.z, base.z, overlap: max(8, 2 * base.z), least: max(16, 2 * base.z))
    var best: (patch: Size3, cost: Int)?
    for z in zs {
      for y in ys {
        for x in xs {
          let patch = Size3(x: x.patch, y: y.patch, z: z.patch)
          let voxels = inner(patch)
          let planes = 12 * z.patch * size.x * size.y
          if Double(voxels) * perVoxel + Double(planes) > Double(memory) { continue }
          let cost = voxels * x.count * y.count * z.count
          if cost < best?.cost ?? .max { best = (patch, cost) }
          // Along x, smaller tiles only cost more.
          break
        }
      }
    }
    return best?.patch
      ?? Size3(x: xs[xs.count - 1].patch, y: ys[ys.count - 1].patch, z: zs[zs.count - 1].patch)
  }

  /// What a forward pass takes for each voxel of a tile, about: it is proportional to the width at full resolution.
  static func bytesPerVoxel(_ architecture: Architecture) -> Double {
    let blocks = (architecture.widths[0] + 15) / 16
    return 200 * Double(blocks) + 16
  }

  /// Tile sizes along one axis, largest first, each the smallest for its number of tiles.
  private static func candidates(_ size: Int, _ base: Int, overlap: Int, least: Int) -> [(
    patch: Int, count: Int
  )] {
    var result = [(patch: size, count: 1)]
    var count = 2
    while count <= 256 {
      let bare = (size + (count - 1) * overlap + count - 1) / count
      let patch = max(least, (bare + base - 1) / base * base)
      if patch < result[result.count - 1].patch {
        result.append((patch, AxisTiling(size: size, patch: patch).starts.count))
      }
      if patch <= least { break }
      count += 1
    }
    return result
  }
}
