// Float features and labels: values that only some objects have.

/// A named column of doubles over spots or over links; NaN means "no value". The history may hold
/// one that is not in the graph at the moment.
final class FeatureColumn {
  let name: String
  private(set) var values: UnsafeMutablePointer<Double>
  private(set) var capacity: Int

  init(name: String, capacity: Int) {
    self.name = name
    self.capacity = max(capacity, 16)
    values = .allocate(capacity: self.capacity)
    values.initialize(repeating: .nan, count: self.capacity)
  }

  /// Have room for `slots` values; new ones are absent.
  func reserve(_ slots: Int) {
    guard slots > capacity else { return }
    let larger = UnsafeMutablePointer<Double>.allocate(capacity: slots)
    larger.initialize(from: values, count: capacity)
    (larger + capacity).initialize(repeating: .nan, count: slots - capacity)
    values.deallocate()
    values = larger
    capacity = slots
  }

  deinit { values.deallocate() }
}

/// Labels of spots: a column of indices into a pool of strings, without memory before the first
/// label.
struct LabelStorage {
  private var entry = Column<UInt32>()
  private var texts: [String?] = [nil]
  private var freeTexts: [UInt32] = []
  /// Number of spots with a label.
  private(set) var count = 0

  /// The label of a spot.
  @inline(__always)
  func text(_ index: UInt32) -> String? {
    Int(index) < entry.capacity ? texts[Int(entry[index])] : nil
  }

  /// The UTF-8 of the label of a spot, nil without one.
  @inline(__always)
  func withText(_ index: UInt32, _ body: (UnsafeBufferPointer<UInt8>?) -> Int) -> Int {
    guard var text = text(index) else { return body(nil) }
    return text.withUTF8 { body($0) }
  }

  /// Set or clear a label; `capacity` is the number of slots there is room for.
  mutating func set(_ index: UInt32, _ text: String?, capacity: Int) {
    let old = Int(index) < entry.capacity ? entry[index] : 0
    guard let text else {
      if old != 0 {
        texts[Int(old)] = nil
        freeTexts.append(old)
        entry[index] = 0
        count -= 1
      }
      return
    }
    if old != 0 {
      texts[Int(old)] = text
      return
    }
    if Int(index) >= entry.capacity { entry.grow(to: capacity, keeping: entry.capacity) }
    count += 1
    if let reused = freeTexts.popLast() {
      texts[Int(reused)] = text
      entry[index] = reused
    } else {
      entry[index] = UInt32(texts.count)
      texts.append(text)
    }
  }

  func free() { entry.free() }

  /// Bytes taken, texts of up to 15 bytes included.
  func memoryFootprint(peak: Int) -> Int {
    min(peak, entry.capacity) * 4 + texts.capacity * 16 + freeTexts.capacity * 4
  }
}
