#include "kernel/find/KernelArch.h"

#include "kernel/image/ImageScan.h"
#include "support/Bits.h"

namespace vmpt {

static const KernelArch *const archs[] = {
#define VMPT_ARCH(X, x) &kernelArch##X,
#include "memory/Archs.def"
};

llvm::ArrayRef<const KernelArch *> getKernelArchs() { return archs; }

const KernelArch *findKernelArch(Arch arch) { return archs[size_t(arch)]; }

PagingMode getTaskMode(const KernelImage &image, const PhysicalMemory &memory,
                       PhysAddr root) {
  return image.arch->taskMode ? image.arch->taskMode(image, memory, root)
                              : ofLowerRoot(image.mode);
}

VirtAddr lastUserAddress(const KernelImage &image, const PagingMode &mode) {
  const VirtAddr last = image.arch->lastUserAddress(image);
  return image.arch->spacesOverlap ? std::min(last, mode.coverage.last())
                                   : last;
}

llvm::StringRef getRootProof(const KernelArch &arch, const PagingMode &mode) {
  return mode.windows.empty() ? "it is its own fixed point" : arch.rootProof;
}

VirtAddr firstKernelAddress(const KernelImage &image) {
  return image.arch->spacesOverlap ? VirtAddr(0)
                                   : image.arch->lastUserAddress(image) + 1;
}

VirtAddr firstKernelPointer(const KernelImage &image) {
  return std::max(firstKernelAddress(image), VirtAddr(0x10000));
}

VirtAddr firstSurelyKernel(const KernelArch &arch) {
  if (!arch.kernelStarts.empty())
    return VirtAddr(arch.kernelStarts.front());
  return arch.spacesOverlap ? VirtAddr(0) : VirtAddr(bit(63));
}

std::vector<MappedRun> mapKernelImage(const RootQuery &query,
                                      const AddressSpace &memory) {
  constexpr uint64_t mebibyte = uint64_t(1) << 20;
  constexpr uint64_t before = 128 * mebibyte, after = 64 * mebibyte;
  std::optional<uint64_t> self = query.vmcoreinfo.symbol("swapper_pg_dir");
  if (!self)
    return {};
  const uint64_t lastAddress = memory.mode().coverage.last().value;
  uint64_t text = query.vmcoreinfo.symbol("_stext").value_or(0);
  // A kernel's image is smaller than this; other symbols are not believed.
  if (text > *self || *self - text > before)
    text = *self < before ? 0 : *self - before;
  uint64_t last = *self > lastAddress - after ? lastAddress : *self + after;
  return memory.mappedRuns(VirtAddr(alignDown(text, 2 * mebibyte)),
                           VirtAddr(last));
}

void takeMarkerArray(MarkerArray array, KernelImage &image) {
  image.evidence.add(
      "address markers", std::to_string(array.markers.size()) + " sections",
      "address_markers[] in the kernel's memory at " + hex(array.address));
  image.dumper = KernelDumper{array.address, std::nullopt};
  image.markers = std::move(array.markers);
}

bool hasDumperText(const AddressSpace &memory, llvm::StringRef text,
                   KernelImage &image) {
  const bool isThere = hasString(memory, image.imageRuns, text);
  image.evidence.add(
      "wording", isThere ? "has \"" + text + "\"" : "has no \"" + text + "\"",
      "strings in the kernel's memory");
  return isThere;
}

} // namespace vmpt
