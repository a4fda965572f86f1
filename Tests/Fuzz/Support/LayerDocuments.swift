import Archives
import Bytes
import Compatibility
import Glibc
import Scan
import Stack

extension FuzzTarget {
  /// What the facts of a layer promise, and the image that has this one layer twice.
  static func layerDocumentViolations(_ bytes: [UInt8]) -> [String] {
    guard var facts = try? LayerDocument.read(MemoryBytes(bytes), by: .shipped) else { return [] }
    facts.digest = LayoutOfOneLayer.digest
    let written = document(facts)
    var found: [String] = []
    if (try? LayerDocument.read(MemoryBytes(written), by: .shipped)).map(document) != written {
      found.append("facts of a layer that change when they are written and read")
    }
    guard let layout = LayoutOfOneLayer(written) else { return found }
    defer { layout.remove() }
    guard let store = try? LayerStore(Path(layout.folder + "/layers"), by: .shipped) else {
      return found + ["no store"]
    }
    let input = ScanInput(
      name: Path("image"), place: .image(folder: Path(layout.folder), blobs: nil, layers: store))
    let image = Scanner(jobs: 1).scan([input]).facts(for: .everything, by: .shipped, jobs: 1)
    if image.views.map(\.kind) != [.image] { found.append("no image") }
    return found + judgementViolations(image, by: .shipped)
  }

  private static func document(_ facts: LayerFacts) -> [UInt8] {
    LayerDocument.write(facts, toolName: "cubinspect", toolVersion: "1.2.3", tables: TableSet.shipped.date)
  }
}

/// The folder of an image that has one layer twice, of which only the facts are there.
private struct LayoutOfOneLayer {
  static let digest = "sha256:" + String(repeating: "0", count: 64)

  let folder: String
  private var files: [String] = []

  /// - Parameter document: the facts of the layer.
  init?(_ document: [UInt8]) {
    var name = Array("/tmp/cubinspect-fuzz-XXXXXX".utf8CString)
    guard let path = unsafe mkdtemp(&name) else { return nil }
    folder = unsafe String(cString: path)
    for subfolder in Self.folders.dropFirst() { unsafe mkdir(folder + subfolder, 0o700) }
    guard let configuration = blob(#"{"os":"linux","architecture":"amd64"}"#),
      let manifest = blob(#"{"config":\#(configuration),"layers":[\#(Self.layer),\#(Self.layer)]}"#)
    else { return nil }
    write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: "/oci-layout")
    write(Array(#"{"manifests":[\#(manifest)]}"#.utf8), to: "/index.json")
    write(document, to: "/layers/sha256/\(Self.digest.dropFirst(7)).json")
  }

  private static let folders = ["", "/blobs", "/blobs/sha256", "/layers", "/layers/sha256"]
  private static let layer = #"{"digest":"\#(digest)","size":1}"#

  /// Writes a blob and returns its descriptor.
  private mutating func blob(_ text: String) -> String? {
    guard let digest = try? SHA256.digest(of: MemoryBytes(Array(text.utf8))) else { return nil }
    write(Array(text.utf8), to: "/blobs/sha256/\(hexadecimal(digest))")
    return #"{"digest":"sha256:\#(hexadecimal(digest))","size":\#(text.utf8.count)}"#
  }

  private mutating func write(_ bytes: [UInt8], to name: String) {
    files.append(name)
    let file = unsafe open(folder + name, O_WRONLY | O_CREAT, 0o600)
    guard file >= 0 else { return }
    _ = unsafe Glibc.write(file, bytes, bytes.count)
    close(file)
  }

  func remove() {
    for name in files { unsafe unlink(folder + name) }
    for subfolder in Self.folders.reversed() { unsafe rmdir(folder + subfolder) }
  }
}
