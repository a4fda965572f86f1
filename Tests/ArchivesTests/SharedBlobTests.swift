import Archives
import Bytes
import FixtureSupport
import Foundation
import Testing

/// Layouts whose blobs are in a folder that several share.
@Suite struct SharedBlobTests {
  private static let layout = Fixtures.folder.appending(path: "archives/layout")

  /// The layout without its blobs, which are in `shared/sha256`; `kept` of them stay.
  private func split(_ tree: TemporaryTree, kept: Int = 0) throws {
    for name in ["index.json", "oci-layout"] {
      try tree.write(Array(try Data(contentsOf: Self.layout.appending(path: name))), to: "layout/" + name)
    }
    let blobs = Self.layout.appending(path: "blobs/sha256")
    for (place, name) in try FileManager.default.contentsOfDirectory(atPath: blobs.path).sorted().enumerated()
    {
      try tree.write(
        Array(try Data(contentsOf: blobs.appending(path: name))),
        to: (place < kept ? "layout/blobs/sha256/" : "shared/sha256/") + name)
    }
  }

  @Test(arguments: [0, 2]) func sharedBlobs(kept: Int) throws {
    let tree = try TemporaryTree()
    try split(tree, kept: kept)
    let own = try ImageArchive(folder: Path(Self.layout.path))
    let archive = try ImageArchive(folder: Path(tree("layout")), blobs: Path(tree("shared")))
    #expect(archive.problems == [])
    #expect(archive.images.map(\.digest) == own.images.map(\.digest))
    #expect(archive.images.first?.layers.map(\.digest) == own.images.first?.layers.map(\.digest))
    for layer in archive.images.first?.layers ?? [] { _ = try layer.tar() }
  }

  @Test func missingBlobs() throws {
    let tree = try TemporaryTree()
    try split(tree)
    try tree.directory("empty")
    for blobs in [nil, Path(tree("empty"))] {
      let archive = try ImageArchive(folder: Path(tree("layout")), blobs: blobs)
      #expect(archive.images.isEmpty)
      #expect(archive.problems.map(\.code) == [.notFound])
    }
    #expect(throws: Problem.self) {
      try ImageArchive(folder: Path(tree("layout")), blobs: Path(tree("nowhere")))
    }
  }

  /// What is there under a link is not read, in a shared folder either.
  @Test func linksAreNotFollowed() throws {
    let tree = try TemporaryTree()
    try split(tree)
    try tree.rename("shared/sha256", to: "elsewhere")
    try tree.symbolicLink("shared/sha256", to: "../elsewhere")
    let archive = try ImageArchive(folder: Path(tree("layout")), blobs: Path(tree("shared")))
    #expect(archive.images.isEmpty)
  }
}
