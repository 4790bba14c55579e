#include "dump/Libraries.h"

#include <elfutils/version.h>

#define VMPT_TEXT_OF(x) #x
#define VMPT_TEXT(x) VMPT_TEXT_OF(x)

namespace vmpt {

std::vector<std::string> getDumpLibraries() {
  // _ELFUTILS_VERSION is 188 for 0.188.
  return {"libelf 0." VMPT_TEXT(_ELFUTILS_VERSION)};
}

std::vector<std::string> getDumpFormats() {
  return {"ELF core (ELF32, ELF64)", "raw image"};
}

} // namespace vmpt
