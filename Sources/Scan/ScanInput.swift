public import Bytes

/// What a scan starts at: a path, or something that is opened already or lies elsewhere than its name says.
public struct ScanInput: Sendable {
  public enum Place: Sendable {
    /// Its name is where it is.
    case path
    /// An open file, which may have no name.
    case file(FileBytes)
    /// A folder with an image, a folder that has blobs which are not in it, and what is known of layers.
    case image(folder: Path, blobs: Path?, layers: LayerStore? = nil)
  }

  /// What reports call it.
  public var name: Path
  public var place: Place

  public init(name: Path, place: Place = .path) {
    self.name = name
    self.place = place
  }
}
