#include "kernel/KernelArch.h"

namespace vmpt {

extern const KernelArch arm64KernelArch;
extern const KernelArch x86_64KernelArch;

static const KernelArch *const archs[] = {&x86_64KernelArch, &arm64KernelArch};

llvm::ArrayRef<const KernelArch *> getKernelArchs() { return archs; }

const KernelArch *findKernelArch(Arch arch) {
  for (const KernelArch *candidate : archs)
    if (candidate->arch == arch)
      return candidate;
  return nullptr;
}

} // namespace vmpt
