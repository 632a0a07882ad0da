// Broken BigDataViewer files: every reader either reads them or says what is wrong.
//
// A normal run cuts each file at a sample of every 64th byte and changes 10,000 single bytes over all files;
// HOWDAH_FUZZ=N makes it all cuts and N changes of each file. The loops run in child processes: a crash fails
// the test and nothing else.

import Core
import Formats
import Foundation
import Testing

/// Open a data set and read everything that it says it has: all views, all levels, and one box.
private func readEverything(_ xml: String) throws {
  let source = try BDVImageSource.open(xml)
  var failure: HowdahError?
  for t in 0..<min(source.timepoints, 12) {
    for setup in 0..<min(source.setups, 20) {
      for level in 0..<min(source.levels(setup: setup), 4) {
        _ = source.transform(t: t, setup: setup, level: level)
        do {
          _ = try source.volume(t: t, setup: setup, level: level)
          let size = source.size(setup: setup, level: level)
          let box = VoxelBox(
            origin: Size3(x: size.x / 2, y: 0, z: size.z - 1), size: Size3(x: 1, y: size.y, z: 1))
          _ = try source.volume(t: t, setup: setup, level: level, box: box, progress: .none)
        } catch let error as HowdahError {
          failure = error
        }
      }
    }
  }
  if let failure { throw failure }
}

/// Break one file of a golden data set in all ways and judge the reader.
private func fuzz(_ xml: String, breaking file: String, cuts: Int, changes: Int) throws -> FuzzJudge
{
  let folder = try BDVGolden.copy()
  defer { try? FileManager.default.removeItem(atPath: folder + "/..") }
  let target = URL(fileURLWithPath: folder + "/" + file)
  let sample = [UInt8](try Data(contentsOf: target))
  var judge = FuzzJudge(fileSize: sample.count)
  let truncations = Fuzz.truncations(of: sample, atMost: cuts)
  for bytes in truncations {
    try Data(bytes).write(to: target)
    judge.run("\(file) cut at \(bytes.count)") { try readEverything(folder + "/" + xml) }
  }
  let mutations = Fuzz.mutations(of: sample, count: Fuzz.count(normally: changes), seed: 5)
  for (index, bytes) in mutations.enumerated() {
    try Data(bytes).write(to: target)
    judge.run("\(file), change \(index)") { try readEverything(folder + "/" + xml) }
  }
  print("\(file): \(judge.summary)")
  return judge
}

@Suite struct BDVFuzzTests {
  @Test func survivesBrokenXML() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let judge = try fuzz("java_like.xml", breaking: "java_like.xml", cuts: .max, changes: 2000)
      #expect(judge.complaints == [])
      #expect(judge.accepted > 0 && judge.accepted < judge.runs)
    }
    Fuzz.show(child)
  }

  @Test func survivesBrokenOldHDF5() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      for (xml, h5) in [
        ("java_like.xml", "sub/java like.h5"), ("sparse.xml", "sparse.h5"),
        ("pybdv.xml", "pybdv.h5"), ("partitions_earliest.xml", "partitions_earliest.h5"),
      ] {
        let judge = try fuzz(xml, breaking: h5, cuts: 100, changes: 1500)
        #expect(judge.complaints == [])
      }
    }
    Fuzz.show(child)
  }

  @Test func survivesBrokenNewHDF5() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      for (xml, h5) in [
        ("partitions_v110.xml", "partitions_v110.h5"), ("partitions_v110.xml", "part0_v110.h5"),
      ] {
        let judge = try fuzz(xml, breaking: h5, cuts: 100, changes: 1000)
        #expect(judge.complaints == [])
      }
    }
    Fuzz.show(child)
  }

  /// These two have data sets that only the library reads, each in a child process, so they are slow.
  @Test func survivesBrokenHDF5OfAllKinds() async {
    let child = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      for version in ["earliest", "v110"] {
        let judge = try fuzz(
          "kinds_\(version).xml", breaking: "kinds_\(version).h5", cuts: 20, changes: 200)
        #expect(judge.complaints == [])
      }
    }
    Fuzz.show(child)
  }
}
