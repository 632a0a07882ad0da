// swift-tools-version: 6.1
//
// The house, floor by floor. A target may depend only on targets of lower floors; CONTRIBUTING.md says why.
// Everything is built and tested in one configuration (release): compute kernels in a debug build are up to
// 480 times slower, and one configuration means one build for `make build`, `make test` and `make demo`.

import PackageDescription

func system(_ name: String, _ pkgConfig: String?, _ package: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: [.swiftLanguageMode(.v6)])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: Bool = false) -> Target {
  .testTarget(
    name: name, dependencies: dependencies,
    resources: resources ? [.copy("Golden")] : [],
    swiftSettings: [.swiftLanguageMode(.v6)])
}

let package = Package(
  name: "howdah",
  products: [.executable(name: "howdah", targets: ["howdah"])],
  targets: [
    // Floor 0: C libraries of the system, and the few C targets of our own.
    system("CLua", "lua5.4", "liblua5.4-dev"),
    system("CHDF5", "hdf5-serial", "libhdf5-dev"),
    system("COpenBLAS", "openblas", "libopenblas-dev"),
    // readline.pc carries flags that SwiftPM prohibits; /usr/include and -lreadline are enough.
    system("CReadline", nil, "libreadline-dev"),
    system("CZlib", "zlib", "zlib1g-dev"),
    system("CDeflate", "libdeflate", "libdeflate-dev"),
    system("CZip", "libzip", "libzip-dev"),
    system("CPng", "libpng", "libpng-dev"),
    system("CTiff", "libtiff-4", "libtiff-dev"),
    system("CExpat", "expat", "libexpat1-dev"),
    .target(name: "LuaShim", dependencies: ["CLua"]),
    .target(name: "HDF5Shim", dependencies: ["CHDF5"]),
    .target(name: "SystemShim"),
    // Loads libcurl when something is downloaded; only its headers are needed to build.
    .target(name: "NetShim"),
    .target(name: "ImageShim", dependencies: ["CPng", "CTiff"]),
    // The module map's link line counts only for Swift importers, and CTerm is C.
    .target(
      name: "CTerm", dependencies: ["CReadline"], linkerSettings: [.linkedLibrary("readline")]),
    .target(name: "Kernels"),
    room("Core", []),

    // Floor 1
    room("Lineage", ["Core"]),
    room("Imaging", ["Core", "Kernels"]),

    // Floor 2
    room("Learning", ["Core", "Imaging", "Kernels", "CZip"]),
    room(
      "Formats",
      [
        "Core", "Lineage", "Imaging", "HDF5Shim", "ImageShim", "NetShim", "SystemShim", "CHDF5",
        "CZlib", "CDeflate", "CZip", "CExpat",
      ]),

    // Floor 3
    room("Tracking", ["Core", "Lineage", "Imaging", "Learning", "Formats"]),

    // Floor 4
    room(
      "Scripting",
      ["Core", "Lineage", "Imaging", "Learning", "Formats", "Tracking", "LuaShim", "CLua"]),

    // Floor 5
    .executableTarget(
      name: "howdah",
      dependencies: ["Core", "Lineage", "Imaging", "Formats", "Scripting", "LuaShim", "CTerm"],
      swiftSettings: [.swiftLanguageMode(.v6)],
      // The program starts faster with the Swift libraries inside, and runs where no Swift is installed.
      linkerSettings: [.unsafeFlags(["-static-stdlib"])]),
    .executableTarget(
      name: "bench",
      dependencies: ["Core", "Lineage", "Imaging", "Learning", "Formats", "Tracking", "Scripting"],
      exclude: ["peers"],
      swiftSettings: [.swiftLanguageMode(.v6)]),

    tests("CoreTests", ["Core"]),
    tests("LineageTests", ["Core", "Lineage"]),
    tests("ImagingTests", ["Core", "Imaging", "COpenBLAS"], resources: true),
    tests("LearningTests", ["Core", "Imaging", "Kernels", "Learning"], resources: true),
    tests("FormatsTests", ["Core", "Lineage", "Imaging", "Formats"], resources: true),
    tests(
      "TrackingTests", ["Core", "Lineage", "Imaging", "Learning", "Formats", "Tracking"],
      resources: true),
    tests(
      "ScriptingTests",
      ["Core", "Lineage", "Imaging", "Learning", "Formats", "Tracking", "Scripting"]),
    tests("HowdahTests", []),
  ]
)
