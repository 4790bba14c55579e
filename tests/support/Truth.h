//===- Truth.h - where the captured dumps lie, if they are here ------------===//
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace vmpt::testing {

/// The folder of a captured guest, or nothing where it is not at hand. The
/// folders are looked for in $VMPT_TRUTH, else beside the source tree.
inline std::optional<std::filesystem::path> findCase(const std::string &name) {
  const char *variable = std::getenv("VMPT_TRUTH");
  std::filesystem::path root =
      variable ? std::filesystem::path(variable)
               : std::filesystem::path(VMPT_SOURCE_ROOT) / "../shared/truth";
  std::error_code ignored;
  if (std::filesystem::is_directory(root / name, ignored))
    return root / name;
  return std::nullopt;
}

} // namespace vmpt::testing
