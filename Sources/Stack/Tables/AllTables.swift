public import Compatibility

extension TableSet {
  /// The types of all tables that there are.
  public static let types: [any DataTable.Type] = [
    ArchitectureTable.self, ContainerTable.self, DriverTable.self, ErrorTable.self, GPUCatalogue.self,
    JetsonTable.self,
    LibraryTable.self, PyTorchTable.self, RuntimeTable.self, ToolkitTable.self,
  ]

  public var containers: ContainerTable { self[ContainerTable.self] }
  public var errors: ErrorTable { self[ErrorTable.self] }
  public var libraries: LibraryTable { self[LibraryTable.self] }
  public var pytorch: PyTorchTable { self[PyTorchTable.self] }
  public var runtime: RuntimeTable { self[RuntimeTable.self] }
}
