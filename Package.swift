// swift-tools-version: 6.3

import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil
) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    swiftSettings: settings)
}

let package = Package(
  name: "cubinspect",
  products: [
    .executable(name: "cubinspect", targets: ["cubinspect"]),
    .library(name: "DeviceCode", targets: ["DeviceCode"]),
    .library(name: "Compatibility", targets: ["Compatibility"]),
    .library(name: "Scan", targets: ["Scan"]),
    .library(name: "Report", targets: ["Report"]),
  ],
  targets: [
    .systemLibrary(name: "CElf", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),

    library("Bytes"),
    library("Compression", ["Bytes", "CZlib", "CZstd", "CLZ4"]),
    library("ELFFile", ["Bytes", "Compression", "CElf"]),
    library("DeviceCode", ["Bytes", "Compression", "ELFFile"]),
    library(
      "Compatibility", ["DeviceCode"],
      resources: [
        .embedInCode("Resources/gpus.json")
      ]),
    library("Scan", ["Bytes", "DeviceCode", "Compatibility"]),
    library("Report", ["Bytes", "DeviceCode", "Compatibility", "Scan"]),
    library("CommandLineSyntax"),
    .executableTarget(
      name: "cubinspect",
      dependencies: [
        "Bytes", "DeviceCode", "Compatibility", "Scan", "Report", "CommandLineSyntax",
      ], swiftSettings: settings),

    .target(
      name: "JSONSchemaSupport", path: "Tests/JSONSchemaSupport", swiftSettings: settings),

    tests("Bytes", []),
    tests("Compression", ["Bytes"]),
    tests("ELFFile", ["Bytes"]),
    tests("DeviceCode", ["Bytes"]),
    tests("Compatibility", ["DeviceCode"]),
    tests("Scan", ["Bytes", "DeviceCode", "Compatibility"]),
    tests("Report", ["Scan", "DeviceCode", "Compatibility", "JSONSchemaSupport"]),
    tests("CommandLineSyntax", []),
    tests("JSONSchemaSupport", []),
  ],
  swiftLanguageModes: [.v6]
)
