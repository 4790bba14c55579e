//===- ListWalk.h - the members of a struct list_head ---------------------===//
//
// A ring of {next, prev} with a head that is no member (linux
// include/linux/list.h). It can be torn in a crashed or compromised machine:
// then it is followed backward too, up to where the way forward came.
//
#pragma once

#include "kernel/context/Structs.h"

#include <string>
#include <vector>

namespace vmpt {

/// Do those that \p head calls its neighbours call it theirs?
bool isInRing(const StructReader &reader, VirtAddr head, VirtAddr next,
              VirtAddr previous);

struct ListMembers {
  /// Addresses of the list_heads, in the list's order. Of a torn list, what
  /// can be reached from either end.
  std::vector<VirtAddr> links;
  /// Where and how it is torn, a sentence each; at most one a direction.
  std::vector<std::string> problems;
};

/// \p limit is the most members that there can be; \p what names the list in
/// the problems.
ListMembers followList(const StructReader &reader, VirtAddr head, size_t limit,
                       const llvm::Twine &what);

} // namespace vmpt
