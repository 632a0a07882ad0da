// The steps that only spots have: by place in the tree, by timepoint, by position, and from spots to their
// relatives and links.

import Core
import Lineage

extension Selection where Item == SpotID {
  /// Every spot of a lineage.
  static func all(_ graph: LineageGraph) -> Selection {
    Selection(graph, isEverything: true) { graph.spots }
  }

  /// The spots of these timepoints.
  func at(_ range: ClosedRange<Timepoint>) -> Selection {
    let graph = graph
    if !isEverything { return filtered { range.contains(graph.timepoint($0)) } }
    return Selection(graph) {
      guard let there = graph.timepoints, there.overlaps(range) else { return [] }
      let span = range.clamped(to: there)
      if span.count == 1 { return graph.spots(at: span.lowerBound) }
      return graph.spots.filter { span.contains(graph.timepoint($0)) }
    }
  }

  /// The spots without an incoming link.
  func roots() -> Selection {
    let graph = graph
    return filtered { graph.incoming($0).isEmpty }
  }

  /// The spots without an outgoing link.
  func leaves() -> Selection {
    let graph = graph
    return filtered { graph.outgoing($0).isEmpty }
  }

  /// The spots with more than one outgoing link, or with exactly so many.
  func dividing(children: Int? = nil) -> Selection {
    let graph = graph
    return filtered {
      let count = graph.outgoing($0).count
      return children.map { count == $0 } ?? (count > 1)
    }
  }

  /// The spots whose centre is at most `radius` from a point; `t` limits them to one timepoint.
  func within(radius: Double, of center: WorldPoint, t: Timepoint?) -> Selection {
    let graph = graph
    if let t, isEverything {
      return Selection(graph) { graph.within(radius: radius, of: center, at: t).map(\.id).sorted() }
    }
    return filtered {
      (t == nil || graph.timepoint($0) == t!)
        && graph.position($0).squaredDistance(to: center) <= radius * radius
    }
  }

  /// The spots nearest to a point, by distance; ties go to the smaller id.
  func nearest(to point: WorldPoint, t: Timepoint?, count: Int) -> Selection {
    let graph = graph
    if let t, isEverything {
      return Selection(graph) { graph.nearest(to: point, at: t, count: count).map(\.id) }
    }
    return derived { items in
      let there = t == nil ? items : items.filter { graph.timepoint($0) == t! }
      let ranked = there.map { (graph.position($0).squaredDistance(to: point), $0) }.sorted(by: <)
      return ranked.prefix(count).map(\.1)
    }
  }

  /// The spots whose centre lies in a box of world units (the lower faces belong to it).
  func inside(_ box: WorldBox) -> Selection {
    let graph = graph
    return filtered { box.contains(graph.position($0)) }
  }

  /// The spots and everything that can be reached from them along links. From one spot in depth-first
  /// order, children in the order of their links; from several in ascending id.
  func descendants() -> Selection {
    reached {
      $0.descendants(of: $1)
    } next: {
      $0.children(of: $1)
    }
  }

  /// The spots and everything that leads to them.
  func ancestors() -> Selection {
    reached {
      $0.ancestors(of: $1)
    } next: {
      $0.parents(of: $1)
    }
  }

  private func reached(
    _ walk: @escaping (LineageGraph, SpotID) -> [SpotID],
    next: @escaping (LineageGraph, SpotID) -> [SpotID]
  ) -> Selection {
    let graph = graph
    return derived { items in
      if items.count == 1 { return walk(graph, items[0]) }
      var seen = Mask(items)
      var open = items
      var all = items
      while let spot = open.popLast() {
        for other in next(graph, spot) where seen.insert(other.index) {
          open.append(other)
          all.append(other)
        }
      }
      return all.sorted()
    }
  }

  /// The relatives of one spot in the order of its links, each once.
  convenience init(
    _ graph: LineageGraph, of spot: SpotID, _ next: @escaping (LineageGraph, SpotID) -> [SpotID]
  ) {
    let ref = graph.ref(spot)
    self.init(graph) { graph.isCurrent(ref) ? unique(next(graph, spot)) : [] }
  }

  /// The targets of their outgoing links, each once, in ascending id.
  func children() -> Selection { relatives { $0.children(of: $1) } }

  /// The sources of their incoming links, each once, in ascending id.
  func parents() -> Selection { relatives { $0.parents(of: $1) } }

  private func relatives(_ next: @escaping (LineageGraph, SpotID) -> [SpotID]) -> Selection {
    let graph = graph
    return derived { items in
      // The relatives of one spot keep the order of its links.
      if items.count == 1 { return unique(next(graph, items[0])) }
      return unique(items.flatMap { next(graph, $0) }).sorted()
    }
  }

  /// Their outgoing links.
  func outgoing() -> Selection<LinkID> { links { Array($0.outgoing($1)) } }

  /// Their incoming links.
  func incoming() -> Selection<LinkID> { links { Array($0.incoming($1)) } }

  private func links(_ list: @escaping (LineageGraph, SpotID) -> [LinkID]) -> Selection<LinkID> {
    let graph = graph
    return derived { items in
      if items.count == 1 { return list(graph, items[0]) }
      return items.flatMap { list(graph, $0) }.sorted()
    }
  }

  /// The same spots in the order in which ELEPHANT's hash set of their ids is visited (client
  /// specification 0.1): an open-addressing table of prime size, at most half full, from the top slot down.
  func hashOrder() -> Selection {
    derived { items in
      var table = HashOrder()
      for item in items { table.insert(item.index) }
      return table.visited.map(SpotID.init)
    }
  }
}

extension Selection where Item == LinkID {
  /// Links of one spot in the order in which they were made.
  convenience init(
    _ graph: LineageGraph, of spot: SpotID, _ list: @escaping (LineageGraph, SpotID) -> [LinkID]
  ) {
    let ref = graph.ref(spot)
    self.init(graph) { graph.isCurrent(ref) ? list(graph, spot) : [] }
  }

  /// Every link of a lineage.
  static func all(_ graph: LineageGraph) -> Selection {
    Selection(graph, isEverything: true) { graph.links }
  }

  /// The spots where the links begin, each once, in ascending id.
  func sources() -> Selection<SpotID> {
    let graph = graph
    return derived { unique($0.map { graph.source($0) }).sorted() }
  }

  /// The spots where the links end, each once, in ascending id.
  func targets() -> Selection<SpotID> {
    let graph = graph
    return derived { unique($0.map { graph.target($0) }).sorted() }
  }

  /// The links whose source is at one of these timepoints.
  func at(_ range: ClosedRange<Timepoint>) -> Selection {
    let graph = graph
    return filtered { range.contains(graph.timepoint(graph.source($0))) }
  }
}

extension LineageGraph {
  /// Targets of a spot's outgoing links, in their order.
  func children(of spot: SpotID) -> [SpotID] { outgoing(spot).map { target($0) } }
  /// Sources of a spot's incoming links, in their order.
  func parents(of spot: SpotID) -> [SpotID] { incoming(spot).map { source($0) } }
}

/// The items in their order without repetitions.
private func unique<Item: LineageItem>(_ items: [Item]) -> [Item] {
  if items.count < 2 { return items }
  var seen = Mask([Item]())
  return items.filter { seen.insert($0.index) }
}
