// Taking changes back. Undo, redo and rollback all come through here.

import Core

extension GraphStorage {
  /// Take records off `log` until it has `size` bytes, and write to `inverse` how to do them again.
  mutating func takeBack(_ log: ChangeLog, downTo size: Int, _ inverse: ChangeLog) {
    while log.size > size {
      switch log.popKind() {
      case .killSpot:
        let isFresh = log.pop(Bool.self)
        killSpot(log.pop(UInt32.self), isFresh: isFresh, inverse)
      case .reviveSpot:
        reviveSpot(log.pop(SpotRecord.self), inverse)
      case .killLink:
        killLink(log.pop(KilledLink.self), inverse)
      case .reviveLink:
        reviveLink(log.pop(RevivedLink.self), inverse)
      case .position:
        let id = log.pop(UInt32.self)
        setPosition(id, log.pop(WorldPoint.self), inverse)
      case .covariance:
        let id = log.pop(UInt32.self)
        setCovariance(id, log.pop(Covariance.self), inverse)
      case .storedRadius:
        let id = log.pop(UInt32.self)
        setStoredRadius(id, log.pop(Double.self), inverse)
      case .label:
        let id = log.pop(UInt32.self)
        guard case .label(let text) = log.popObject() else { fatalError("damaged history") }
        setLabel(id, text, inverse)
      case .spotTags: takeBackTags(.spot, from: log, to: inverse)
      case .linkTags: takeBackTags(.link, from: log, to: inverse)
      case .spotFeature: takeBackFeature(.spot, log, inverse)
      case .linkFeature: takeBackFeature(.link, log, inverse)
      case .tagSetInfo:
        let set = Int(log.pop(UInt32.self))
        guard case .tagSetInfo(let info) = log.popObject() else { fatalError("damaged history") }
        setTagSetInfo(set, info, inverse)
      case .insertTagSet:
        let set = Int(log.pop(UInt32.self))
        guard case .tagSet(let store) = log.popObject() else { fatalError("damaged history") }
        insertTagSet(store, at: set, inverse)
      case .removeTagSet: removeTagSet(at: Int(log.pop(UInt32.self)), inverse)
      case .shiftTags:
        let step = Int(log.pop(Int8.self))
        let value = log.pop(UInt16.self)
        shiftTags(Int(log.pop(UInt32.self)), above: value, by: step, inverse)
      case .insertSpotFeature: takeBackRemovedFeature(.spot, log, inverse)
      case .insertLinkFeature: takeBackRemovedFeature(.link, log, inverse)
      case .removeSpotFeature: removeFeature(.spot, at: Int(log.pop(UInt32.self)), inverse)
      case .removeLinkFeature: removeFeature(.link, at: Int(log.pop(UInt32.self)), inverse)
      }
    }
  }

  private mutating func takeBackFeature(_ carrier: Carrier, _ log: ChangeLog, _ inverse: ChangeLog)
  {
    let position = Int(log.pop(UInt32.self))
    let id = log.pop(UInt32.self)
    setFeature(position, carrier, id, log.pop(Double.self), inverse)
  }

  private mutating func takeBackRemovedFeature(
    _ carrier: Carrier, _ log: ChangeLog, _ inverse: ChangeLog
  ) {
    let position = Int(log.pop(UInt32.self))
    guard case .feature(let column) = log.popObject() else { fatalError("damaged history") }
    insertFeature(column, carrier, at: position, inverse)
  }
}
