import Archives
import Bytes

extension FileBytes {
  /// Opens a file whose own device code is wanted.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened, when it is an archive, whose files `scan` reads, and when it holds
  ///   other files or is not what its name says.
  static func single(_ path: Path) throws(Problem) -> FileBytes {
    let file = try FileBytes(path: path)
    let prefix = try file.bytes(at: 0, count: Int(min(file.size, UInt64(UnreadFile.prefixSize))), "file")
    guard prefix.first != 0x7F else { return file }
    // What libarchive cannot make sense of is no tar.
    let isTar = (try? TarArchive.isTar(file)) == true
    var isZip = ZipArchive.isZip(prefix: prefix[...])
    if !isZip, !isTar { isZip = try ZipArchive.endsAsZip(file) }
    let isImage = SquashFSArchive.start(prefix: prefix[...]) != nil || SIFImage.isSIF(prefix: prefix[...])
    guard isZip || isTar || isImage else {
      let unread = UnreadFile.problem(
        path.name, prefix: prefix[...], isNamed: true, limits: ArchiveLimits(),
        decompression: Budget(Int(clamping: ArchiveLimits().decompressedSize))
      ) {
        file
      }
      if let unread { throw unread }
      return file
    }
    throw Problem(
      .unsupported, Problem.path,
      observed:
        "\(isImage ? "a SquashFS or SIF image" : isZip ? "a wheel or another zip archive" : "a tar"): cubinspect scan reads the files in it"
    )
  }
}
