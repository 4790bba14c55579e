#include "kernel/find/ModeByPointers.h"

#include "kernel/find/KernelArch.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace vmpt {

std::optional<PointedMode>
findModeByPointers(const KernelArch &arch, const RootQuery &query,
                   PhysAddr root, llvm::ArrayRef<ModeChoice> modes) {
  // Data and bss lie around the top table; images are larger, but not data.
  constexpr uint64_t before = 16 << 20, behind = 16 << 20, page = 4096;
  // Fewer may be chance.
  constexpr uint64_t fewest = 32;
  std::vector<DirectMapStarts> starts;
  for (const ModeChoice &mode : modes) {
    auto span = arch.directMapStarts ? arch.directMapStarts(query, mode.mode)
                                     : std::nullopt;
    if (!span)
      return std::nullopt;
    starts.push_back(*span);
  }
  std::vector<uint64_t> counts(modes.size());
  std::array<uint8_t, page> bytes;
  const uint64_t first = root.value - std::min(root.value, before);
  for (uint64_t at = first; at < root.value + behind; at += page) {
    if (query.memory.tryRead(PhysAddr(at), bytes))
      continue;
    for (uint64_t i = 0; i < page; i += sizeof(uint64_t)) {
      const uint64_t word =
          loadUnaligned<uint64_t>(bytes.data() + i, getTraits(arch.arch).order);
      for (size_t mode = 0; mode < starts.size(); ++mode)
        counts[mode] +=
            word >= starts[mode].first.value && word <= starts[mode].last.value;
    }
  }
  const auto best = std::max_element(counts.begin(), counts.end());
  const uint64_t others =
      std::accumulate(counts.begin(), counts.end(), uint64_t(0)) -
      (counts.empty() ? 0 : *best);
  if (counts.empty())
    return std::nullopt;
  if (*best < fewest || *best < others)
    return PointedMode{0, "a guess: pointers in the kernel's image do not tell",
                       true};
  return PointedMode{size_t(best - counts.begin()),
                     "that to whose direct map " + std::to_string(*best) +
                         " pointers in the kernel's image lead, and " +
                         std::to_string(others) + " to another's"};
}

} // namespace vmpt
