//===- Pagemap.h - /proc/PID/pagemap, entry by entry ------------------===//
//
//   0000000000400000 a08000000000a980 present file soft-dirty frame 0xa980
//
#pragma once

#include "kernel/pages/Pagemap.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// Entries that are not zero; those of a run of pages one by one.
class PagemapView {
public:
  PagemapView(RecordWriter &writer, unsigned pageShift)
      : writer_(writer), pageShift_(pageShift) {}

  void begin();
  /// \p mapCount is /proc/kpagecount of a present page.
  void add(const PagemapRun &run, std::optional<uint64_t> mapCount);
  void end();

private:
  void write(VirtAddr at, uint64_t entry, llvm::StringRef problem,
             std::optional<uint64_t> mapCount);

  RecordWriter &writer_;
  const unsigned pageShift_;
};

/// The words that say what an entry's bits mean: "present file soft-dirty".
std::string describePagemapEntry(uint64_t entry);

} // namespace vmpt
