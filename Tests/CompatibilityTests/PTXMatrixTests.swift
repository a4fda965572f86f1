import Compatibility
import DeviceCode
import Foundation
import Testing

/// What ptxas does with PTX of every target, measured with several toolkits, against the PTX rules.
@Suite struct PTXMatrixTests {
  struct Matrices: Decodable {
    struct Matrix: Decodable {
      struct Row: Decodable {
        var target: String
        var compilesFor: [String]
      }
      var toolkit: String
      var architectures: [String]
      var rows: [Row]
    }
    var matrices: [Matrix]
  }

  /// PTX with the suffix `a` compiles for `sm_Na` but not for `sm_N` or `sm_Nf`. The rule asks about devices: one of
  /// compute capability N runs code of all three, so the PTX runs there, compiled as `sm_Na`.
  static func isOtherSpellingOfTheDevice(_ target: CodeTarget, _ sm: CodeTarget) -> Bool {
    target.suffix == .architectureSpecific && sm.number == target.number && sm.suffix != .architectureSpecific
  }

  @Test func theRulesAgreeWithPtxas() throws {
    let matrices = try JSONDecoder().decode(Matrices.self, from: Data(PackageResources.ptxMatrices_json))
    #expect(matrices.matrices.map(\.toolkit) == ["11.8.89", "12.8.93", "12.9.86", "13.5.37"])
    var disagreements: Set<String> = []
    var expected: Set<String> = []
    var cells = 0
    for matrix in matrices.matrices {
      for row in matrix.rows {
        let target = try #require(CodeTarget(row.target))
        let ptx = ImageSignature(DeviceImage(kind: .ptx, target: target))
        for architecture in matrix.architectures {
          let sm = try #require(CodeTarget(architecture))
          let runs = Rule.judge(ptx, on: Device(ComputeCapability(sm))).fit > .none
          cells += 1
          let cell = "\(matrix.toolkit): \(row.target) for \(architecture)"
          if runs != row.compilesFor.contains(architecture) { disagreements.insert(cell) }
          if Self.isOtherSpellingOfTheDevice(target, sm) { expected.insert(cell) }
        }
      }
    }
    #expect(cells == 16 * 16 + 21 * 21 + 30 * 30 + 26 * 26)
    #expect(disagreements == Self.explicit)
    #expect(disagreements == expected)
  }

  /// Every disagreement. The 13.5.37 matrix has family members that the others lack (sm_107 of 100f and 103f):
  /// their columns do not have it either, so nothing disagrees there.
  static let explicit: Set<String> = [
    "12.8.93: sm_90a for sm_90", "12.8.93: sm_100a for sm_100", "12.8.93: sm_101a for sm_101",
    "12.8.93: sm_120a for sm_120",
    "12.9.86: sm_90a for sm_90", "12.9.86: sm_100a for sm_100", "12.9.86: sm_100a for sm_100f",
    "12.9.86: sm_101a for sm_101", "12.9.86: sm_101a for sm_101f", "12.9.86: sm_103a for sm_103",
    "12.9.86: sm_103a for sm_103f", "12.9.86: sm_120a for sm_120", "12.9.86: sm_120a for sm_120f",
    "12.9.86: sm_121a for sm_121", "12.9.86: sm_121a for sm_121f",
    "13.5.37: sm_90a for sm_90", "13.5.37: sm_100a for sm_100", "13.5.37: sm_100a for sm_100f",
    "13.5.37: sm_103a for sm_103", "13.5.37: sm_103a for sm_103f", "13.5.37: sm_107a for sm_107",
    "13.5.37: sm_107a for sm_107f", "13.5.37: sm_110a for sm_110", "13.5.37: sm_110a for sm_110f",
    "13.5.37: sm_120a for sm_120", "13.5.37: sm_120a for sm_120f", "13.5.37: sm_121a for sm_121",
    "13.5.37: sm_121a for sm_121f",
  ]

  /// On a device, PTX runs when ptxas compiles it for any target of that device: no disagreement is left.
  @Test func byDeviceNothingDisagrees() throws {
    let matrices = try JSONDecoder().decode(Matrices.self, from: Data(PackageResources.ptxMatrices_json))
    for matrix in matrices.matrices {
      let devices = Set(try matrix.architectures.map { ComputeCapability(try #require(CodeTarget($0))) })
      for row in matrix.rows {
        let ptx = ImageSignature(DeviceImage(kind: .ptx, target: try #require(CodeTarget(row.target))))
        let compiled = Set(try row.compilesFor.map { ComputeCapability(try #require(CodeTarget($0))) })
        for device in devices {
          #expect(
            (Rule.judge(ptx, on: Device(device)).fit > .none) == compiled.contains(device),
            "\(matrix.toolkit): \(row.target) on \(device)")
        }
      }
    }
  }
}
