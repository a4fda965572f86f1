import CZlib

/// A SquashFS image of version 4.0, its blocks stored or compressed with gzip.
///
/// Files are written in blocks of 4 KiB, and their ends share blocks.
public struct SquashFSBuilder {
  private final class Node {
    enum Kind {
      case directory
      case file([UInt8])
      case symbolicLink([UInt8])
      /// A device, a FIFO or a socket, with the number of its type.
      case other(UInt16)
    }

    let kind: Kind
    var names: [(name: [UInt8], node: Node)] = []
    var links: UInt32 = 1
    var number: UInt32 = 0
    var place: Place?

    init(_ kind: Kind) { self.kind = kind }
  }

  /// A place in a run of metadata blocks.
  private struct Place {
    var block: UInt32
    var offset: UInt16
  }

  /// Where the tables of an image are, for those who damage it.
  public struct Tables {
    public var inodes = 0
    public var directories = 0
    public var fragments = 0
    public var identifiers = 0
  }

  public static let blockSize = 4096
  private let isCompressed: Bool
  private let root = Node(.directory)
  public private(set) var tables = Tables()

  /// - Parameter isCompressed: whether blocks are compressed with gzip.
  public init(isCompressed: Bool = false) { self.isCompressed = isCompressed }

  public func add(_ contents: [UInt8], to path: String) { insert(Node(.file(contents)), path) }

  public func symbolicLink(_ path: String, to target: String) {
    insert(Node(.symbolicLink(Array(target.utf8))), path)
  }

  public func directory(_ path: String) { insert(Node(.directory), path) }

  /// One more name for what is at `target`: folders are taken as well, which no file system has.
  public func hardLink(_ path: String, to target: String) {
    guard let node = node(target) else { return }
    node.links += 1
    insert(node, path)
  }

  /// A block device (4), a character device (5), a FIFO (6) or a socket (7).
  public func other(_ path: String, type: UInt16) { insert(Node(.other(type)), path) }

  /// An entry with a name that no file has.
  public func add(_ contents: [UInt8], named name: [UInt8]) {
    root.names.append((name, Node(.file(contents))))
  }

  private func node(_ path: String) -> Node? {
    path.utf8.split(separator: UInt8(ascii: "/")).reduce(Optional(root)) { node, name in
      node?.names.first { $0.name.elementsEqual(name) }?.node
    }
  }

  private func insert(_ node: Node, _ path: String) {
    var names = path.utf8.split(separator: UInt8(ascii: "/")).map(Array.init)
    let name = names.removeLast()
    var folder = root
    for name in names {
      if let next = folder.names.first(where: { $0.name == name })?.node {
        folder = next
      } else {
        let next = Node(.directory)
        folder.names.append((name, next))
        folder = next
      }
    }
    folder.names.append((name, node))
  }

  /// The image.
  public mutating func bytes() -> [UInt8] {
    var image = [UInt8](repeating: 0, count: 96)
    var inodes = Metadata(isCompressed)
    var directories = Metadata(isCompressed)
    var fragments: [(offset: UInt64, size: UInt32)] = []
    var fragment: [UInt8] = []
    var number: UInt32 = 0

    func store(_ block: [UInt8]) -> UInt32 {
      let packed = isCompressed ? Self.compressed(block) : block
      let isSmaller = packed.count < block.count
      image += isSmaller ? packed : block
      return isSmaller ? UInt32(packed.count) : UInt32(block.count) | 1 << 24
    }
    func endFragment() {
      guard !fragment.isEmpty else { return }
      let offset = UInt64(image.count)
      fragments.append((offset, store(fragment)))
      fragment = []
    }
    func common(_ type: UInt16, _ node: Node) -> [UInt8] {
      var bytes: [UInt8] = []
      for value in [type, 0o755, 0, 0] { bytes.append(littleEndian: value) }
      bytes.append(littleEndian: UInt32(0))
      bytes.append(littleEndian: node.number)
      return bytes
    }

    func write(_ node: Node) -> Place {
      if let place = node.place { return place }
      number += 1
      node.number = number
      // A folder that is inside of itself.
      if case .directory = node.kind { node.place = Place(block: 0, offset: 0) }
      var inode: [UInt8]
      switch node.kind {
      case .file(let contents):
        var sizes: [UInt32] = []
        let start = image.count
        let whole = contents.count / Self.blockSize * Self.blockSize
        for first in stride(from: 0, to: whole, by: Self.blockSize) {
          let block = Array(contents[first..<first + Self.blockSize])
          sizes.append(block.allSatisfy { $0 == 0 } ? 0 : store(block))
        }
        let end = Array(contents[whole...])
        if fragment.count + end.count > Self.blockSize { endFragment() }
        inode = common(2, node)
        inode.append(littleEndian: UInt32(start))
        inode.append(littleEndian: end.isEmpty ? .max : UInt32(fragments.count))
        inode.append(littleEndian: UInt32(fragment.count))
        inode.append(littleEndian: UInt32(contents.count))
        for size in sizes { inode.append(littleEndian: size) }
        fragment += end
      case .symbolicLink(let target):
        inode = common(3, node)
        inode.append(littleEndian: node.links)
        inode.append(littleEndian: UInt32(target.count))
        inode += target
      case .other(let type):
        inode = common(type, node)
        inode.append(littleEndian: node.links)
        if type < 6 { inode.append(littleEndian: UInt32(0x0103)) }
      case .directory:
        let names = node.names.sorted { $0.name.lexicographicallyPrecedes($1.name) }
          .map { (name: $0.name, node: $0.node, place: write($0.node)) }
        let place = directories.place
        var size = 0
        var index = 0
        while index < names.count {
          // Those whose inodes are in one block, and have numbers that are near.
          let first = names[index]
          let run = names[index...].prefix(256).prefix { entry in
            entry.place.block == first.place.block
              && abs(Int(entry.node.number) - Int(first.node.number)) < 0x7000
          }
          var list: [UInt8] = []
          list.append(littleEndian: UInt32(run.count - 1))
          list.append(littleEndian: first.place.block)
          list.append(littleEndian: first.node.number)
          for entry in run {
            list.append(littleEndian: entry.place.offset)
            list.append(littleEndian: Int16(Int(entry.node.number) - Int(first.node.number)))
            list.append(littleEndian: UInt16(1))
            list.append(littleEndian: UInt16(entry.name.count - 1))
            list += entry.name
          }
          directories.append(list)
          size += list.count
          index += run.count
        }
        inode = common(8, node)
        inode.append(littleEndian: node.links)
        inode.append(littleEndian: UInt32(size + 3))
        inode.append(littleEndian: place.block)
        inode.append(littleEndian: UInt32(0))
        inode.append(littleEndian: UInt16(0))
        inode.append(littleEndian: place.offset)
        inode.append(littleEndian: UInt32.max)
      }
      let place = inodes.place
      node.place = place
      inodes.append(inode)
      return place
    }

    let place = write(root)
    endFragment()
    tables.inodes = image.count
    image += inodes.end()
    tables.directories = image.count
    image += directories.end()
    if !fragments.isEmpty {
      var table: [UInt8] = []
      for fragment in fragments {
        table.append(littleEndian: fragment.offset)
        table.append(littleEndian: fragment.size)
        table.append(littleEndian: UInt32(0))
      }
      tables.fragments = appendTable(table, to: &image)
    }
    tables.identifiers = appendTable([0, 0, 0, 0], to: &image)

    image.replaceSubrange(0..<4, with: "hsqs".utf8)
    image.put(number, at: 4)
    image.put(UInt32(Self.blockSize), at: 12)
    image.put(UInt32(fragments.count), at: 16)
    image.put(UInt16(1), at: 20)
    image.put(UInt16(12), at: 22)
    image.put(UInt16(fragments.isEmpty ? 0x0210 : 0x0200), at: 24)
    image.put(UInt16(1), at: 26)
    image.put(UInt16(4), at: 28)
    image.put(UInt64(place.block) << 16 | UInt64(place.offset), at: 32)
    image.put(UInt64(image.count), at: 40)
    image.put(UInt64(tables.identifiers), at: 48)
    image.put(UInt64.max, at: 56)
    image.put(UInt64(tables.inodes), at: 64)
    image.put(UInt64(tables.directories), at: 72)
    image.put(fragments.isEmpty ? UInt64.max : UInt64(tables.fragments), at: 80)
    image.put(UInt64.max, at: 88)
    return image
  }

  /// Appends a table in metadata blocks, and the list of them; returns where the list is.
  private func appendTable(_ table: [UInt8], to image: inout [UInt8]) -> Int {
    var places: [UInt64] = []
    for start in stride(from: 0, to: table.count, by: Metadata.size) {
      places.append(UInt64(image.count))
      image += Metadata.block(Array(table[start..<min(table.count, start + Metadata.size)]), isCompressed)
    }
    let list = image.count
    for place in places { image.append(littleEndian: place) }
    return list
  }

  /// A run of metadata blocks.
  private struct Metadata {
    static let size = 8192
    private let isCompressed: Bool
    private var blocks: [UInt8] = []
    private var current: [UInt8] = []

    init(_ isCompressed: Bool) { self.isCompressed = isCompressed }

    var place: Place { Place(block: UInt32(blocks.count), offset: UInt16(current.count)) }

    mutating func append(_ bytes: [UInt8]) {
      current += bytes
      while current.count >= Self.size {
        blocks += Self.block(Array(current[..<Self.size]), isCompressed)
        current.removeSubrange(..<Self.size)
      }
    }

    mutating func end() -> [UInt8] { blocks + (current.isEmpty ? [] : Self.block(current, isCompressed)) }

    static func block(_ bytes: [UInt8], _ isCompressed: Bool) -> [UInt8] {
      let packed = isCompressed ? SquashFSBuilder.compressed(bytes) : bytes
      let isSmaller = packed.count < bytes.count
      var block: [UInt8] = []
      block.append(littleEndian: UInt16(isSmaller ? packed.count : bytes.count | 0x8000))
      return block + (isSmaller ? packed : bytes)
    }
  }

  private static func compressed(_ bytes: [UInt8]) -> [UInt8] {
    var count = compressBound(uLong(bytes.count))
    var packed = [UInt8](repeating: 0, count: Int(count))
    guard unsafe compress2(&packed, &count, bytes, uLong(bytes.count), 9) == Z_OK else { return bytes }
    return Array(packed[..<Int(count)])
  }
}

/// An image of Singularity: partitions and other data behind descriptors.
public struct SIFBuilder {
  /// What a descriptor says of its data.
  public struct Part {
    public var data: [UInt8]
    public var type: UInt32
    public var fileSystem: UInt32
    public var purpose: UInt32
    public var architecture: String

    /// The partition that is run, unless other numbers are given (apptainer/sif, pkg/sif).
    public init(
      _ data: [UInt8], type: UInt32 = 0x4004, fileSystem: UInt32 = 1, purpose: UInt32 = 2,
      architecture: String = "02"
    ) {
      self.data = data
      self.type = type
      self.fileSystem = fileSystem
      self.purpose = purpose
      self.architecture = architecture
    }
  }

  public var parts: [Part]

  public init(_ parts: Part...) { self.parts = parts }

  public var bytes: [UInt8] {
    var image = [UInt8](repeating: 0, count: 4096)
    // Room for more, as the tools leave it.
    let room = 48
    var data = 4096 + room * 585
    image += [UInt8](repeating: 0, count: room * 585)
    for (index, part) in parts.enumerated() {
      image.pad(to: 4096)
      data = image.count
      image += part.data
      let place = 4096 + index * 585
      image.put(part.type, at: place)
      image[place + 4] = 1
      image.put(UInt32(index + 1), at: place + 5)
      image.put(UInt64(data), at: place + 17)
      image.put(UInt64(part.data.count), at: place + 25)
      image.put(part.fileSystem, at: place + 201)
      image.put(part.purpose, at: place + 205)
      image.replaceSubrange(place + 209..<place + 211, with: part.architecture.utf8)
    }
    let script = Array("#!/usr/bin/env run-singularity\n".utf8)
    image.replaceSubrange(0..<script.count, with: script)
    image.replaceSubrange(32..<41, with: "SIF_MAGIC".utf8)
    image.replaceSubrange(42..<44, with: "01".utf8)
    image.replaceSubrange(45..<47, with: (parts.first?.architecture ?? "00").utf8)
    image.put(UInt64(room), at: 88)
    image.put(UInt64(4096), at: 96)
    return image
  }
}
