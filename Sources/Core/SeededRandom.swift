// Random numbers that are the same on every machine and for every number of threads.

/// xoshiro256** (Blackman & Vigna 2018), seeded through SplitMix64. The same seed gives the same
/// numbers on every machine and in every version of Howdah.
///
/// For parallel work derive one stream a block: `SeededRandom(seed: seed, stream: block)`.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var s: (UInt64, UInt64, UInt64, UInt64)
  private var spareNormal: Double?

  /// The generator of this seed; different streams of one seed are independent.
  public init(seed: UInt64, stream: UInt64 = 0) {
    var state = seed &+ stream &* 0xD1B5_4A32_D192_ED03
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    s = (next(), next(), next(), next())
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let result = rotateLeft(s.1 &* 5, 7) &* 9
    let t = s.1 << 17
    s.2 ^= s.0
    s.3 ^= s.1
    s.1 ^= s.2
    s.0 ^= s.3
    s.2 ^= t
    s.3 = rotateLeft(s.3, 45)
    return result
  }

  /// Uniform in [0, 1) with 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniform()
  }

  /// Uniform integer in 0 ..< count (count > 0), without modulo bias.
  public mutating func below(_ count: Int) -> Int {
    let n = UInt64(count)
    let limit = UInt64.max - UInt64.max % n
    while true {
      let r = next()
      if r < limit { return Int(r % n) }
    }
  }

  /// Normal with mean 0 and standard deviation 1 (polar method of Marsaglia).
  public mutating func normal() -> Double {
    if let spare = spareNormal {
      spareNormal = nil
      return spare
    }
    while true {
      let u = uniform(-1, 1)
      let v = uniform(-1, 1)
      let q = u * u + v * v
      if q > 0 && q < 1 {
        let f = (-2 * logarithm(q) / q).squareRoot()
        spareNormal = v * f
        return u * f
      }
    }
  }

  private func rotateLeft(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
}
