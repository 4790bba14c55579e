#include "memory/Machine.h"

namespace vmpt {

std::optional<uint64_t> CpuRegisters::find(llvm::StringRef name) const {
  for (const auto *list : {&system, &general})
    for (const auto &[registerName, value] : *list)
      if (name == registerName)
        return value;
  return std::nullopt;
}

} // namespace vmpt
