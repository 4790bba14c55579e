//===- DumpFinder.h - from words to the files that are surveyed -----------===//
//
// A file is itself, whatever it is: what is no dump shall be said to be none. A
// folder is every regular file below it. Links to files are followed, links to
// folders only where they are named, so there are no loops.
//
#pragma once

#include "support/Error.h"
#include "support/Finding.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <functional>
#include <string>
#include <vector>

namespace vmpt {

struct FoundDumps {
  /// In the order of the words, of a folder by names. Each once.
  std::vector<std::string> paths;
  /// Folders that could not be read (gaps), and what was passed over.
  std::vector<Finding> findings;
};

/// Where \p isOutput, a file is one that the survey writes, and is passed over;
/// where it is named itself, that is said.
FoundDumps findDumps(llvm::ArrayRef<std::string> words,
                     const std::function<bool(const std::string &)> &isOutput);

/// The paths in a list: between NULs if there is one, else a line each. Empty
/// ones are none.
std::vector<std::string> splitPathList(llvm::StringRef text);

} // namespace vmpt
