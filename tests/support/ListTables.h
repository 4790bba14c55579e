//===- ListTables.h - a built root, listed --------------------------------===//
#pragma once

#include "listing/Plan.h"
#include "support/Expected.h"

namespace vmpt::testing {

/// The text that a plan gives.
inline std::string listText(const ListingPlan &plan,
                            const PhysicalMemory &memory,
                            ListingResult *result = nullptr,
                            uint64_t maxLines = 1000000) {
  std::string text;
  llvm::raw_string_ostream os(text);
  TextPrinter printer(plan.wording, plan.context, os);
  llvm::Expected<ListingResult> listed =
      runListing(plan, memory, printer, maxLines);
  if (!listed) {
    ADD_FAILURE() << llvm::toString(listed.takeError());
    return "";
  }
  if (result)
    *result = *listed;
  return os.str();
}

} // namespace vmpt::testing
