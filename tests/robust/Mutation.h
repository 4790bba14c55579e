//===- Mutation.h - damages that have a name ------------------------------===//
#pragma once

#include "DumpFile.h"

#include <iterator>

namespace vmpt::robust {

/// splitmix64: the same numbers from the same seed, everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  /// Below \p count, which is not 0.
  uint64_t below(uint64_t count) { return next() % count; }
  template <class Range> auto &pick(Range &range) {
    return range[below(std::size(range))];
  }

private:
  uint64_t state_;
};

/// Bytes of the file that mean something: a field, an entry, a page.
struct Target {
  uint64_t offset = 0, size = 0;
};

/// Damages \p target in one way that \p random chooses, and says which. \p
/// donors are targets whose bytes it may put there.
std::string mutate(DumpFile &file, const Target &target,
                   llvm::ArrayRef<Target> donors, Random &random);

struct FileDamage {
  std::string what;
  /// What lies in memory is another, and not only less.
  bool movesData = false;
};

/// Damages whole pages or the file: swaps, doubles, cuts, moves.
FileDamage mutateFile(DumpFile &file, llvm::ArrayRef<Target> pages,
                      Random &random);

} // namespace vmpt::robust
