//===- Translate.h - the way of an address through the tables, in words ---===//
#pragma once

#include "analysis/Translator.h"
#include "kernel/pages/PageFlags.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// What the kernel's struct page says of a frame.
struct PageNote {
  PageFacts::State state = PageFacts::State::NoPage;
  uint64_t flags = 0;                 ///< As in /proc/kpageflags.
  std::vector<llvm::StringRef> names; ///< Of the flags.
  std::string problem;                ///< Absent: why.
};

/// An answer, and what else is known of the address.
struct AddressReport {
  AddressAnswer answer;
  const PagingMode *mode = nullptr;     ///< Of the table it went through.
  const KernelRegion *region = nullptr; ///< Or null.
  std::string area; ///< Of a process: what /proc/PID/maps calls it, and where.
  std::string symbol; ///< "vfs_read+0x10/0x340"; or empty.
  /// The page is not in the dump.
  std::optional<Absence> pageAbsence;
  std::optional<PageNote> page; ///< Where struct pages can be had.
};

/// A stable word: "no_entry", "prot_none"; null for a page.
Value getReasonWord(Ending ending);

/// "swapped to device 0, offset 0x12": why there is no page; one line.
std::string explain(const AddressAnswer &answer, const PagingMode &mode);

/// An entry on the way of \p at: level, table, index, value, flags.
Record makeStep(const TranslationStep &step, VirtAddr at,
                const PagingMode &mode);

/// Of several addresses, as they come.
class TranslateView {
public:
  explicit TranslateView(RecordWriter &writer);
  void add(const AddressReport &report);
  /// "0xVIRT 0xPHYS", "0xVIRT 0xPHYS prot-none" or "0xVIRT - reason".
  void addBrief(const AddressAnswer &answer, const PagingMode &mode);
  /// The first of these, where the result is text.
  void addBriefPage(VirtAddr at, PhysAddr page);
  void finish();

private:
  RecordWriter &writer_;
};

} // namespace vmpt
