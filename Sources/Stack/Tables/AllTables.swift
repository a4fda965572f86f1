public import Compatibility

extension TableSet {
  /// All tables of the program.
  public static var shipped: TableSet {
    TableSet([
      ArchitectureTable.self, ContainerTable.self, DriverTable.self, GPUCatalogue.self, LibraryTable.self,
      PyTorchTable.self, RuntimeTable.self, ToolkitTable.self,
    ])
  }
}
