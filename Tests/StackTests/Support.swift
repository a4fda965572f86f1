import Compatibility
import Foundation
import Stack

/// What published images require, from `imageRequirements.json`.
struct PublishedImages: Decodable {
  struct Image: Decodable {
    var image: String
    var requirement: String

    /// Its CUDA version, by its tag: `12.8`.
    var cuda: String {
      image.split(separator: ":")[1].split(separator: ".").prefix(2).joined(separator: ".")
    }
  }

  var images: [Image]

  static let shared: PublishedImages = {
    guard
      let table = try? JSONDecoder().decode(Self.self, from: Data(PackageResources.imageRequirements_json))
    else { fatalError("imageRequirements.json does not decode") }
    return table
  }()
}
