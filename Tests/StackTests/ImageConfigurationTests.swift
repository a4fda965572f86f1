import Bytes
import Stack
import Testing

@Suite struct ImageConfigurationTests {
  @Test func ociConfiguration() throws {
    let text = """
      {"architecture": "amd64", "os": "linux",
       "config": {"Env": ["PATH=/usr/bin", "CUDA_VERSION=12.8.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=tesla,driver>=535",
         "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility", "CUDA_EMPTY=", "CUDA_ODD"],
         "Labels": {"maintainer": "x"}},
       "rootfs": {"type": "layers", "diff_ids": []}, "history": [{"created_by": "ENV A=b", "empty_layer": true}]}
      """
    let image = try #require(try ImageConfiguration.read(Array(text.utf8)).first)
    #expect(image.architecture == "amd64")
    #expect(image.cudaVersion == "12.8.1")
    #expect(image.environment["CUDA_EMPTY"] == "")
    #expect(image.environment["CUDA_ODD"] == nil)
    // The rest of an environment is nobody's business.
    #expect(image.environment["NAME"] == nil && image.environment["PATH"] == "/usr/bin")
    let requirements = try image.requirements()
    #expect(requirements.map(\.variable) == ["NVIDIA_REQUIRE_CUDA"])
    #expect(requirements.map(\.requirement) == [Requirement("cuda>=12.8 brand=tesla,driver>=535")])
    #expect(!image.disablesRequirements)
    #expect(image.visibleDevices == ["all"])
    #expect(image.driverCapabilities == ["compute", "utility"])
    #expect(image.hasCompute == true)
  }

  @Test func dockerInspect() throws {
    let text = """
      [{"Id": "sha256:1", "RepoTags": ["app:1"], "Architecture": "arm64", "Config": {"Env": ["CUDA_A=1", "CUDA_A=2"]}},
       {"Id": "sha256:2", "RepoTags": null, "Config": {"Env": null}}]
      """
    let images = try ImageConfiguration.read(Array(text.utf8))
    #expect(images.map(\.names) == [["app:1"], []])
    #expect(images.map(\.architecture) == ["arm64", nil])
    #expect(images.map(\.environment) == [["CUDA_A": "2"], [:]])
    let single = try ImageConfiguration.read(Array(#" {"Config": {"Env": ["NVIDIA_B=x=y"]}}"#.utf8))
    #expect(single.map(\.environment) == [["NVIDIA_B": "x=y"]])
  }

  @Test(arguments: [
    "", "[]", "nonsense", "{}", "[1]", #"{"config": {"Env": "A=1"}}"#, #"{"Config": 1}"#,
    #"[{"Config": {}}, {}]"#,
    // An image manifest points to the configuration.
    #"{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:1"}}"#,
    String(repeating: "[", count: 100_000), "{\"config\":" + String(repeating: "[", count: 10_000),
  ])
  func otherDocuments(_ text: String) {
    #expect(throws: Problem.self) { try ImageConfiguration.read(Array(text.utf8)) }
  }

  @Test func arbitraryBytesAreNoConfiguration() {
    #expect(throws: Problem.self) { try ImageConfiguration.read([0xFF, 0xFE, 0x00]) }
    #expect(throws: Problem.self) {
      try ImageConfiguration.read(Array(#"{"config":{"Env":[""#.utf8) + [0xC3])
    }
  }

  @Test func legacyImages() throws {
    func requirements(_ environment: [String: String]) throws(Problem) -> [String] {
      try ImageConfiguration(environment: environment).requirements().map(\.requirement.text)
    }
    for (version, requirement) in [
      ("10.2", "cuda>=10.2"), ("9.0.176", "cuda>=9.0"), ("v8.0", "cuda>=8.0"), ("11", "cuda>=11.0"),
      ("12.8.1-rc1", "cuda>=12.8"),
    ] {
      #expect(try requirements(["CUDA_VERSION": version]) == [requirement])
      #expect(try requirements(["CUDA_VERSION": version, "NVIDIA_REQUIRE_CUDA": ""]) == [requirement])
    }
    for version in ["13.2.0.046", "12.x", "12.", "012.1", "-", "12.8-rc1", "12.8.1-", "٢.1", "99999999999.1"]
    {
      #expect(throws: Problem.self) { try requirements(["CUDA_VERSION": version]) }
    }
    #expect(
      try requirements(["CUDA_VERSION": "13.2.0.046", "NVIDIA_REQUIRE_CUDA": "cuda>=9.0"]) == ["cuda>=9.0"])
    #expect(try requirements(["CUDA_VERSION": ""]) == [])
    #expect(ImageConfiguration(environment: ["CUDA_VERSION": "9.0"]).visibleDevices == ["all"])
    #expect(ImageConfiguration(environment: ["CUDA_VERSION": "9.0"]).hasCompute == true)
  }

  @Test func everyRequirementButJetpack() throws {
    let image = ImageConfiguration(environment: [
      "NVIDIA_REQUIRE_DRIVER": "driver>=535", "NVIDIA_REQUIRE_CUDA": "cuda>=12.0",
      "NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS": "base-only", "NVIDIA_REQUIREMENT": "x",
    ])
    #expect(try image.requirements().map(\.variable) == ["NVIDIA_REQUIRE_CUDA", "NVIDIA_REQUIRE_DRIVER"])
  }

  @Test(arguments: [
    ("1", true), ("t", true), ("T", true), ("true", true), ("TRUE", true), ("True", true), ("0", false),
    ("yes", false), ("tRUE", false), ("", false),
  ])
  func disabling(_ value: String, _ expected: Bool) {
    #expect(
      ImageConfiguration(environment: ["NVIDIA_DISABLE_REQUIRE": value]).disablesRequirements == expected)
  }

  @Test func devicesAndCapabilities() {
    func devices(_ value: String) -> [String] {
      ImageConfiguration(environment: ["NVIDIA_VISIBLE_DEVICES": value]).visibleDevices
    }
    #expect(devices("0, GPU-1,") == ["0", "GPU-1"])
    for value in ["", "void", "0,void", "none"] { #expect(devices(value) == [], "\(value)") }
    #expect(ImageConfiguration(environment: [:]).visibleDevices == [])
    #expect(ImageConfiguration(environment: [:]).hasCompute == nil)
    #expect(ImageConfiguration(environment: ["NVIDIA_DRIVER_CAPABILITIES": "video"]).hasCompute == false)
    #expect(ImageConfiguration(environment: ["NVIDIA_DRIVER_CAPABILITIES": "all"]).hasCompute == true)
  }
}
