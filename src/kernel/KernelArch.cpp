#include "kernel/KernelArch.h"

namespace vmpt {

extern const KernelArch arm64KernelArch;
extern const KernelArch x86_64KernelArch;

// Where nothing names the architecture they are tried in this order. Tables of
// arm64 with 4K pages read well as tables of x86-64, but not the other way
// round: bit 1 has to be set in all that is no block.
static const KernelArch *const archs[] = {&arm64KernelArch, &x86_64KernelArch};

llvm::ArrayRef<const KernelArch *> getKernelArchs() { return archs; }

const KernelArch *findKernelArch(Arch arch) {
  for (const KernelArch *candidate : archs)
    if (candidate->arch == arch)
      return candidate;
  return nullptr;
}

} // namespace vmpt
