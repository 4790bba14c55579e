#include "support/Error.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

char FormatError::ID = 0;
char LookupError::ID = 0;
char UnsupportedError::ID = 0;
char UsageError::ID = 0;

std::string hex(uint64_t value) {
  return "0x" + llvm::utohexstr(value, /*LowerCase=*/true);
}

} // namespace vmpt
