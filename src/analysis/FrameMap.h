//===- FrameMap.h - what each frame of physical memory is -----------------===//
#pragma once

#include "analysis/ReverseMap.h"
#include "kernel/pages/PageFlags.h"

#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// Frames that follow each other and of which the same is known.
struct FrameRun {
  uint64_t first = 0, count = 0;
  /// Empty: its bytes are in the dump.
  std::optional<Absence> absence;
  PageFacts::State state = PageFacts::State::NoPage;
  uint64_t flags = 0; ///< As in /proc/kpageflags.

  uint64_t end() const { return first + count; }
  bool saysTheSameAs(const FrameRun &other) const {
    return absence == other.absence && state == other.state &&
           flags == other.flags;
  }
};

struct FrameMap {
  std::vector<FrameRun> runs; ///< Ascending; what none has is outside RAM.
  uint64_t absentPages = 0;   ///< Struct pages that are not in the dump.
  std::string absentReason;
  bool isCut = false; ///< There are more struct pages than the dump has room.
};

/// \p flags may be null: then only what the dump has of each frame is known.
FrameMap readFrameMap(const PhysicalMemory &memory, unsigned pageShift,
                      PageFlags *flags);

/// Frames that the processes map, in ranges of frames (both inclusive).
class FrameOwners {
public:
  static constexpr uint32_t shared = ~uint32_t(0);
  struct Run {
    uint64_t first = 0, last = 0;
    uint32_t owner = 0; ///< Its number, or `shared`.
    bool operator==(const Run &) const = default;
  };

  /// What one process maps, in any order; returned is how many frames.
  uint64_t add(uint32_t owner, std::vector<Run> runs);
  /// Ascending and disjoint. After this nothing is added.
  std::vector<Run> take();
  /// Of \p runs, as take() returns them: frames of the owner that others map,
  /// too. For each owner that was added, in that order.
  std::vector<uint64_t> countShared(llvm::ArrayRef<Run> runs) const;

private:
  std::vector<std::vector<Run>> byOwner_; ///< Merged.
};

} // namespace vmpt
