// The few functions of the C library that geometry needs, so that no other file of this room
// imports it.

import Glibc

/// Sine of an angle in radians.
@inlinable public func sine(_ x: Double) -> Double { sin(x) }
/// Cosine of an angle in radians.
@inlinable public func cosine(_ x: Double) -> Double { cos(x) }
/// x raised to the power y.
@inlinable public func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
/// Natural logarithm.
@inlinable public func logarithm(_ x: Double) -> Double { log(x) }
/// e raised to the power x.
@inlinable public func exponential(_ x: Double) -> Double { exp(x) }
