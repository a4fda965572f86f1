import Archives
import Testing

struct ArchiveLimitsTests {
  /// Every limit has one name, under which it alone is set.
  @Test(arguments: ArchiveLimits.Name.allCases)
  func names(name: ArchiveLimits.Name) {
    var limits = ArchiveLimits()
    limits[name] = 12345
    for other in ArchiveLimits.Name.allCases {
      #expect(limits[other] == (other == name ? 12345 : ArchiveLimits()[other]), "\(other)")
    }
    #expect(limits != ArchiveLimits())
  }

  /// No limit is forgotten, and each is its own.
  @Test func namesAreComplete() {
    var limits = ArchiveLimits()
    for (index, name) in ArchiveLimits.Name.allCases.enumerated() { limits[name] = UInt64(index) }
    #expect(Mirror(reflecting: limits).children.count == ArchiveLimits.Name.allCases.count)
    #expect(limits.zipMembers == 0)
    #expect(limits.tarMembers == 1)
    #expect(limits.pathLength == 2)
    #expect(limits.memberSize == 3)
    #expect(limits.streamSize == 4)
    #expect(limits.imageSize == 5)
    #expect(limits.nodes == 6)
  }
}
