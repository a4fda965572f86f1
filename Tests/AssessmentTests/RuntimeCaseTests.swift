import Assessment
import Bytes
import Compatibility
import FixtureSupport
import Foundation
import Stack
import StackFixtures
import Testing

/// What people saw of code made at run time, on stacks that are made as theirs were.
@Suite struct RuntimeCaseTests {
  struct Cases: Decodable {
    var cases: [Report]
  }

  struct Report: Decodable, Sendable, CustomTestStringConvertible {
    struct Stack: Decodable, Sendable {
      var triton: String?
      /// The version of PyTorch.
      var torch: String?
      /// The NVRTC that PyTorch brings along.
      var nvrtcOfTorch: String?
      /// Names with versions.
      var packages: [String]?
      /// Kinds with versions, in the wheels of NVIDIA's.
      var compilers: [String]?
      /// The nvcc of `CUDA_HOME` in an image.
      var nvcc: String?
      /// It is a whole system.
      var isSystem: Bool?
    }

    enum Outcome: String, Decodable, Sendable {
      case fails, warns, runs
    }

    var source: String
    var saw: String?
    var stack: Stack?
    var gpu: String?
    var driver: String?
    var outcome: Outcome?
    var notRebuilt: String?

    var testDescription: String { source }
  }

  static let reports: [Report] = {
    let bytes = Data(PackageResources.runtimeCases_json)
    do { return try JSONDecoder().decode(Cases.self, from: bytes).cases } catch { fatalError("\(error)") }
  }()

  private func tree(_ stack: Report.Stack) throws -> TreeBuilder {
    var tree = TreeBuilder()
    if let torch = stack.torch {
      let variant = torch.drop { $0 != "+" }.dropFirst(3)
      tree.torch(torch, cuda: "\(variant.dropLast()).\(variant.suffix(1))", in: "site/")
      if let nvrtc = stack.nvrtcOfTorch {
        tree.compiler("site/torch/lib/libnvrtc.so.\(nvrtc.prefix(2))", CompilerBuilder(nvrtc, .nvrtc))
      }
    }
    if let triton = stack.triton { tree.add(triton: triton) }
    for text in stack.packages ?? [] {
      let parts = text.split(separator: " ").map(String.init)
      tree.distribution(parts[0], parts[1], in: "site/")
    }
    for text in stack.compilers ?? [] {
      let parts = text.split(separator: " ").map(String.init)
      tree.add(try #require(RuntimeCompiler.Kind(rawValue: parts[0])), parts[1])
    }
    if stack.isSystem == true || stack.nvcc != nil {
      tree.links["etc/os-release"] = "../usr/lib/os-release"
      tree.images = [
        ImageConfiguration(environment: [
          "CUDA_HOME": "/usr/local/cuda", "PATH": "/usr/local/cuda/bin:/usr/bin",
        ])
      ]
    }
    if let nvcc = stack.nvcc { tree.compiler("usr/local/cuda/bin/nvcc", CompilerBuilder(nvcc, .nvcc)) }
    return tree
  }

  @Test(arguments: reports)
  func whatPeopleSaw(_ report: Report) throws {
    guard let stack = report.stack else {
      return #expect(report.notRebuilt?.isEmpty == false && report.outcome == nil)
    }
    let question = Case(
      facts: try tree(stack).facts(),
      devices: [try device(try #require(report.gpu), driver: report.driver)], files: [])
    let checks = question.checks().filter { $0.id == .runtimeCode }
    let expected: Check.Status =
      switch report.outcome {
      case .fails: .fail
      case .warns: .warn
      case .runs: .pass
      case nil: .unknown
      }
    #expect(checks.worst == expected, "\(report.saw ?? ""): \(checks.map(\.message))")
    if expected == .fail { #expect(question.answers != [.yes]) }
  }
}
