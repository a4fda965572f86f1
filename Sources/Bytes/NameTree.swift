/// Folders by their names, one inside the other. A step from one to the next costs the length of its name, however deep
/// it is.
public struct NameTree: Sendable {
  private struct Edge: Hashable, Sendable {
    var folder: Int
    var name: ArraySlice<UInt8>

    /// All bytes at once: a slice would be hashed byte by byte.
    func hash(into hasher: inout Hasher) {
      hasher.combine(folder)
      unsafe name.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
  }

  private struct Node: Sendable {
    var parent: Int
    var name: ArraySlice<UInt8>
    /// Bytes of the path from the root.
    var length: Int
  }

  private var edges: [Edge: Int] = [:]
  private var nodes = [Node(parent: 0, name: [], length: 0)]

  public static let root = 0

  public init() {}

  /// What is called `name` in a folder; nil where nothing is.
  public func child(_ name: ArraySlice<UInt8>, of folder: Int) -> Int? {
    edges[Edge(folder: folder, name: name)]
  }

  /// The folder that a folder is in; of the root the root.
  public func parent(of folder: Int) -> Int { nodes[folder].parent }

  /// Bytes of the path of a folder from the root.
  public func pathLength(of folder: Int) -> Int { nodes[folder].length }

  /// The names on the way from the root to a folder.
  public func names(to folder: Int) -> [ArraySlice<UInt8>] {
    var names: [ArraySlice<UInt8>] = []
    var folder = folder
    while folder != Self.root {
      names.append(nodes[folder].name)
      folder = nodes[folder].parent
    }
    return names.reversed()
  }

  /// The place of a path, `names` from the root, which is made where it is missing.
  public mutating func insert(_ names: some Sequence<ArraySlice<UInt8>>) -> Int {
    var folder = Self.root
    for name in names {
      let edge = Edge(folder: folder, name: name)
      if let child = edges[edge] {
        folder = child
      } else {
        nodes.append(Node(parent: folder, name: name, length: nodes[folder].length + 1 + name.count))
        folder = nodes.count - 1
        edges[edge] = folder
      }
    }
    return folder
  }
}
