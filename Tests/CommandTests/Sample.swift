import FixtureSupport

extension TemporaryTree {
  /// Writes a shared library with a fat binary per list of targets, as `sm_80 compute_80`.
  @discardableResult
  func library(_ name: String, _ modules: String...) throws -> String {
    try write(
      ELFBuilder(
        fatBinaries: modules.map {
          FatBinaryBuilder(targets: $0.split(separator: " ").map { Target(String($0)) })
        }
      ).bytes, to: name)
  }
}
