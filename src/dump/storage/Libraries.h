//===- Libraries.h - what the dump readers were built with ----------------===//
#pragma once

#include <string>
#include <vector>

namespace vmpt {

/// "libelf 0.188", "zstd 1.5.4", ...
std::vector<std::string> getDumpLibraries();
/// "ELF core (ELF32, ELF64)", "raw image", ...
std::vector<std::string> getDumpFormats();

} // namespace vmpt
