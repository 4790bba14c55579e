//===- PageTypes.h - the text of the kernel's tool page-types -------------===//
//
//   voffset	offset	len	flags
//   400	a980	50	__RUDlA____M__b______________________________
//
// linux tools/mm/page-types.c (tools/vm before 6.3), the one in the tree of
// the dumped kernel: letters and names came and went. The summary's rows stand
// in the order of the tool's own hash table.
//
#pragma once

#include "kernel/image/KernelVersion.h"
#include "output/RecordWriter.h"

#include <cstdint>
#include <vector>

namespace vmpt {

struct PageTypesOptions {
  enum class List : uint8_t { None, Ranges, Each };
  List list = List::None;   ///< -l, -L
  bool isRaw = false;       ///< -r: flags for kernel developers too.
  bool hasSummary = true;   ///< without -N
  bool hasCounts = false;   ///< -M: a column of map counts.
  bool isOfProcess = false; ///< -p: a column of virtual pages.
};

/// The names of bits of /proc/kpageflags.
class PageFlagNames {
public:
  explicit PageFlagNames(KernelVersion version);

  /// One letter for each named bit, `_` where it is not set.
  std::string letters(uint64_t flags) const;
  /// "referenced,uptodate"; empty if none is set.
  std::string words(uint64_t flags) const;
  std::vector<llvm::StringRef> list(uint64_t flags) const;
  /// Set bits that the tool has no name for, and would stop at.
  uint64_t unnamed(uint64_t flags) const { return flags & ~named_; }

private:
  struct Name {
    uint8_t bit;
    char letter;
    llvm::StringLiteral word;
  };
  std::vector<Name> names_; ///< Ascending by bit.
  uint64_t named_ = 0;
};

/// What the tool makes of a page's flags before it shows them.
uint64_t hidePageFlags(uint64_t flags);
uint64_t expandPageFlags(uint64_t flags, uint64_t pagemapEntry,
                         KernelVersion version);

struct PageTypesRow {
  uint64_t virtualPage = 0; ///< With -p; else the place in the tool's batch.
  uint64_t frame = 0;       ///< Or the offset in swap.
  uint64_t flags = 0;       ///< As in /proc/kpageflags.
  uint64_t mapCount = 0;
  uint64_t pagemapEntry = 0;
  bool isSwap = false;
};

/// The tool's text; as records, "ranges" or "pages", and "totals".
class PageTypesView {
public:
  PageTypesView(RecordWriter &writer, KernelVersion version, unsigned pageShift,
                const PageTypesOptions &options);

  void begin();
  /// \p pages of them, in frames and virtual pages that follow each other.
  void add(const PageTypesRow &row, uint64_t pages = 1);
  /// The last range, and the summary.
  void end();
  /// Bits of shown flags without a name. The tool would have stopped there.
  uint64_t unnamed() const { return unnamed_; }
  /// The tool's table of different flags is full; it would have stopped.
  bool isFull() const { return isFull_; }

  /// The summary's rows, in order.
  struct Total {
    uint64_t flags, pageCount;
  };
  std::vector<Total> totals() const;
  const PageFlagNames &names() const { return names_; }
  /// The flags as the options have them shown.
  uint64_t shownFlags(const PageTypesRow &row) const;

private:
  void writeRange();
  void writeTotals();
  Record makeFlags(uint64_t flags) const;
  size_t findSlot(uint64_t flags);
  uint64_t megabytes(uint64_t pages) const {
    return (pages << pageShift_) >> 20;
  }

  RecordWriter &writer_;
  const PageTypesOptions options_;
  const KernelVersion version_;
  const unsigned pageShift_;
  const PageFlagNames names_;
  /// The tool's hash table; slot 0 is for no flags.
  std::vector<uint64_t> slotFlags_, slotPages_;
  uint64_t pageCount_ = 0, unnamed_ = 0;
  bool isFull_ = false;
  PageTypesRow range_; ///< Its flags are shown flags.
  uint64_t rangePages_ = 0;
};

} // namespace vmpt
