import Bytes

/// What dpkg's database says of one installed package.
struct DebianPackage {
  var name: String
  /// With epoch and revision: `12.4.5.8-1`.
  var version: String
  /// `var/lib/dpkg/status`, or a file of `status.d`.
  var path: Path

  /// The version of the software: without the epoch before a colon and without Debian's revision behind the last dash.
  static func upstream(_ version: String) -> String {
    let text = version.firstIndex(of: ":").map { version[version.index(after: $0)...] } ?? version[...]
    return String(text.lastIndex(of: "-").map { text[..<$0] } ?? text)
  }

  /// The packages in a file of paragraphs that are installed, each in its place.
  ///
  /// Without a line `Status` a package counts as installed: the files of `status.d`, which images without dpkg have,
  /// have none.
  static func packages(status bytes: [UInt8], at path: Path) -> [DebianPackage] {
    var packages: [DebianPackage] = []
    var (name, version, isInstalled) = ("", "", true)
    func finish() {
      if !name.isEmpty, !version.isEmpty, isInstalled {
        packages.append(DebianPackage(name: name, version: version, path: path))
      }
      (name, version, isInstalled) = ("", "", true)
    }
    func value(_ line: ArraySlice<UInt8>, _ field: String) -> String? {
      line.starts(with: field.utf8)
        ? String(decoding: line.dropFirst(field.utf8.count), as: UTF8.self)[...].trimmingSpaces() : nil
    }
    forEachLine(of: bytes) { line in
      switch line.first {
      case nil: finish()
      case UInt8(ascii: "P"): if let text = value(line, "Package:") { name = text }
      case UInt8(ascii: "V"): if let text = value(line, "Version:") { version = text }
      case UInt8(ascii: "S"):
        if let text = value(line, "Status:") { isInstalled = text.hasSuffix(" installed") }
      default: break
      }
    }
    finish()
    return packages
  }

  /// The name of the package that a list of files belongs to: `libc6` of `libc6:amd64.list` and of `libc6.md5sums`.
  static func name(ofList path: Path) -> String {
    var name = path.name
    for suffix in [".list", ".md5sums"] where name.hasSuffix(suffix) {
      name = name.dropLast(suffix.utf8.count)
    }
    return String(decoding: name.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
  }
}

/// Calls `body` with every line, without its end.
func forEachLine(of bytes: [UInt8], _ body: (ArraySlice<UInt8>) -> Void) {
  var start = 0
  while start < bytes.count {
    let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    var line = bytes[start..<end]
    if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
    body(line)
    start = end + 1
  }
}
