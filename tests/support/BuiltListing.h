//===- BuiltListing.h - what a kernel prints of built tables --------------===//
#pragma once

#include "Expected.h"
#include "PageTableBuilder.h"
#include "kernel/find/KernelArch.h"
#include "listing/Plan.h"

namespace vmpt::testing {

/// Tables in memory, and the image of a kernel that owns them.
class BuiltListing {
public:
  BuiltListing(const PagingMode &mode, llvm::StringRef release)
      : tables(memory, mode) {
    image.arch = findKernelArch(mode.arch);
    image.mode = mode;
    image.root = tables.root();
    image.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=" + release.str() + "\n");
  }

  std::string text(llvm::Expected<ListingPlan> plan) {
    if (!plan)
      return textOf(plan.takeError());
    std::string text;
    llvm::raw_string_ostream os(text);
    TextPrinter printer(plan->wording, plan->context, os);
    EXPECT_EQ(textOf(runListing(*plan, memory, printer, 100000)), "");
    return os.str();
  }
  std::string text() { return text(planKernelListing(image)); }

  /// Only the lines that start in [first, last], without headers.
  std::string lines(uint64_t first, uint64_t last) {
    std::string all = text(), chosen;
    llvm::StringRef rest = all;
    while (!rest.empty()) {
      auto [line, next] = rest.split('\n');
      rest = next;
      llvm::StringRef address = line;
      uint64_t start = 0;
      if (address.consume_front("0x") && !address.consumeInteger(16, start) &&
          start >= first && start <= last)
        chosen += (line + "\n").str();
    }
    return chosen;
  }

  SparseMemory memory;
  PageTableBuilder tables;
  KernelImage image;
};

} // namespace vmpt::testing
