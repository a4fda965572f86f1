import Bytes
public import Compatibility

extension DetectedHost {
  /// Why a text that nvidia-smi is said to have written tells nothing.
  public enum TextFailure: Error, Hashable, Sendable {
    /// nvidia-smi itself could not say anything: its words.
    case failed(String)
    /// There is neither a GPU nor a driver in it.
    case nothing
  }

  /// What nvidia-smi has written, as people have it: its table, a list (`-L`), the full report (`-q`, also as XML), or the
  /// values of a query as CSV, with or without a header. Lines around it do not matter.
  ///
  /// Devices of MIG are parts of GPUs and no GPUs of their own.
  ///
  /// - Throws: ``TextFailure`` where it names neither a GPU nor a driver.
  public init(managementText bytes: [UInt8], tables: TableSet) throws(TextFailure) {
    self.init()
    let text = Self.decoded(bytes)
    let lines = text.split(maxSplits: Self.linesLimit, whereSeparator: \.isNewline)
      .prefix(Self.linesLimit).filter { $0.utf8.count <= Self.lineLimit }
    for line in lines {
      readVersions(in: line)
      if gpus.count < Self.gpuLimit, let gpu = Self.gpu(in: line) { gpus.append(gpu) }
    }
    if gpus.isEmpty { readValues(lines, tables) }
    guard gpus.isEmpty, driver == nil else { return }
    let failures = [
      "NVIDIA-SMI has failed", "Failed to initialize NVML", "No devices were found", "command not found",
      "couldn't communicate with the NVIDIA driver", "Unable to determine the device handle",
    ]
    if let line = lines.first(where: { line in failures.contains { line.contains($0) } }) {
      throw .failed(String(line[...].trimmingSpaces().prefix(200)))
    }
    throw .nothing
  }

  /// GPUs of one machine, and of what nvidia-smi prints of several in a row.
  private static let gpuLimit = 256
  /// Lines: a full report has a few hundred for each GPU.
  private static let linesLimit = 1 << 15
  /// Bytes of a line: many more than it ever writes in one.
  private static let lineLimit = 1 << 10

  /// The text, which the shell of Windows writes as UTF-16.
  private static func decoded(_ bytes: [UInt8]) -> String {
    guard bytes.starts(with: [0xFF, 0xFE]) else { return String(decoding: bytes, as: UTF8.self) }
    let units = stride(from: 2, to: bytes.count - 1, by: 2).map {
      UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
    }
    return String(decoding: units, as: UTF16.self)
  }

  // MARK: Versions

  /// Takes the versions of the driver and of CUDA where `line` states them: `Driver Version: 535.54.03`, in newer ones
  /// `KMD Version` and `CUDA UMD Version`, in XML `<driver_version>`.
  private mutating func readVersions(in line: Substring) {
    guard line.contains("ersion") else { return }
    if release == nil,
      let match = line.firstMatch(
        of: /(?:Driver Version|KMD Version|<driver_version>|<kmd_version>) *:? *([0-9][0-9.]*)/),
      DriverFiles.isRelease(match.1)
    {
      release = Fact(String(match.1), in: Path("nvidia-smi"), says: "driver \(match.1)")
    }
    if cuda == nil,
      let match = line.firstMatch(
        of: /(?:CUDA Version|CUDA UMD Version|<cuda_version>|<cuda_umd_version>) *:? *([0-9]+\.[0-9]+)/)
    {
      cuda = CUDAVersion(match.1)
    }
  }

  // MARK: GPUs

  private static func gpu(in line: Substring) -> GPU? {
    // Most lines are told by their first character.
    switch line.utf8.first(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) {
    case UInt8(ascii: "|"): tableRow(line)
    case UInt8(ascii: "G"): listed(line)
    case UInt8(ascii: "P"), UInt8(ascii: "<"): reported(line)
    default: nil
    }
  }

  /// The GPU in a row of the table, which cuts long names:
  /// `|   0  NVIDIA GeForce RTX 4070 ...    On  |   00000000:01:00.0  On |                  N/A |`.
  private static func tableRow(_ line: Substring) -> GPU? {
    let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingSpaces() }
    guard cells.count >= 4, cells[0].isEmpty else { return nil }
    // A row of a MIG device has numbers in the first cell, and the second row of a GPU no place on the bus.
    guard
      let name = cells[1].wholeMatch(
        of: /[0-9]+ +(?<name>[^ ].*?) +(?:On|Off|N.A|TCC|WDDM|MCDM|ERR!)/),
      cells[2].prefixMatch(of: /[0-9A-F]{4,8}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-9A-F]\s|N.A\s/) != nil,
      name.name.contains(where: \.isLetter)
    else { return nil }
    return GPU(tableName: name.name)
  }

  /// The GPU in a line of the list: `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-…)`.
  private static func listed(_ line: Substring) -> GPU? {
    line.trimmingSpaces().prefixMatch(of: /GPU [0-9]+: *(?<name>[^ ].*?) *\(UUID:/)
      .map { GPU(name: String($0.name)) }
  }

  /// The GPU in a line of the report: `Product Name : NVIDIA A100-SXM4-40GB`, or the same in XML.
  private static func reported(_ line: Substring) -> GPU? {
    let line = line.trimmingSpaces()
    return
      (line.wholeMatch(of: /Product Name *: *(?<name>[^ ].*)/)
      ?? line.wholeMatch(of: /<product_name>(?<name>.+)<.product_name>/)).map { GPU(name: String($0.name)) }
  }

  // MARK: Values of a query

  private enum Column: Hashable {
    case name, driver, computeCapability, pciID
  }

  /// Takes the values of a query as CSV. Without a header the columns are told by what is in them.
  private mutating func readValues(_ lines: [Substring], _ tables: TableSet) {
    var header: [Column?]?
    // One for each GPU, and what stands above them.
    for line in lines.prefix(2 * Self.gpuLimit) {
      let cells = line.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingSpaces() }
      let columns: [Column?] = cells.map {
        switch $0.lowercased() {
        case "name", "gpu_name": .name
        case "driver_version", "kmd_version": .driver
        case "compute_cap": .computeCapability
        case "pci.device_id": .pciID
        default: nil
        }
      }
      if columns.contains(where: { $0 != nil }) {
        header = columns
        continue
      }
      let values: [Column: String]
      if let header {
        guard cells.count == header.count else { continue }
        values = Dictionary(zip(header, cells).compactMap { column, cell in column.map { ($0, cell) } }) {
          $1
        }
      } else {
        values = Self.guessed(cells, tables)
      }
      if release == nil, let text = values[.driver], DriverFiles.isRelease(text) {
        release = Fact(text, in: Path("nvidia-smi"), says: "driver \(text)")
      }
      // What is not known is `[N/A]`.
      let name = values[.name].flatMap { $0.contains(where: \.isLetter) && !$0.hasPrefix("[") ? $0 : nil }
      let computeCapability = values[.computeCapability].flatMap { ComputeCapability($0) }
      guard gpus.count < Self.gpuLimit, name != nil || computeCapability != nil || values[.pciID] != nil
      else { continue }
      gpus.append(
        GPU(name: name, computeCapability: computeCapability, pciID: values[.pciID]))
    }
  }

  /// What the names of GPUs start with, as drivers print them.
  private static let brands = [
    "NVIDIA ", "GeForce ", "Tesla ", "Quadro ", "GRID ", "TITAN ", "NVS ", "Jetson ", "Orin ", "Xavier",
    "Thor",
  ]

  private static func guessed(_ cells: [String], _ tables: TableSet) -> [Column: String] {
    var values: [Column: String] = [:]
    for cell in cells {
      if values[.driver] == nil, DriverFiles.isRelease(cell) {
        values[.driver] = cell
      } else if values[.computeCapability] == nil, let capability = ComputeCapability(cell),
        tables.architectures[capability] != nil
      {
        values[.computeCapability] = cell
      } else if values[.name] == nil, brands.contains(where: cell.hasPrefix) {
        values[.name] = cell
      }
    }
    // A sentence with a number or the name of a GPU in it is no list of values.
    guard values[.name] != nil || values[.driver] != nil else { return [:] }
    return cells.count > 1 || values[.name] == cells.first ? values : [:]
  }
}

extension DetectedHost.GPU {
  /// The GPU of a name in the table of nvidia-smi, which ends in dots where it is cut.
  fileprivate init(tableName name: Substring) {
    self.init(name: name.hasSuffix("...") ? String(name.dropLast(3)) : String(name))
    isNameCut = name.hasSuffix("...")
  }
}

extension DetectedHost.TextFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .failed(let line): "nvidia-smi could not ask the driver: \"\(printable(line))\""
    case .nothing:
      "it names neither a GPU nor a driver: give what nvidia-smi, nvidia-smi -L or nvidia-smi -q prints"
    }
  }
}
