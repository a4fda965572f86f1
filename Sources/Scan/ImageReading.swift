public import Bytes
public import DeviceCode
import Synchronization

extension PayloadReader {
  /// Decompresses the payloads of `images` on `jobs` threads, calls `body` with every image and its bytes, and returns
  /// what it makes of each, in the order of `images`, which must ascend.
  ///
  /// Each thread holds one payload at a time. A payload that cannot be read is the problem of all its images.
  public func map<Value: Sendable>(
    _ images: some Sequence<Int>, of inventory: Inventory, jobs: Int, progress: ScanProgress? = nil,
    _ body: @Sendable (DeviceImage, ArraySlice<UInt8>) throws(Problem) -> Value
  ) -> [Result<Value, Problem>] {
    let images = Array(images)
    progress?.expect(images: images.count)
    let groups = inventory.payloads(of: images)
    // The largest first, so that no thread is left alone with one at the end, unless going back is what costs.
    let order =
      readsForward
      ? Array(groups.indices)
      : groups.indices.sorted { groups[$0].payload.size > groups[$1].payload.size }
    let next = Atomic(0)
    let results = Mutex([Result<Value, Problem>?](repeating: nil, count: images.count))
    inParallel(max(1, min(jobs, groups.count))) { _ in
      while true {
        let position = next.add(1, ordering: .relaxed).oldValue
        guard position < order.count else { return }
        let group = groups[order[position]]
        let values = read(group.payload, images: images[group.images], of: inventory, body)
        progress?.add(images: values.count, decompressedBytes: group.payload.size)
        results.withLock { results in
          for (index, value) in zip(group.images, values) { results[index] = value }
        }
      }
    }
    return results.withLock { $0 }.map { result in
      // Every group was worked off, and the groups hold all images.
      guard let result else { preconditionFailure("an image was left out") }
      return result
    }
  }

  private func read<Value>(
    _ payload: Payload, images: ArraySlice<Int>, of inventory: Inventory,
    _ body: (DeviceImage, ArraySlice<UInt8>) throws(Problem) -> Value
  ) -> [Result<Value, Problem>] {
    do throws(Problem) {
      let bytes = try self.bytes(of: payload)
      // Members do not overlap: a file in which many share their bytes must not cost the square of its size.
      var left = bytes.count
      return images.map { index in
        do throws(Problem) {
          let image = inventory.images[index]
          let part = try self.bytes(of: image, in: bytes)
          guard part.count <= left else { throw Problem(.overlap, "members", at: image.offset) }
          left -= part.count
          return .success(try body(image, part))
        } catch {
          return .failure(error)
        }
      }
    } catch {
      return images.map { _ in .failure(error) }
    }
  }
}

extension Inventory {
  /// The payloads that hold `images`, which ascend, each with the positions of its images in `images`.
  fileprivate func payloads(of images: [Int]) -> [(payload: Payload, images: Range<Int>)] {
    var result: [(payload: Payload, images: Range<Int>)] = []
    var position = 0
    for payload in payloads where position < images.count {
      let start = position
      while position < images.count, payload.images.contains(images[position]) { position += 1 }
      if position > start { result.append((payload, start..<position)) }
    }
    precondition(position == images.count, "the images must ascend and be in the inventory")
    return result
  }
}
