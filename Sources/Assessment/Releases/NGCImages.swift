import Compatibility
import Stack

extension Assessor {
  /// The newest image in the tables of the kind that was scanned whose CUDA version is not newer than `cuda`; nil where none
  /// is, and for an image that is none of NGC.
  func ngcImage(for cuda: CUDAVersion) -> ContainerTable.NGCImage? {
    let table = tables.containers
    let row = table.ngcVariables.first { row in
      facts.images.contains { $0.environment[row.variable] != nil }
    }
    return row.flatMap { row in table.ngcImages.last { $0.image == row.image && $0.cuda <= cuda } }
  }
}
