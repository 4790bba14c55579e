//===- ListingOutput.h - a page-table listing, printed --------------------===//
#pragma once

#include "cli/OptionGroups.h"
#include "listing/Plan.h"
#include "session/Session.h"

namespace vmpt {

/// Prints a listing of the session's dump. What is missing in it is told to
/// the session. The error does not name the file.
llvm::Error printListing(Session &session, const ListingOptions &options,
                         const ListingPlan &plan);

} // namespace vmpt
