/// The images among which the driver chooses: one fat binary, one bare cubin, or one PTX text.
public struct Module: Hashable, Sendable {
  /// Where a module lies, which says who loads it.
  public enum Place: String, Hashable, Sendable {
    /// In `.nv_fatbin`, or registered through a wrapper: the CUDA runtime loads it by itself.
    case registered
    /// In `__nv_relfatbin`: relocatable device code, the device linker's input.
    case relocatable
    /// Anywhere else: the library's own code picks it and hands it to the driver.
    case embedded
    /// The file itself: a `.fatbin`, `.cubin` or `.ptx` file.
    case standalone
  }

  /// Counts from 0 within the file, in the order of the file.
  public var index: Int
  public var place: Place
  /// The section that holds it, `LOAD[n]` for a file without sections, empty for a standalone file.
  public var section: String
  /// The member of the static library that holds it.
  public var member: String?
  /// Where it starts: bytes from the start of the file; in an inflated section, of its inflated contents.
  public var offset: UInt64
  /// Bytes with all headers and padding.
  public var size: UInt64
  /// Its images, as indices into the file's images.
  public var images: Range<Int>
  /// The compressed section that holds it, where offsets count in its inflated contents.
  public var container: CompressedSection?
  /// The version of the wrapper that registers it: 1, or 2 for device-linked code; nil without a wrapper.
  public var wrapperVersion: UInt32?
  /// For device-linked code, the modules of relocatable code that were linked into it.
  public var preLinked: [Int]

  public init(
    index: Int = 0, place: Place = .registered, section: String = ".nv_fatbin", member: String? = nil,
    offset: UInt64 = 0, size: UInt64 = 0, images: Range<Int> = 0..<0,
    container: CompressedSection? = nil, wrapperVersion: UInt32? = nil,
    preLinked: [Int] = []
  ) {
    self.index = index
    self.place = place
    self.section = section
    self.member = member
    self.offset = offset
    self.size = size
    self.images = images
    self.container = container
    self.wrapperVersion = wrapperVersion
    self.preLinked = preLinked
  }
}

/// All device code of one file: its modules and their images.
public struct Inventory: Hashable, Sendable {
  public var modules: [Module]
  public var images: [DeviceImage]

  public init(modules: [Module] = [], images: [DeviceImage] = []) {
    self.modules = modules
    self.images = images
  }

  public subscript(module: Module) -> ArraySlice<DeviceImage> { images[module.images] }

  /// Adds the modules and images of another part of the same file, or of another file, behind these.
  public mutating func append(_ other: Inventory) {
    if modules.isEmpty, images.isEmpty {
      self = other
      return
    }
    let moduleCount = modules.count
    let imageCount = images.count
    for var module in other.modules {
      module.index += moduleCount
      module.images = module.images.lowerBound + imageCount..<module.images.upperBound + imageCount
      for part in module.preLinked.indices { module.preLinked[part] += moduleCount }
      modules.append(module)
    }
    for var image in other.images {
      image.index += imageCount
      image.module += moduleCount
      images.append(image)
    }
  }
}
