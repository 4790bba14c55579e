#include "paging/PagingMode.h"
#include "paging/X86_64.h"

namespace vmpt {

static constexpr const PagingMode *x86_64Modes[] = {&x86_64::fourLevel,
                                                    &x86_64::fiveLevel};

llvm::ArrayRef<const PagingMode *> getModes(Arch arch) {
  switch (arch) {
  case Arch::X86_64:
    return x86_64Modes;
  case Arch::I386:
  case Arch::Arm64:
  case Arch::RiscV64:
    break;
  }
  return {};
}

const PagingMode *findMode(llvm::StringRef name) {
  for (Arch arch : {Arch::X86_64, Arch::I386, Arch::Arm64, Arch::RiscV64})
    for (const PagingMode *mode : getModes(arch))
      if (name == mode->name)
        return mode;
  return nullptr;
}

} // namespace vmpt
