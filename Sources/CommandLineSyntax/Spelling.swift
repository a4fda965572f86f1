/// The members of `candidates` that `typed` may stand for, nearest first: one that it abbreviates, or one that is
/// at most a third of its letters away.
public func nearMatches(for typed: String, in candidates: [String], limit: Int = 3) -> [String] {
  guard !typed.isEmpty, typed.count <= 64 else { return [] }
  let wanted = typed.lowercased()
  let ranked = candidates.enumerated().compactMap { place, candidate -> (rank: Int, place: Int)? in
    let lowered = candidate.lowercased()
    if lowered.hasPrefix(wanted) { return (1, place) }
    let distance = editDistance(wanted, lowered)
    return distance <= max(1, wanted.count / 3) ? (distance, place) : nil
  }
  return ranked.sorted { ($0.rank, $0.place) < ($1.rank, $1.place) }.prefix(limit).map {
    candidates[$0.place]
  }
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour to turn one word into the
/// other (optimal string alignment distance).
func editDistance(_ left: String, _ right: String) -> Int {
  let left = Array(left)
  let right = Array(right)
  var beforePrevious: [Int] = []
  var previous = Array(0...right.count)
  for i in left.indices {
    var current = [i + 1]
    for j in right.indices {
      let substitution = previous[j] + (left[i] == right[j] ? 0 : 1)
      var best = min(previous[j + 1] + 1, current[j] + 1, substitution)
      if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
        best = min(best, beforePrevious[j - 1] + 1)
      }
      current.append(best)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.count]
}
