import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Scan

/// `cubinspect scan`.
struct ScanCommand {
  private let paths: [Path]
  private let devices: [JudgedDevice]
  private let isQuestion: Bool
  private let requirements: [TargetRequirement]
  private let failLevel: FailLevel
  private let jobs: Int
  private let outputs: [Output]
  private let style: TextStyle

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    jobs = try arguments.jobs

    var driver: DriverVersion?
    if let value = arguments.value(of: .driver) {
      driver = DriverVersion(value.text)
      if driver == nil {
        throw arguments.invalid(
          .driver, value, "write a release (460.32.03), a branch (535) or a CUDA version (12.2)")
      }
    }
    let queries = arguments.values(of: .gpu)
    isQuestion = !queries.isEmpty
    if queries.isEmpty {
      devices = ComputeCapability.current.map {
        JudgedDevice(query: $0.description, device: Device($0, driver: driver))
      }
    } else {
      var devices: [JudgedDevice] = []
      for query in queries {
        do throws(GPUCatalogue.Failure) {
          let match = try GPUCatalogue.resolve(query.text)
          devices.append(JudgedDevice(query: query.text, device: match.device(driver: driver)))
        } catch {
          throw arguments.invalid(.gpu, query, error.description)
        }
      }
      self.devices = devices
    }

    if let value = arguments.value(of: .require) {
      do throws(TargetRequirement.Failure) {
        requirements = try TargetRequirement.list(value.text)
      } catch {
        throw arguments.invalid(.require, value, error.description)
      }
    } else {
      requirements = []
    }
    let level = arguments.value(of: .failOn).flatMap { FailLevel(rawValue: $0.text) }
    failLevel = level ?? (isQuestion ? .incompatible : .never)
  }

  func run() -> ExitStatus {
    let start = ContinuousClock.now
    var result = Scanner(jobs: jobs).scan(paths)
    // An overview says of most GPUs that a library does not run there, not which of its kernels.
    result.readKernels(on: devices.map(\.device), namesAll: isQuestion, jobs: jobs)
    let report = ScanReport(result, devices: devices, requirements: requirements, isQuestion: isQuestion)
    let elapsed = ContinuousClock.now - start
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let isWritten = outputs.write(
      style, text: { Array(report.text($0, seconds: seconds).utf8) }, json: { report.json(Cubinspect.tool) })
    if !outputs.showsTextOnTerminal {
      for problem in result.problems {
        Terminal.report("\(report.path(of: problem.place)): \(problem.problem.description)")
      }
    }
    if !isWritten { return .usage }
    if report.reaches(failLevel) || !report.meetsRequirements { return .finding }
    return result.problems.contains { $0.problem.isFailure } ? .usage : .success
  }
}
