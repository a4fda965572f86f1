import Archives
import Bytes

extension FileBytes {
  /// Opens a file whose own device code is wanted.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened, and when it is an archive, whose files `scan` reads.
  static func single(_ path: Path) throws(Problem) -> FileBytes {
    let file = try FileBytes(path: path)
    let prefix = try file.bytes(at: 0, count: Int(min(file.size, 4)), "file")
    let isZip = ZipArchive.isZip(prefix: prefix[...])
    // What libarchive cannot make sense of is no tar.
    guard isZip || (try? TarArchive.isTar(file)) == true else { return file }
    throw Problem(
      .unsupported, Problem.path,
      observed: "\(isZip ? "a wheel or another zip archive" : "a tar"): cubinspect scan reads the files in it"
    )
  }
}
