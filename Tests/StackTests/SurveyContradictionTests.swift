import Bytes
import Compatibility
import DeviceCode
import Stack
import Testing

/// What was measured in wheels does not contradict the tables that were written by hand.
@Suite struct SurveyContradictionTests {
  private func wheels(_ name: String) throws -> [SurveyTable.Wheel] {
    let wheels = try SurveyTable.shipped.wheels(of: name)
    try #require(!wheels.isEmpty, "\(name)")
    return wheels
  }

  @Test func tritonHasTheCompilersOfTheTable() throws {
    var compared = 0
    for wheel in try wheels("triton") {
      guard
        let row = RuntimeTable.shipped.releases(of: "Triton").first(where: { $0.version == wheel.release })
      else { continue }
      let compilers = wheel.facts.stack.compilers
      let llvm = compilers.first { $0.kind == .llvm }?.targets.value ?? []
      #expect(Set(row.llvm).subtracting(llvm) == [], "Triton \(wheel.release)")
      #expect(Set(llvm.filter { $0.number >= 50 }).subtracting(row.llvm) == [], "Triton \(wheel.release)")
      for assembler in row.assemblers {
        let found = compilers.first { $0.path.lastComponent == Path(assembler.tool) }
        #expect(found?.cuda == assembler.toolkit, "\(assembler.tool) of Triton \(wheel.release)")
      }
      compared += 1
    }
    #expect(compared > 0)
  }

  /// torchvision and torchaudio pin the release of PyTorch that they belong to.
  @Test(arguments: ["torchvision", "torchaudio"]) func companionsBelongToTheirPyTorch(_ name: String) throws {
    let table = PyTorchTable.shipped
    var compared = 0
    for wheel in try wheels(name) {
      let required = wheel.facts.stack.environments.flatMap(\.distributions).flatMap(\.requires)
      guard let torch = required.first(where: { $0.name == "torch" })?.pin,
        let row = table.companions.first(where: { $0.torch == torch })
      else { continue }
      #expect((name == "torchvision" ? row.torchvision : row.torchaudio) == wheel.release, "PyTorch \(torch)")
      compared += 1
    }
    #expect(compared > 3)
  }

  /// A compiler in a wheel makes code for what the table of toolkits says of its release.
  @Test func compilersKnowTheTargetsOfTheirToolkit() throws {
    var compared = 0
    for name in SurveyTable.shipped.names {
      for wheel in try SurveyTable.shipped.wheels(of: name) {
        for compiler in wheel.facts.stack.compilers where [.ptxas, .nvrtc].contains(compiler.kind) {
          guard let cuda = compiler.cuda,
            let targets = ToolkitTable.shipped.targets(of: cuda, compiler: compiler.kind.rawValue)
          else { continue }
          let known = Set(targets.map(\.number)).filter { $0 >= 50 }
          let found = Set(compiler.targets.value.map(\.number)).filter { $0 >= 50 }
          #expect(found == known, "\(compiler.path) of \(wheel.file)")
          compared += 1
        }
      }
    }
    #expect(compared > 0)
  }

  /// Targets that a wheel carries are of compute capabilities that the tables know.
  @Test func everyMeasuredTargetIsKnown() throws {
    let known = Set(ArchitectureTable.shipped.rows.map(\.computeCapability.number))
    for name in SurveyTable.shipped.names {
      for wheel in try SurveyTable.shipped.wheels(of: name) {
        for file in wheel.facts.files {
          for target in file.unit.targets {
            #expect(
              known.contains(target.target.number), "\(target.targetName) in \(file.path) of \(wheel.file)")
          }
        }
      }
    }
  }
}
