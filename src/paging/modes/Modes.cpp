#include "paging/modes/Modes.h"

#include "paging/modes/Arm.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/LoongArch64.h"
#include "paging/modes/Ppc64le.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/S390x.h"
#include "paging/modes/X86_64.h"

namespace vmpt {

template <size_t N>
static constexpr bool areModesOf(const PagingMode *const (&modes)[N],
                                 Arch arch) {
  for (const PagingMode *mode : modes)
    if (mode->arch != arch)
      return false;
  return true;
}

#define VMPT_ARCH(X, x)                                                        \
  static_assert(areModesOf(x::modes, Arch::X), #x ": modes of another");
#include "memory/Archs.def"

static constexpr llvm::ArrayRef<const PagingMode *> modesOf[] = {
#define VMPT_ARCH(X, x) x::modes,
#include "memory/Archs.def"
};

llvm::ArrayRef<const PagingMode *> getModes(Arch arch) {
  return modesOf[size_t(arch)];
}

const PagingMode *findMode(llvm::StringRef name) {
  for (Arch arch : allArchs)
    for (const PagingMode *mode : getModes(arch))
      if (name == mode->name)
        return mode;
  return nullptr;
}

} // namespace vmpt
