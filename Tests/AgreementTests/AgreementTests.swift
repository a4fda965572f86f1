import Foundation
import Testing

/// A published wheel and what both find in its libraries.
private struct Wheel: Sendable, CustomTestStringConvertible {
  var name: String
  /// Libraries in which cuobjdump lists device code, the images it lists there, and how many of them are PTX.
  var libraries: Int
  var images: Int
  var ptx: Int
  /// Images outside of the sections that cuobjdump reads.
  var embedded = 0

  var testDescription: String { name }

  static let small = [
    Wheel(name: "torchvision", libraries: 2, images: 169, ptx: 17),
    Wheel(name: "torchaudio", libraries: 2, images: 28, ptx: 4),
    Wheel(name: "bitsandbytes", libraries: 7, images: 392, ptx: 42),
    Wheel(name: "xformers", libraries: 1, images: 44, ptx: 11),
    Wheel(name: "jax-cuda12-plugin", libraries: 3, images: 36, ptx: 4),
  ]

  static let large = [
    Wheel(name: "torch", libraries: 3, images: 3186, ptx: 3, embedded: 58),
    Wheel(name: "nvidia-cusparse", libraries: 1, images: 1507, ptx: 137, embedded: 478),
    Wheel(name: "nvidia-cufft", libraries: 0, images: 0, ptx: 0, embedded: 18236),
    Wheel(name: "nvidia-curand", libraries: 1, images: 186, ptx: 93, embedded: 1747),
  ]
}

/// The reader and NVIDIA's own tool find the same images in the same order.
@Suite struct AgreementTests {
  @Test(arguments: Wheel.small)
  fileprivate func smallWheelAgrees(_ wheel: Wheel) throws { try expectAgreement(wheel, size: "small") }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"), arguments: Wheel.large)
  fileprivate func largeWheelAgrees(_ wheel: Wheel) throws { try expectAgreement(wheel, size: "large") }

  /// What wheels hold rarely: concatenated entries, LTO-IR, debug information, static libraries.
  @Test func fixturesAgree() throws {
    let cuobjdump = try Cuobjdump()
    var compared = 0
    for file in try TestInputs.comparableFixtures() {
      if try cuobjdump.compare(file).images > 0 { compared += 1 }
    }
    #expect(compared >= 70)
  }

  /// Any libraries at all: `CUBINSPECT_AGREEMENT_PATHS=/path/to/site-packages`.
  @Test(.enabled(if: !TestInputs.more.isEmpty, "no CUBINSPECT_AGREEMENT_PATHS"), arguments: TestInputs.more)
  func anyLibraryAgrees(_ root: URL) throws {
    let cuobjdump = try Cuobjdump()
    for file in try TestInputs.candidates(under: root) {
      let seen = try cuobjdump.compare(file)
      guard seen.images + seen.embedded > 0 else { continue }
      print(file.path, seen.images, seen.ptx, seen.embedded, seen.accommodations, seen.hidden)
    }
  }

  private func expectAgreement(_ wheel: Wheel, size: String) throws {
    let cuobjdump = try Cuobjdump()
    var total = Comparison()
    var libraries = 0
    for file in try TestInputs.candidates(under: TestInputs.folder(of: wheel.name, size: size)) {
      let seen = try cuobjdump.compare(file)
      total.images += seen.images
      total.ptx += seen.ptx
      total.embedded += seen.embedded
      total.hidden += seen.hidden
      if seen.images > 0 { libraries += 1 }
    }
    #expect(libraries == wheel.libraries)
    #expect(total.images == wheel.images)
    #expect(total.ptx == wheel.ptx)
    #expect(total.embedded == wheel.embedded)
    #expect(total.hidden == 0)
  }
}
