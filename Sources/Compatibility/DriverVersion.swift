public import DeviceCode

/// A driver, as far as somebody knows it: a release, a branch, or the CUDA version that nvidia-smi prints.
public enum DriverVersion: Hashable, Sendable {
  /// A release such as 460.32.03: its numbers, and as it was written.
  case release([Int], text: String)
  /// A branch such as 535, taken as its newest release.
  case branch(Int)
  /// A driver whose newest supported CUDA version this is.
  case cuda(CUDAVersion)

  /// Reads `460.32.03`, a branch (`535`, `R535`, `r535`) or a CUDA version (`12.2`, `CUDA 12.2`), each also as it stands in a
  /// table of nvidia-smi (`Driver Version: 460.32.03`); nil for anything else.
  ///
  /// A first number of three digits makes it a driver, a smaller one with exactly one dot a CUDA version: driver
  /// branches have had three digits since 2008 and CUDA versions two. A lone smaller number is refused.
  public init?(_ text: some StringProtocol) {
    if let first = text.first, "cCdDkK".contains(first) {
      guard
        let match = text.lowercased().wholeMatch(
          of: /(?<kind>cuda|driver|kmd)(?: ?(?:umd )?version)?[: ]*(?<value>r?[0-9][0-9.]*)/),
        let version = DriverVersion(match.value)
      else { return nil }
      let isCUDA = if case .cuda = version { true } else { false }
      guard isCUDA == (match.kind == "cuda") else { return nil }
      self = version
      return
    }
    let isBranchName = text.first == "R" || text.first == "r"
    let parts = (isBranchName ? text.dropFirst() : text[...])
      .split(separator: ".", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { decimal($0) }
    guard numbers.count == parts.count, let first = numbers.first else { return nil }
    switch (first >= 100, numbers.count) {
    case (true, 1): self = .branch(first)
    case (true, 2...4) where !isBranchName: self = .release(numbers, text: String(text))
    case (false, 2) where !isBranchName && first >= 1: self = .cuda(CUDAVersion(first, numbers[1]))
    default: return nil
    }
  }

  /// The numbers of the release, or the branch alone; nil for a CUDA version.
  package var numbers: [Int]? {
    switch self {
    case .release(let numbers, _): numbers
    case .branch(let number): [number]
    case .cuda: nil
    }
  }

  /// What the table has about the driver; nil before its first branch and past its last.
  private func row(_ table: DriverTable) -> DriverTable.Branch? {
    switch self {
    case .release(let numbers, _): return table.branch(of: numbers[0])
    case .branch(let number): return table.branch(of: number)
    case .cuda(let version):
      guard let last = table.branches.last, version <= last.maxCUDA else { return nil }
      return table.branches.first { $0.maxCUDA >= version }
    }
  }

  /// The number of its branch; for a CUDA version, of the first branch that supports it. Nil when the table does
  /// not have that CUDA version.
  public func branchNumber(by tables: TableSet) -> Int? {
    switch self {
    case .release(let numbers, _): numbers[0]
    case .branch(let number): number
    case .cuda: row(tables.drivers)?.branch
    }
  }

  /// Whether it is newer than everything in the table, so that what it adds is not known.
  func isNewer(than table: DriverTable) -> Bool {
    guard let last = table.branches.last else { return false }
    switch self {
    case .release(let numbers, _): return numbers[0] > last.branch
    case .branch(let number): return number > last.branch
    case .cuda(let version): return version > last.maxCUDA
    }
  }

  /// The newest CUDA version that it supports; nil when the table does not tell.
  public func maxCUDA(by tables: TableSet) -> CUDAVersion? {
    if case .cuda(let version) = self { return version }
    return row(tables.drivers)?.maxCUDA
  }

  /// Whether a document confirms ``maxCUDA(by:)``, or it is what was named.
  package func isCUDAConfirmed(by tables: TableSet) -> Bool {
    if case .cuda = self { return true }
    return row(tables.drivers)?.confirmed != false
  }

  /// For a sentence: `CUDA 12.4`, or `probably CUDA 7.5` where no document confirms it; nil when the table does not tell.
  package func statedCUDA(by tables: TableSet) -> String? {
    maxCUDA(by: tables).map { (isCUDAConfirmed(by: tables) ? "" : "probably ") + "CUDA \($0)" }
  }

  /// The newest PTX ISA version that it compiles; nil when the table does not tell.
  public func newestPTXISA(by tables: TableSet) -> PTXISAVersion? {
    let table = tables.drivers
    guard let maxCUDA = isNewer(than: table) ? tabulatedCUDA(table) : maxCUDA(by: tables) else { return nil }
    return table.newestPTXISA(for: maxCUDA)
  }

  /// For a CUDA version past the branches, that version when the PTX table has it.
  private func tabulatedCUDA(_ table: DriverTable) -> CUDAVersion? {
    guard case .cuda(let version) = self else { return nil }
    return table.ptxISA.contains { $0.cuda == version } ? version : nil
  }

  /// Whether it compiles PTX of a version; nil when the table does not tell. Drivers are backward compatible, so
  /// one newer than the table compiles at least what the newest branch in the table does.
  public func supports(_ isa: PTXISAVersion, by tables: TableSet) -> Bool? {
    if let newest = newestPTXISA(by: tables) { return isa <= newest }
    let table = tables.drivers
    guard isNewer(than: table), let last = table.branches.last,
      let known = table.newestPTXISA(for: last.maxCUDA), isa <= known
    else { return nil }
    return true
  }

  /// Whether it decompresses a format; nil when that cannot be told.
  public func supports(_ compression: ImageCompression, by tables: TableSet) -> Bool? {
    guard let row = tables.drivers.compression.first(where: { $0.compression == compression.rawValue })
    else { return true }
    return isAtLeast(row.minimumDriver, by: tables)
  }

  /// Whether its branch supports the GPU; nil when the table does not tell, and for Tegra, whose drivers are
  /// numbered differently.
  public func supports(_ computeCapability: ComputeCapability, by tables: TableSet) -> Bool? {
    guard let row = tables.architectures[computeCapability], let first = row.firstDriver,
      let branch = branchNumber(by: tables)
    else { return nil }
    guard branch >= first else { return false }
    if let last = row.lastDriver { return branch < (tables.drivers.next(after: last) ?? last + 1) }
    return isNewer(than: tables.drivers) ? nil : true
  }

  /// Whether it is `minimum` or newer, compared by release numbers where both are known, else by branch or CUDA
  /// version; nil when neither tells.
  public func isAtLeast(_ minimum: DriverVersion, by tables: TableSet) -> Bool? {
    switch (self, minimum) {
    case (.release(let own, _), .release(let other, _)): return !own.lexicographicallyPrecedes(other)
    case (.cuda(let own), _):
      return minimum.maxCUDA(by: tables).map { own >= $0 }
    case (_, .cuda(let other)):
      if let newest = maxCUDA(by: tables) { return newest >= other }
      guard let known = tables.drivers.branches.last?.maxCUDA, isNewer(than: tables.drivers), other <= known
      else { return nil }
      return true
    default:
      guard let own = branchNumber(by: tables), let other = minimum.branchNumber(by: tables) else {
        return nil
      }
      return own >= other
    }
  }
}

extension Sequence<DriverVersion> {
  /// The newest of them, as far as the tables can tell; nil where there is none.
  package func newest(by tables: TableSet) -> DriverVersion? {
    self.max { $0.isAtLeast($1, by: tables) == false }
  }
}

extension DriverTable {
  /// The branch that follows `branch` in the table.
  func next(after branch: Int) -> Int? { branches.first { $0.branch > branch }?.branch }
}

extension DriverVersion: CustomStringConvertible {
  /// `460.32.03`, `R535`, or `CUDA 12.2`.
  public var description: String {
    switch self {
    case .release(_, let text): text
    case .branch(let number): "R\(number)"
    case .cuda(let version): "CUDA \(version)"
    }
  }
}
