import Bytes
import CommandLineSyntax
import Compatibility
import Glibc
import Report
import Stack

/// `cubinspect check`, and `cubinspect` alone: what is here, on what is here.
struct CheckCommand {
  private let scan: ScanCommand

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let tables = try arguments.tables
    var inputs = try arguments.inputs
    var here = ScanReport.Here(origin: .arguments)
    if inputs.isEmpty {
      do throws(PythonEnvironment.NotFound) {
        let environment = try PythonEnvironment.current()
        inputs = environment.paths.map { .path($0) }
        here = ScanReport.Here(
          origin: .init(rawValue: environment.origin.rawValue) ?? .arguments, notes: environment.notes)
      } catch {
        throw UsageError(
          .other("\(error.text); cubinspect scan PATH looks at what you name"),
          commandPath: arguments.isCommandImplied ? [Cubinspect.tool.name] : arguments.commandPath)
      }
    }
    let container = ContainerSign(
      exists: { unsafe access($0, F_OK) == 0 }, contents: { try? readAll(Path($0), limit: 1 << 16) })
    here.container = container?.file

    var target = try JudgedFor(arguments, tables)
    if !target.namesDevices, !arguments.has(.host) {
      do throws(DetectedHost.Failure) {
        let host = try DriverProbe.host(by: tables)
        target.take(try host.devices(with: target.driver ?? host.driver, by: tables))
        here.notes.append("for this machine: \(target.summary)")
      } catch {
        here.notes += ["\(error)", "the table is for one GPU of each current generation"]
      }
      if let container {
        here.notes.append(
          "this is a container (\(container.file)): the driver comes from its host"
            + (target.namesDevices ? "" : ", with the GPUs that docker run --gpus all gives it"))
      }
    }
    scan = try ScanCommand(arguments, inputs: inputs, tables: tables, target: target, here: here)
  }

  func run() -> ExitStatus { scan.run() }
}
