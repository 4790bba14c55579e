//===- KernelVersion.h - the last resort ----------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"

#include <compare>
#include <optional>

namespace vmpt {

/// Where two kernels cannot be told apart by what is in the dump, their
/// version decides; each such place cites the change. Vendors backport.
struct KernelVersion {
  unsigned major = 0, minor = 0, patch = 0;
  auto operator<=>(const KernelVersion &) const = default;
};

/// "6.1.0-56-amd64" -> 6.1.0
inline std::optional<KernelVersion>
parseKernelVersion(llvm::StringRef release) {
  KernelVersion version;
  if (release.consumeInteger(10, version.major) ||
      !release.consume_front(".") || release.consumeInteger(10, version.minor))
    return std::nullopt;
  if (release.consume_front("."))
    (void)release.consumeInteger(10, version.patch);
  return version;
}

} // namespace vmpt
