// Work on many frames at once, with the results in order.

import Core

/// All elements of lists one after another, in memory that is taken once.
func concatenated<T>(_ lists: [[T]]) -> [T] {
  var all: [T] = []
  // A little more, as those who link one frame after another add what they find over gaps.
  all.reserveCapacity(lists.reduce(0) { $0 + $1.count } * 17 / 16)
  for list in lists { all += list }
  return all
}

/// The results of `body` for 0 ..< count, worked out on all cores. What holds for `parallelFor` holds here.
func parallelMap<T: Sendable>(_ count: Int, _ body: @Sendable (Int) throws -> T) throws -> [T] {
  let results = PieceResults<T>(count: count)
  try parallelFor(count) { i in results.set(i, try body(i)) }
  return results.all
}
