//===- MapTables.h - page tables, packed for the page of `vmpt map` -------===//
//
// docs/map.md has the format. An entry is a style (all of its bits but the
// address, with what they mean) and an address. So the page decodes nothing:
// what entries mean is said here, by the mode and the kernel's wording.
//
#pragma once

#include "analysis/MachineMap.h"
#include "listing/Plan.h"
#include "output/Packed.h"
#include "output/Record.h"

#include <map>

namespace vmpt {

class MapTables {
public:
  /// The rest of the tables is left out behind so many packed bytes, which is
  /// more than a browser likes to unpack.
  static constexpr size_t maxBytes = size_t(96) << 20;
  static constexpr size_t maxStyles = 4096;

  /// \p plan has the wording; both outlive the object.
  MapTables(const ListingPlan &plan, const NonPresentRules &rules)
      : plan_(plan), rules_(rules) {}

  /// All tables of a mode, which is the next number.
  void add(const PhysicalMemory &memory, const PagingMode &mode,
           llvm::ArrayRef<PhysAddr> roots);

  /// {"unit_shift", "tables", "styles"}
  Record describe() const;
  /// Headers of the tables, and behind them their entries.
  PackedBytes take() const;
  size_t tableCount() const { return tableCount_; }
  /// Tables that there was no room for, and entries of which only the value is
  /// there.
  uint64_t leftOut() const { return leftOut_; }
  uint64_t unstyled() const { return unstyled_; }
  /// There are more tables than memory has room for.
  bool isExhausted() const { return isExhausted_; }

  /// How a table stands in the page.
  enum State : uint8_t {
    Here,
    TakenForEmpty,
    LeftOut,
    AbsentFirst, ///< And by Absence from here on.
  };

private:
  struct Key {
    unsigned mode, level, pattern; ///< Of a raw style its EntryKind.
    EntryMeaning meaning;
    uint64_t attributes;
    auto operator<=>(const Key &) const = default;
  };
  static constexpr unsigned none = ~0u;
  struct Item {
    unsigned style;      ///< `none`: the entry is zero.
    uint64_t value;      ///< The address in units; of a raw style the entry.
    uint64_t target = 0; ///< In units: the page that a raw entry still names.
  };
  Item itemOf(const PagingMode &mode, uint64_t entry, unsigned level);
  std::optional<unsigned> styleOf(const Key &key, const PagingMode &mode,
                                  uint64_t entry);
  void encode(const PagingMode &mode, const StoredTable &table);
  Record makeStyle(const Key &key, const PagingMode &mode,
                   uint64_t entry) const;
  void addWords(Record &style, const PagingMode &mode, uint64_t entry,
                unsigned level) const;

  struct StyleFacts {
    bool isRaw, hasTarget;
    uint64_t step; ///< In units, from one entry to the next of a run.
  };

  const ListingPlan &plan_;
  const NonPresentRules &rules_;
  unsigned modeIndex_ = 0, unitShift_ = 0;
  std::map<Key, unsigned> styles_;
  std::vector<StyleFacts> facts_;
  Array described_;
  PackedBytes headers_, bodies_;
  uint64_t lastAddress_ = 0;
  size_t tableCount_ = 0;
  uint64_t leftOut_ = 0, unstyled_ = 0;
  bool isExhausted_ = false;
};

} // namespace vmpt
