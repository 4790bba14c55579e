//===- ListingOutput.h - a page-table listing, printed --------------------===//
#pragma once

#include "cli/OptionGroups.h"
#include "listing/Plan.h"
#include "output/RecordWriter.h"
#include "session/Session.h"

namespace vmpt {

/// Writes a listing of the session's dump. What is missing in it is told to
/// the session. After an error, which does not name the file, nothing is
/// written.
llvm::Error writeListing(Session &session, const ListingOptions &options,
                         const ListingPlan &plan, RecordWriter &writer);

} // namespace vmpt
