import Bytes
import CommandLineSyntax
import Compatibility
import Glibc
import Report
import Scan
import Stack

/// `cubinspect scan`.
struct ScanCommand {
  private let paths: [Path]
  private let devices: [JudgedDevice]
  private let isQuestion: Bool
  private let requirements: [TargetRequirement]
  private let images: [ImageConfiguration]
  private let failLevel: FailLevel
  private let scanner: Scanner
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    tool = arguments.tool
    scanner = try arguments.scanner
    isQuiet = arguments.isQuiet

    let queries = arguments.values(of: .gpu)
    isQuestion = !queries.isEmpty
    let driver = try Self.driver(arguments)
    if queries.isEmpty {
      devices = ComputeCapability.current.map {
        JudgedDevice(query: $0.description, device: Device($0, driver: driver))
      }
    } else {
      var devices: [JudgedDevice] = []
      for query in queries { devices += try Self.devices(query, driver, arguments) }
      self.devices = devices
    }
    images = try Self.images(arguments)

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

  /// The driver that `--driver` names, or that of this machine; nil without one.
  private static func driver(_ arguments: ParsedArguments) throws(UsageError) -> DriverVersion? {
    guard let value = arguments.value(of: .driver) else { return nil }
    if value.text == auto {
      do throws(DetectedHost.Failure) {
        return try DriverProbe.host().driver
      } catch {
        throw arguments.invalid(.driver, value, error.description)
      }
    }
    guard let driver = DriverVersion(value.text) else {
      throw arguments.invalid(
        .driver, value, "write a release (460.32.03), a branch (535), a CUDA version (12.2) or auto")
    }
    return driver
  }

  /// The GPUs that one `--gpu` names: those of this machine for `auto`, with its driver where none is named.
  private static func devices(
    _ query: Argument, _ driver: DriverVersion?, _ arguments: ParsedArguments
  ) throws(UsageError) -> [JudgedDevice] {
    guard query.text != auto else {
      do throws(DetectedHost.Failure) {
        return try DriverProbe.host().devices().map { device in
          var device = device
          device.driver = driver ?? device.driver
          return JudgedDevice(query: device.name ?? device.computeCapability.description, device: device)
        }
      } catch {
        throw arguments.invalid(.gpu, query, error.description)
      }
    }
    do throws(GPUCatalogue.Failure) {
      return [
        JudgedDevice(query: query.text, device: try GPUCatalogue.resolve(query.text).device(driver: driver))
      ]
    } catch {
      throw arguments.invalid(.gpu, query, error.description)
    }
  }

  private static let auto = "auto"

  private static func images(_ arguments: ParsedArguments) throws(UsageError) -> [ImageConfiguration] {
    var images: [ImageConfiguration] = []
    for file in arguments.values(of: .imageConfig) {
      do throws(Problem) {
        images += try ImageConfiguration.read(
          readAll(Path(bytes: file.bytes), limit: ImageConfiguration.sizeLimit))
      } catch {
        throw arguments.invalid(.imageConfig, file, error.description)
      }
    }
    return images
  }

  func run() -> ExitStatus {
    let start = ContinuousClock.now
    let (result, report) = ProgressLine.during(isQuiet: isQuiet) { progress in
      var scanner = scanner
      scanner.progress = progress
      var result = scanner.scan(paths)
      // An overview says of most GPUs that a library does not run there, not which of its kernels.
      result.readKernels(
        on: devices.map(\.device), namesAll: isQuestion, jobs: scanner.jobs, progress: progress)
      let facts = result.stackFacts(images: images)
      let report = ScanReport(
        result, devices: devices, requirements: requirements, isQuestion: isQuestion, facts: facts)
      return (result, report)
    }
    let elapsed = ContinuousClock.now - start
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let isWritten = outputs.write(
      style, text: { Array(report.text($0, seconds: seconds).utf8) }, json: { report.json(tool) })
    if !outputs.showsTextOnTerminal {
      for problem in result.problems {
        Terminal.report("\(report.path(of: problem.place)): \(problem.problem.description)")
      }
      // Who sees no text, but watches, is told that it is done and what was found.
      if !isQuiet, isatty(STDERR_FILENO) == 1 { Terminal.report(report.summary(seconds: seconds)) }
    }
    if !isWritten { return .usage }
    if report.reaches(failLevel) || !report.meetsRequirements { return .finding }
    return result.problems.contains { $0.problem.isFailure } ? .usage : .success
  }
}
