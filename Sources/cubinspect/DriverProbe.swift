import Bytes
import Compatibility
import Glibc
import Stack

/// Asks this machine for its driver and its GPUs: the files that the kernel shows, and nvidia-smi where they leave
/// something open, as under WSL.
///
/// The driver's libraries are not loaded: a program that is linked statically cannot, and their C library may be newer.
enum DriverProbe {
  /// What the machine shows.
  ///
  /// - Throws: ``DetectedHost/Failure/noDriver(tried:)`` where nothing shows a driver.
  static func host(by tables: TableSet) throws(DetectedHost.Failure) -> DetectedHost {
    let files = DetectedHost(
      contents: { try? readAll(Path($0), limit: limit) }, names: fileNames, tables: tables)
    if files.isKnown(to: tables) { return files }
    var isInstalled = false
    if let answer = managementProgram(by: tables, &isInstalled) { return answer }
    guard files.driver != nil else {
      throw .noDriver(
        tried: [
          "\(DriverFiles.moduleVersion) does not exist",
          isInstalled ? "nvidia-smi does not answer" : "nvidia-smi is not installed",
        ])
    }
    return files
  }

  /// Bytes of a file that the kernel shows.
  private static let limit = 1 << 16

  // MARK: nvidia-smi

  /// Under WSL it is where no PATH leads in some distributions.
  private static let programs = ["nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"]
  /// It takes a second or two where no process keeps the driver awake, and never ends where a GPU has fallen off the bus.
  private static let timeLimit = Duration.seconds(10)

  /// The fields that it is asked for, the newer ones first: drivers before 510 do not know `compute_cap`.
  private static let queries = ["driver_version,compute_cap,name", "driver_version,name"]

  /// What nvidia-smi answers; nil where it names no driver or no GPU.
  private static func managementProgram(by tables: TableSet, _ isInstalled: inout Bool) -> DetectedHost? {
    let deadline = ContinuousClock.now + timeLimit
    for program in programs {
      for query in queries {
        let process = ChildProcess(
          program: program, arguments: ["--query-gpu=\(query)", "--format=csv"], deadline: deadline)
        do throws(ChildProcess.Failure) {
          let answer = try process.output(limit: limit)
          isInstalled = true
          guard let host = try? DetectedHost(managementText: answer, tables: tables) else { continue }
          if host.driver != nil, !host.gpus.isEmpty { return host }
        } catch {
          if case .notStarted = error { break }
          isInstalled = true
        }
      }
    }
    return nil
  }
}

/// The names in a folder; none where it cannot be read.
func fileNames(in folder: String) -> [String] {
  guard let directory = try? Directory(in: Folder(Path(folder))) else { return [] }
  var names: [String] = []
  while let entry = try? directory.next() { names.append(String(decoding: entry.name, as: UTF8.self)) }
  return names
}

/// The contents of a file of any kind: those of the kernel have no size, and pipes end somewhere.
///
/// - Throws: a ``Problem`` when it cannot be read, or is longer than `limit` bytes.
func readAll(_ path: Path, limit: Int) throws(Problem) -> [UInt8] {
  let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
  guard descriptor >= 0 else { throw Problem.opening(errno) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      throw Problem(.unreadable, "file", observed: errorText(errno))
    }
    if count == 0 { return bytes }
    guard bytes.count + count <= limit else {
      throw Problem(.limitExceeded, "file", observed: "more than \(limit) bytes")
    }
    bytes += buffer[..<count]
  }
}
