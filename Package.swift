// swift-tools-version: 6.3

import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// ISA-L inflates archives on x86-64, where that was measured; elsewhere zlib does. CUBINSPECT_ISAL is "no" where zlib shall do
// it here as well, or the folder of a static library, which takes less time to start and less memory than the shared one.
#if arch(x86_64)
  let isal = Context.environment["CUBINSPECT_ISAL"] ?? ""
#else
  let isal = "no"
#endif
let hasISAL = isal != "no"
let linkingISAL: [LinkerSetting] =
  switch isal {
  case "no": []
  case "": [.linkedLibrary("isal")]
  default: [.unsafeFlags(["-L\(isal)"]), .linkedLibrary(":libisal.a")]
  }

// `make` has the product's modules optimised in the debug builds that tests run in: the suite then takes half of the time.
// Whoever depends on a version of this package could not with such flags, and debuggers see more without them.
let optimisation: [SwiftSetting] =
  Context.environment["CUBINSPECT_OPTIMISE"] == nil
  ? [] : [.unsafeFlags(["-O"], .when(configuration: .debug))]

func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil,
  extraSettings: [SwiftSetting] = [], linkerSettings: [LinkerSetting]? = nil
) -> Target {
  .target(
    name: name, dependencies: dependencies, resources: resources,
    swiftSettings: settings + optimisation + extraSettings, linkerSettings: linkerSettings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    resources: resources, swiftSettings: settings)
}

let package = Package(
  name: "cubinspect",
  products: [
    .executable(name: "cubinspect", targets: ["cubinspect"]),
    .library(name: "Archives", targets: ["Archives"]),
    .library(name: "DeviceCode", targets: ["DeviceCode"]),
    .library(name: "Compatibility", targets: ["Compatibility"]),
    .library(name: "Stack", targets: ["Stack"]),
    .library(name: "Scan", targets: ["Scan"]),
    .library(name: "Assessment", targets: ["Assessment"]),
    .library(name: "Report", targets: ["Report"]),
  ],
  targets: [
    .systemLibrary(name: "CElf", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLzma", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    // No pkg-config: see the linker settings of Archives.
    .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev", "libbz2-dev"])]),
    .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
    .systemLibrary(name: "CSquashFS", pkgConfig: "libsquashfs1", providers: [.apt(["libsquashfs-dev"])]),

    // libiberty has no pkg-config file, and needs limits that only C can give it.
    .target(name: "CDemangle", linkerSettings: [.linkedLibrary("iberty")]),
    library("Demangling", ["Bytes", "CDemangle"]),
    // toml++ has headers alone, which Debian 11 lacks: without them the program says that it reads no configuration file.
    .target(name: "CTOML"),

    // The one module that returns non-escapable views; its clients need no such feature.
    library("Bytes", extraSettings: [.enableExperimentalFeature("Lifetimes")]),
    library(
      "Compression", ["Bytes", "CZlib", "CZstd", "CLZ4", "CLzma"] + (hasISAL ? ["CIsal"] : []),
      extraSettings: hasISAL ? [.define("ISAL")] : [], linkerSettings: linkingISAL),
    // The parts of libarchive that read tars, linked statically: the shared library brings an XML parser and 30 MB of
    // Unicode tables, and the program would take half as long again to start.
    library(
      "Archives", ["Bytes", "Compression", "CArchive", "CNettle", "CSquashFS"],
      linkerSettings: [.linkedLibrary(":libarchive.a"), .linkedLibrary("bz2")]),
    library("ELFFile", ["Bytes", "Compression", "CElf"]),
    library("DeviceCode", ["Bytes", "Compression", "ELFFile"]),
    library(
      "Compatibility", ["Bytes", "DeviceCode"],
      resources: [
        .embedInCode("Resources/architectures.json"), .embedInCode("Resources/date.txt"),
        .embedInCode("Resources/drivers.json"), .embedInCode("Resources/gpus.json"),
        .embedInCode("Resources/jetson.json"), .embedInCode("Resources/toolkits.json"),
      ]),
    // What was measured of packages on PyPI.
    .target(name: "CTables", exclude: ["surveyed.ndjson"]),
    library(
      "Stack", ["Bytes", "Compression", "ELFFile", "DeviceCode", "Compatibility", "CTables"],
      resources: [
        .embedInCode("Resources/containers.json"), .embedInCode("Resources/errors.json"),
        .embedInCode("Resources/libraries.json"),
        .embedInCode("Resources/pytorch.json"), .embedInCode("Resources/runtime.json"),
      ]),
    library("Scan", ["Bytes", "Compression", "Archives", "DeviceCode", "Compatibility", "Stack"]),
    library("Assessment", ["Bytes", "ELFFile", "DeviceCode", "Compatibility", "Stack"]),
    library(
      "Report",
      ["Bytes", "Archives", "Demangling", "DeviceCode", "Compatibility", "Stack", "Scan", "Assessment"]),
    library("CommandLineSyntax"),
    .executableTarget(
      name: "cubinspect",
      dependencies: [
        "Bytes", "Demangling", "Archives", "ELFFile", "DeviceCode", "Compatibility", "Stack", "Scan",
        "Assessment", "Report", "CommandLineSyntax", "CTOML",
      ], resources: [.embedInCode("Resources/licenses.txt")], swiftSettings: settings),

    .target(
      name: "JSONSchemaSupport", path: "Tests/JSONSchemaSupport", swiftSettings: settings),
    .target(
      name: "FixtureSupport", dependencies: ["Bytes", "Archives", "CZlib"], path: "Tests/FixtureSupport",
      swiftSettings: settings),
    .target(
      name: "StackFixtures",
      dependencies: ["Bytes", "ELFFile", "DeviceCode", "Compatibility", "Stack", "FixtureSupport"],
      path: "Tests/StackFixtures", resources: [.embedInCode("Resources/imageRequirements.json")],
      swiftSettings: settings),
    .target(name: "CFuzzCounters", path: "Tests/Fuzz/Counters"),
    .target(
      name: "FuzzSupport",
      dependencies: [
        "CFuzzCounters", "Bytes", "Demangling", "Compression", "Archives", "ELFFile", "DeviceCode",
        "Compatibility", "Stack", "Scan", "Assessment", "Report",
      ],
      path: "Tests/Fuzz/Support", swiftSettings: settings),

    tests("Demangling", []),
    tests("Bytes", ["FixtureSupport", "FuzzSupport"]),
    tests("Compression", ["Bytes", "FixtureSupport", "FuzzSupport", "CZlib", "CZstd", "CLZ4"]),
    tests(
      "Archives",
      ["Bytes", "Compression", "ELFFile", "DeviceCode", "FixtureSupport", "FuzzSupport", "CZlib"]),
    tests("ELFFile", ["Bytes", "FixtureSupport"]),
    tests(
      "DeviceCode", ["Bytes", "Compression", "ELFFile", "FixtureSupport", "FuzzSupport"],
      resources: [.embedInCode("Resources/cubinHeaders.json")]),
    tests(
      "Compatibility", ["Bytes", "DeviceCode", "FuzzSupport"],
      resources: [.embedInCode("Resources/ptxMatrices.json")]),
    tests(
      "Stack",
      ["Bytes", "ELFFile", "DeviceCode", "Compatibility", "FixtureSupport", "FuzzSupport", "StackFixtures"]),
    tests(
      "Assessment",
      [
        "Bytes", "ELFFile", "DeviceCode", "Compatibility", "Stack", "Report", "FixtureSupport", "FuzzSupport",
        "StackFixtures",
      ], resources: [.embedInCode("Resources/runtimeCases.json")]),
    tests(
      "Scan", ["Bytes", "Archives", "DeviceCode", "Compatibility", "Stack", "FixtureSupport", "FuzzSupport"]),
    tests(
      "Report",
      [
        "Bytes", "Scan", "DeviceCode", "Compatibility", "Stack", "Assessment", "FixtureSupport",
        "FuzzSupport", "JSONSchemaSupport",
      ]),
    tests("CommandLineSyntax", []),
    .testTarget(
      name: "CommandTests",
      dependencies: ["cubinspect", "FixtureSupport", "JSONSchemaSupport", "StackFixtures"],
      exclude: ["Goldens", "Resources"], swiftSettings: settings),
    tests("JSONSchemaSupport", []),
    .testTarget(
      name: "HardwareTests", dependencies: ["Bytes", "Compression", "DeviceCode", "Compatibility"],
      swiftSettings: settings),
    .testTarget(
      name: "AgreementTests",
      dependencies: [
        "Bytes", "Compression", "Archives", "DeviceCode", "Compatibility", "Stack", "Scan",
        "Assessment", "Report", "FuzzSupport", "StackFixtures", "cubinspect",
      ],
      exclude: ["Transcripts"], resources: [.embedInCode("Resources/fieldReports.json")],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)

if hasISAL {
  // No pkg-config: see the linker settings of Compression.
  package.targets.append(.systemLibrary(name: "CIsal", providers: [.apt(["libisal-dev"])]))
}

// The fuzz targets have no main function: they only link with `--sanitize=fuzzer`, see Tests/Fuzz/run.
if Context.environment["CUBINSPECT_FUZZ"] != nil {
  for name in [
    "FuzzFile", "FuzzFatBinary", "FuzzConcatenated", "FuzzCubin", "FuzzPTX", "FuzzArchive", "FuzzDemangle",
    "FuzzZip", "FuzzInflate", "FuzzLayer", "FuzzSquashFS", "FuzzMember", "FuzzFacts", "FuzzRecords",
    "FuzzCost",
  ] {
    package.targets.append(
      .executableTarget(
        name: name, dependencies: ["FuzzSupport"], path: "Tests/Fuzz/\(name)", swiftSettings: settings))
    package.products.append(.executable(name: name, targets: [name]))
  }
}
