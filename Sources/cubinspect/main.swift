import Bytes
import DeviceCode
import ELFFile
for a in CommandLine.arguments.dropFirst() {
  let f = InspectedFile(try FileBytes(path: Path(a)))
  print(a, f.format, f.inventory.modules.count, f.inventory.images.count, f.problems.count, f.elf?.dynamic.needed.count ?? 0)
  var c: [String: Int] = [:]
  for i in f.inventory.images { c["\(f.inventory.modules[i.module].section) \(f.inventory.modules[i.module].place) \(i.targetName) \(i.compression)", default: 0] += 1 }
  for (k, v) in c.sorted(by: { $0.key < $1.key }) { print("   ", k, v) }
  for p in f.problems.prefix(5) { print("  !", p) }
  print("  wrapped", f.inventory.modules.count { $0.wrapperVersion != nil }, "prelinked", f.inventory.modules.map { $0.preLinked.count }.reduce(0, +))
}
