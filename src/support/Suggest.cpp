#include "support/Suggest.h"

namespace vmpt {

/// One pair of neighbours is the wrong way round.
static bool isSwapped(llvm::StringRef a, llvm::StringRef b) {
  if (a.size() != b.size())
    return false;
  size_t at = 0;
  while (at < a.size() && a[at] == b[at])
    ++at;
  return at + 1 < a.size() && a[at] == b[at + 1] && a[at + 1] == b[at] &&
         a.drop_front(at + 2) == b.drop_front(at + 2);
}

std::string suggest(llvm::StringRef word, llvm::ArrayRef<std::string> known) {
  constexpr unsigned maxDistance = 2;
  const llvm::StringRef typed = word.ltrim('-');
  const std::string *best = nullptr;
  unsigned bestDistance = maxDistance + 1;
  for (const std::string &candidate : known) {
    llvm::StringRef name = llvm::StringRef(candidate).ltrim('-');
    unsigned distance = isSwapped(typed, name)
                            ? 1
                            : typed.edit_distance(name, true, maxDistance);
    if (distance < bestDistance && distance * 3 <= typed.size()) {
      bestDistance = distance;
      best = &candidate;
    }
  }
  return best ? "; did you mean '" + *best + "'?" : "";
}

} // namespace vmpt
