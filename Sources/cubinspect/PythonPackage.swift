import Bytes
import Glibc

/// The folders of Python packages that pip installs this program beside, as far as the path of the program tells.
enum PythonPackage {
  /// The folders that may hold packages, likeliest first.
  static let folders: [String] = {
    guard let prefix else { return [] }
    // Of `pip install --target`, and of environments.
    return [prefix]
      + fileNames(in: "\(prefix)/lib").sorted().filter { $0.hasPrefix("python3") }.flatMap { python in
        ["site-packages", "dist-packages"].map { "\(prefix)/lib/\(python)/\($0)" }
      }
  }()

  /// The folder of the packages with the Python side of this program, and the Python that runs it; nil without one.
  static var fleet: (folder: String, python: String)? {
    guard let prefix,
      let folder = folders.first(where: { unsafe access("\($0)/cubinspect/fleet/pull.py", R_OK) == 0 })
    else { return nil }
    let own = "\(prefix)/bin/python3"
    return (folder, unsafe access(own, X_OK) == 0 ? own : "python3")
  }

  /// The folder above the `bin` that the program is in; nil where it cannot be told.
  private static let prefix: String? = {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
    }
    guard count > 0, count < buffer.count else { return nil }
    var parts = String(decoding: buffer[..<count], as: UTF8.self).split(
      separator: "/", omittingEmptySubsequences: false)
    guard parts.count > 2, parts.suffix(2).first == "bin" else { return nil }
    parts.removeLast(2)
    return parts.joined(separator: "/")
  }()
}
