import Assessment
import Bytes
import CommandLineSyntax
import Compatibility
import Stack

/// The GPUs and the driver that a command line asks about: `--gpu`, `--driver` and `--host`.
struct JudgedFor {
  private(set) var devices: [RequestedDevice] = []
  private(set) var driver: DriverVersion?

  /// Whether somebody asks about certain GPUs.
  var namesDevices: Bool { !devices.isEmpty }

  init(_ arguments: ParsedArguments, _ tables: TableSet) throws(UsageError) {
    let host = try Self.host(tables, arguments)
    // What is typed wins over what a variable or a file says.
    func values(of flag: Flag) -> [Argument] {
      arguments.isTyped(.host) && !arguments.isTyped(flag) ? [] : arguments.values(of: flag)
    }
    driver = try Self.driver(values(of: .driver).last, tables, arguments) ?? host?.driver
    let queries = values(of: .gpu)
    for query in queries {
      let names = GPUCatalogue.queries(in: query.text)
      guard !names.isEmpty else { throw arguments.invalid(.gpu, query, "name a GPU, such as A100") }
      for name in names { try add(Argument(name), tables, arguments) }
    }
    if queries.isEmpty, let host, let value = arguments.value(of: .host) {
      do throws(DetectedHost.Failure) {
        take(try host.devices(with: driver, by: tables))
      } catch {
        throw arguments.invalid(.host, value, error.description)
      }
    }
  }

  /// The devices to judge for: one of each current generation where none is named.
  func requested(by tables: TableSet) -> [RequestedDevice] {
    guard devices.isEmpty else { return devices }
    return tables.architectures.current.map {
      RequestedDevice(query: $0.description, device: Device($0, driver: driver))
    }
  }

  /// Adds the GPUs of a machine. Several that are alike are one.
  mutating func take(_ found: [Device]) {
    for device in found {
      add(
        RequestedDevice(
          query: device.name ?? device.commonName ?? device.computeCapability.description, device: device))
    }
    gpuCount += found.count
  }

  private var gpuCount = 0

  /// How many GPUs of which kind, and their driver: `2 GPUs (A100-SXM4-80GB) with driver 535.54.03`.
  var summary: String {
    let names = devices.map(\.device.label).joined(separator: ", ")
    let driver = devices.first?.device.driver.map { " with driver \($0)" } ?? ""
    return (gpuCount > devices.count ? "\(gpuCount) GPUs (\(names))" : names) + driver
  }

  private mutating func add(_ device: RequestedDevice) {
    if !devices.contains(device) { devices.append(device) }
  }

  /// Adds the GPUs that one name means: those of this machine for `auto`, with its driver where none is named.
  private mutating func add(
    _ query: Argument, _ tables: TableSet, _ arguments: ParsedArguments
  ) throws(UsageError) {
    guard query.text != Self.auto else {
      do throws(DetectedHost.Failure) {
        let host = try DriverProbe.host(by: tables)
        return take(try host.devices(with: driver ?? host.driver, by: tables))
      } catch {
        throw arguments.invalid(.gpu, query, error.description)
      }
    }
    guard !query.text.contains("NVIDIA-SMI") else {
      throw arguments.invalid(
        .gpu, Argument("nvidia-smi"),
        "what nvidia-smi prints is read by: nvidia-smi | cubinspect scan PATH --host -")
    }
    do throws(GPUCatalogue.Failure) {
      for match in try GPUCatalogue.resolveAll(query.text, in: tables) {
        add(RequestedDevice(query: query.text, device: match.device(driver: driver, tables: tables)))
      }
    } catch {
      throw arguments.invalid(.gpu, query, error.description(by: tables))
    }
  }

  /// The driver that `--driver` names, or that of this machine; nil without one.
  private static func driver(_ value: Argument?, _ tables: TableSet, _ arguments: ParsedArguments)
    throws(UsageError) -> DriverVersion?
  {
    guard let value else { return nil }
    if value.text == auto {
      do throws(DetectedHost.Failure) {
        return try DriverProbe.host(by: tables).driver
      } catch {
        throw arguments.invalid(.driver, value, error.description)
      }
    }
    guard let driver = DriverVersion(value.text) else {
      throw arguments.invalid(
        .driver, value,
        "write a release (460.32.03), a branch (535), a CUDA version (12.2 or \"CUDA 12.2\") or auto")
    }
    return driver
  }

  /// What `--host` says of a machine; nil without it.
  private static func host(_ tables: TableSet, _ arguments: ParsedArguments) throws(UsageError)
    -> DetectedHost?
  {
    guard let value = arguments.value(of: .host) else { return nil }
    let text: [UInt8]
    do throws(Problem) {
      text = try readAll(value.text == "-" ? Path("/dev/stdin") : Path(bytes: value.bytes), limit: hostLimit)
    } catch {
      throw arguments.invalid(.host, value, error.description)
    }
    do throws(DetectedHost.TextFailure) {
      return try DetectedHost(managementText: text, tables: tables)
    } catch {
      throw arguments.invalid(.host, value, error.description)
    }
  }

  /// Bytes of what nvidia-smi prints: a full report of a hundred GPUs.
  private static let hostLimit = 2 << 20
  private static let auto = "auto"
}
