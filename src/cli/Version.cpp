#include "cli/Version.h"

#include "dump/storage/Libraries.h"
#include "fleet/SurveyDatabase.h"

#include "llvm/Config/llvm-config.h"

#include <CLI/Version.hpp>

namespace vmpt {

void printVersion(llvm::raw_ostream &os) {
  os << "vmpt " VMPT_VERSION "\nlibraries: LLVM Support " LLVM_VERSION_STRING
        ", CLI11 " CLI11_VERSION;
  for (const std::string &library : getDumpLibraries())
    os << ", " << library;
  if (const std::string library = getDatabaseLibrary(); !library.empty())
    os << ", " << library;
  os << "\nformats: ";
  bool first = true;
  for (const std::string &format : getDumpFormats()) {
    os << (first ? "" : ", ") << format;
    first = false;
  }
  os << '\n';
}

} // namespace vmpt
