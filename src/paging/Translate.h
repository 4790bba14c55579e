//===- Translate.h - one address through the page tables ------------------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include <array>
#include <cassert>
#include <vector>

namespace vmpt {

/// One entry on the way from the root to a page.
struct TranslationStep {
  unsigned level;
  PhysAddr entryAddress;
  uint64_t entry;
};

/// The way from the root, at most an entry a level. No vector: a million
/// translations would spend a third of their time on it.
class TranslationSteps {
public:
  void push_back(const TranslationStep &step) { steps_[count_++] = step; }
  void pop_back() { --count_; }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const TranslationStep *begin() const { return steps_.data(); }
  const TranslationStep *end() const { return steps_.data() + count_; }
  /// Not if empty: what a direct window maps has no step.
  const TranslationStep &back() const {
    assert(count_ != 0);
    return steps_[count_ - 1];
  }
  const TranslationStep &operator[](size_t index) const {
    assert(index < count_);
    return steps_[index];
  }

private:
  std::array<TranslationStep, maxLevels> steps_;
  unsigned count_ = 0;
};

/// Where a virtual address leads, as the MMU would find it.
struct Translation {
  enum class Outcome : uint8_t {
    Mapped,
    NotPresent,  ///< The last step's entry is a hole.
    Reserved,    ///< The MMU takes the last step's entry for a fault.
    NotCovered,  ///< The root does not translate such addresses.
    TableAbsent, ///< `absent` names the entry that is not in the dump.
  };
  Outcome outcome = Outcome::NotPresent;
  PhysAddr address; ///< Mapped: the byte's physical address.
  /// Size of the page, or of what is not mapped: the naturally aligned piece
  /// around the address.
  uint64_t pageBytes = 0;
  AbsentByte absent = {}; ///< TableAbsent only.
  TranslationSteps steps;

  bool isMapped() const { return outcome == Outcome::Mapped; }
  /// By a direct window: no table has to do with it.
  bool isDirect() const { return isMapped() && steps.empty(); }
  /// What all entries on the way together allow; nothing if not mapped.
  PageRights rights(const PagingMode &mode) const {
    uint8_t denied = isDirect() ? uint8_t(UserRights) : uint8_t(0);
    for (const TranslationStep &step : steps)
      denied |= mode.deniedBy(step.entry, step.level);
    return isMapped() ? PageRights::without(denied) : PageRights();
  }
};

/// Addresses that mode.coverage leaves out are faults without any step.
Translation translate(const PhysicalMemory &memory, const PagingMode &mode,
                      PhysAddr root, VirtAddr address);

/// The same for many addresses of one root: the way to the last entry's table
/// is kept for those met last. For one thread.
class CachedTranslation {
public:
  /// Always of the same \p memory, \p mode and \p root. \p result is a new one;
  /// returned are the rights that the entries on the way take away.
  uint8_t translate(const PhysicalMemory &memory, const PagingMode &mode,
                    PhysAddr root, VirtAddr address, Translation &result);

private:
  struct Way {
    uint64_t tag = 0;   ///< 1 + the address bits above the table; 0: none.
    unsigned level = 0; ///< Of the table that the last entry is in.
    PhysAddr table;
    const uint8_t *view = nullptr; ///< Of the table, where memory has one.
    TranslationSteps steps;        ///< Up to the table.
    uint8_t denied = 0;            ///< By these.
  };
  static bool finish(const PhysicalMemory &memory, const PagingMode &mode,
                     const Way &way, VirtAddr address, Translation &result);

  std::vector<Way> ways_; ///< By the tag, modulo.
};

/// The entry of a table, zero-extended to 64 bits.
std::optional<AbsentByte> readEntry(const PhysicalMemory &memory,
                                    const PagingMode &mode, PhysAddr at,
                                    uint64_t &entry);

} // namespace vmpt
