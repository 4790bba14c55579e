#include "paging/modes/Modes.h"
#include "paging/PagingMode.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"

namespace vmpt {

static constexpr const PagingMode *x86_64Modes[] = {&x86_64::fourLevel,
                                                    &x86_64::fiveLevel};
static constexpr const PagingMode *arm64Modes[] = {
    &arm64::granule4K48,  &arm64::granule4K39,  &arm64::granule64K48,
    &arm64::granule64K52, &arm64::granule64K42, &arm64::granule16K47,
    &arm64::granule16K48, &arm64::granule4K52,  &arm64::granule16K52,
    &arm64::granule16K36};

static constexpr const PagingMode *i386Modes[] = {&i386::pae, &i386::twoLevel};
static constexpr const PagingMode *riscV64Modes[] = {
    &riscv64::sv39, &riscv64::sv48, &riscv64::sv57};

llvm::ArrayRef<const PagingMode *> getModes(Arch arch) {
  switch (arch) {
  case Arch::X86_64:
    return x86_64Modes;
  case Arch::Arm64:
    return arm64Modes;
  case Arch::I386:
    return i386Modes;
  case Arch::RiscV64:
    return riscV64Modes;
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
