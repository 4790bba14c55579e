// Input: one byte, the architecture; then a text that the user, a note or
// memory gives for VMCOREINFO. The kernel's image is there, sound or not as the
// text says.

#include "FuzzTarget.h"
#include "listing/Plan.h"
#include "paging/modes/Modes.h"
#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

static BuiltKernel *makeKernel(Arch arch) {
  switch (arch) {
  case Arch::Arm64:
    return new BuiltKernel(*getModes(arch).front(),
                           VirtAddr(0xffff800010000000), PhysAddr(0x40000000));
  case Arch::RiscV64:
    return new BuiltKernel(*getModes(arch).front(),
                           VirtAddr(0xffffffff80000000), PhysAddr(0x80200000));
  case Arch::I386:
    return new BuiltKernel(*getModes(arch).front(), VirtAddr(0xc1000000),
                           PhysAddr(0x1000000));
  default:
    return new BuiltKernel(*getModes(Arch::X86_64).front(),
                           VirtAddr(0xffffffff81000000), PhysAddr(0x1000000));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  static std::vector<std::unique_ptr<BuiltKernel>> kernels = [] {
    std::vector<std::unique_ptr<BuiltKernel>> all;
    for (Arch arch : allArchs)
      all.emplace_back(makeKernel(arch));
    return all;
  }();
  BuiltKernel &kernel = *kernels[data[0] % kernels.size()];
  const std::string text(reinterpret_cast<const char *>(data + 1), size - 1);
  kernel.overrides.vmcoreinfoText = text;
  llvm::Expected<KernelImage> image = kernel.find();
  if (!image) {
    llvm::consumeError(image.takeError());
    return 0;
  }
  (void)image->version();
  llvm::consumeError(planKernelListing(*image).takeError());
  return 0;
}
