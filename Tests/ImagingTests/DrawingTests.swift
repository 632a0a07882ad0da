// Shapes by their covered area, sections of ellipsoids by the quadratic form, text, planes and
// terminal pictures.

import Core
import Imaging
import Testing

@Suite struct DrawingTests {
  /// The area that a shape covers, from the grey values of white on black.
  func area(_ canvas: Canvas) -> Double {
    var sum = 0.0
    for y in 0..<canvas.height {
      for x in 0..<canvas.width { sum += Double(canvas[x, y].r) / 255 }
    }
    return sum
  }

  @Test func discsAndEllipsesCoverTheirArea() {
    for radius in [1.5, 4.2, 20] {
      var canvas = Canvas(width: 60, height: 60)
      canvas.disc(x: 30.3, y: 29.8, radius: radius, .white)
      #expect(abs(area(canvas) / (Double.pi * radius * radius) - 1) < 0.05)
    }
    // Semi-axes 20 and 6, turned by 30 degrees.
    let (c, s) = (cosine(Double.pi / 6), sine(Double.pi / 6))
    let ellipse = Ellipse(
      x: 30, y: 30, xx: 400 * c * c + 36 * s * s, xy: (400 - 36) * c * s,
      yy: 400 * s * s + 36 * c * c)
    #expect(abs(ellipse.radii.0 - 6) < 1e-9 && abs(ellipse.radii.1 - 20) < 1e-9)
    var canvas = Canvas(width: 60, height: 60)
    canvas.fill(ellipse, .white)
    #expect(abs(area(canvas) / (Double.pi * 120) - 1) < 0.03)
    var outline = Canvas(width: 60, height: 60)
    outline.stroke(ellipse, .white, width: 2)
    // Ramanujan's perimeter times the line width.
    let h = (14.0 / 26) * (14.0 / 26)
    let perimeter = Double.pi * 26 * (1 + 3 * h / (10 + (4 - 3 * h).squareRoot()))
    #expect(abs(area(outline) / (2 * perimeter) - 1) < 0.04)
  }

  @Test(arguments: [(50.0, 10.0), (10.0, 47.0), (12.5, 11.0), (52.0, 53.0)])
  func linesCoverLengthTimesWidth(_ x: Double, _ y: Double) {
    var canvas = Canvas(width: 64, height: 64)
    canvas.line(from: (10, 10), to: (x, y), .white, width: 3)
    let length = ((x - 10) * (x - 10) + (y - 10) * (y - 10)).squareRoot()
    #expect(abs(area(canvas) / (length * 3 + Double.pi * 1.5 * 1.5) - 1) < 0.05)
  }

  @Test func everythingIsClippedAndNonsenseIsLeftOut() {
    var canvas = Canvas(width: 9, height: 7)
    let empty = canvas.rgba
    canvas.line(from: (.nan, 0), to: (5, 5), .white)
    canvas.stroke(Ellipse(x: .infinity, y: 0, radius: 3), .white)
    canvas.fill(x: 50, y: -80, width: 20, height: 20, .white)
    canvas.text("outside", x: -500, y: 3, .white)
    canvas.draw(Canvas(width: 3, height: 3, background: .white), x: 9, y: -3)
    canvas.disc(x: -1e300, y: 1e300, radius: 1, .white)
    #expect(canvas.rgba == empty)
    canvas.line(from: (-1e7, 3.5), to: (1e7, 3.5), .white)
    #expect((0..<9).allSatisfy { canvas[$0, 3] == .white })
    canvas.stroke(Ellipse(x: 4, y: 3, xx: 0, xy: 0, yy: 0), Color(r: 255, g: 0, b: 0))
    #expect(canvas[4, 3].g < 200)
  }

  @Test func blendingFollowsOpacity() {
    var canvas = Canvas(width: 1, height: 1, background: .black)
    canvas.blend(Color(r: 200, g: 100, b: 0, a: 51), x: 0, y: 0)
    #expect(canvas[0, 0] == Color(r: 40, g: 20, b: 0))
    var clear = Canvas(width: 1, height: 1, background: .clear)
    clear.blend(Color(r: 200, g: 100, b: 0, a: 51), x: 0, y: 0)
    #expect(clear[0, 0] == Color(r: 200, g: 100, b: 0, a: 51))
    #expect(Color(argb: 0x80FF_0102) == Color(r: 255, g: 1, b: 2, a: 128))
  }

  /// Points of a section lie in the plane and on the ellipsoid.
  @Test(arguments: PlaneView.allCases)
  func sectionsLieOnTheEllipsoid(_ view: PlaneView) throws {
    let covariance = Covariance.axisAligned(x: 5, y: 3, z: 8)
      .rotated(about: .x, degrees: 33).rotated(about: .z, degrees: 71)
    let center = WorldPoint(x: 4, y: -2, z: 9)
    let inverse = try #require(covariance.matrix.inverse)
    let position = center[view.normal] + 1.3
    let e = try #require(
      EllipsoidSection.slice(center: center, covariance: covariance, view: view, at: position))
    for k in 0..<12 {
      // A point of the ellipse: centre + L (cos, sin) with M = L L^T.
      let angle = Double(k) / 12 * 2 * Double.pi
      let l = e.xx.squareRoot()
      let (u, v) = (cosine(angle), sine(angle))
      let low = e.xy / l
      var p = WorldPoint.zero
      p[view.normal] = position
      p[view.horizontal] = e.x + l * u
      p[view.vertical] = e.y + low * u + (e.yy - low * low).squareRoot() * v
      let d = p - center
      let q = inverse * d
      #expect(abs(d.x * q.x + d.y * q.y + d.z * q.z - 1) < 1e-12)
    }
    let far = center[view.normal] + 9
    let missed = EllipsoidSection.slice(
      center: center, covariance: covariance, view: view, at: far)
    #expect(missed == nil)
    let none = EllipsoidSection.slice(
      center: center, covariance: .sphere(radius: 0), view: view, at: center[view.normal])
    #expect(none == nil)
    let shadow = EllipsoidSection.projection(center: center, covariance: covariance, view: view)
    #expect(shadow.radii.1 <= 8 + 1e-9 && shadow.radii.0 >= 3 - 1e-9)
  }

  @Test func planesKeepTheirProportions() throws {
    let volume = try Volume(
      uint16s: [0, 100, 200, 300, 400, 500], size: Size3(x: 3, y: 2, z: 1))
    let picture = try Canvas(plane: volume, contrast: 0...500, scale: (4, 6), smooth: false)
    #expect(picture.width == 12 && picture.height == 12)
    #expect(picture[0, 0] == .black && picture[11, 11] == .white)
    #expect(abs(Int(picture[5, 3].r) - 51) <= 1)
    // Averaging to one pixel gives the mean.
    let one = try Canvas(plane: volume, contrast: 0...500, scale: (1.0 / 3, 0.5))
    #expect(one.width == 1 && abs(Int(one[0, 0].r) - 128) <= 1)
    // yz: z to the right, y down.
    let yz = try Volume(uint8s: [0, 10, 20, 30, 40, 50], size: Size3(x: 1, y: 3, z: 2))
    let side = try Canvas(plane: yz, view: .yz, contrast: 0...50)
    #expect(side.width == 2 && side.height == 3)
    #expect(abs(Int(side[1, 0].r) - 153) <= 1 && abs(Int(side[0, 2].r) - 102) <= 1)
    #expect(throws: HowdahError.self) {
      try Canvas(plane: Volume(zeroed: Size3(x: 2, y: 2, z: 2), type: .uint8), contrast: 0...1)
    }
  }

  @Test func flatImagesAndNaNHaveDefinedColours() throws {
    let volume = try Volume(floats: [.nan, 1, 2], size: Size3(x: 3, y: 1, z: 1))
    let picture = try Canvas(plane: volume, contrast: 1...1)
    #expect([0, 1, 2].map { picture[$0, 0].r } == [0, 0, 255])
    for map in Colormap.allCases {
      #expect(map(.nan) == map(0) && map(-3) == map(0) && map(7) == map(1))
    }
    #expect(Colormap.viridis(0) == Color(argb: 0xFF44_0154))
  }

  @Test func darkColoursAreLightened() {
    #expect(Color.white.luminance == 1 && Color.black.luminance == 0)
    let blue = Color(argb: 0x8000_008F)
    let lighter = blue.lightened(toLuminance: 0.13)
    #expect(lighter.luminance >= 0.13 && lighter.luminance < 0.14)
    #expect(lighter.r == lighter.g && lighter.b > lighter.r && lighter.a == 0x80)
    #expect(lighter != Color(argb: 0x8000_00FF).lightened(toLuminance: 0.13))
    let red = Color(r: 255, g: 0, b: 0)
    #expect(red.lightened(toLuminance: 0.13) == red)
  }

  @Test func everyCharacterIsDistinct() {
    var seen: [[UInt8]: Character] = [:]
    for code in UInt8(33)...126 {
      let character = Character(UnicodeScalar(code))
      var canvas = Canvas(width: 5, height: 9)
      canvas.text(String(character), x: 0, y: 0, .white)
      #expect(canvas.rgba.contains(255) && canvas.rgba != Canvas(width: 5, height: 9).rgba)
      #expect(seen[canvas.rgba] == nil, "\(character) looks like \(seen[canvas.rgba] ?? " ")")
      seen[canvas.rgba] = character
    }
    #expect(Font.size(of: "ab\nc", scale: 2) == (22, 34))
  }

  @Test func tilesAndScaleBar() {
    let small = Canvas(width: 10, height: 5, background: .white)
    let large = Canvas(width: 20, height: 8, background: .white)
    let tiled = Canvas.tiled([small, large, small], columns: 2, gap: 3)
    #expect(tiled.width == 33 && tiled.height == 16)
    #expect(tiled[13, 7] == .white && tiled[11, 0] == .black && tiled[0, 15] == .white)
    var picture = Canvas(width: 400, height: 100)
    picture.scaleBar(pixelsPerUnit: 4, unit: "micrometer")
    // 20 micrometres are 80 pixels: the largest round length within a quarter of the width.
    let bar = (0..<400).filter { picture[$0, 94] == .white }
    #expect(bar.count == 80 && bar.last! < 396)
  }

  @Test func terminalPicturesHaveTwoRowsALine() {
    var canvas = Canvas(width: 3, height: 3, background: .black)
    canvas[0, 0] = Color(r: 255, g: 0, b: 0)
    let text = TerminalImage.render(canvas, columns: 80)
    #expect(text.split(separator: "\n").count == 2)
    #expect(text.filter { $0 == "\u{2580}" }.count == 6)
    #expect(text.hasPrefix("\u{1B}[38;2;255;0;0m\u{1B}[48;2;0;0;0m\u{2580}\u{1B}[38;2;0;0;0m"))
    let reduced = TerminalImage.render(Canvas(width: 100, height: 40), columns: 20)
    #expect(reduced.split(separator: "\n").count == 4)
  }
}
