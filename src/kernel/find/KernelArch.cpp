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

std::optional<VirtAddr> findRootSymbol(const KernelArch &arch,
                                       const Vmcoreinfo &info) {
  for (llvm::StringRef name : arch.rootSymbols)
    if (std::optional<uint64_t> self = info.symbol(name))
      return VirtAddr(*self);
  return std::nullopt;
}

std::vector<MappedRun> mapKernelImage(const RootQuery &query,
                                      const KernelImage &image) {
  constexpr uint64_t mebibyte = uint64_t(1) << 20;
  constexpr uint64_t before = 128 * mebibyte, after = 64 * mebibyte;
  std::optional<VirtAddr> self = findRootSymbol(*image.arch, query.vmcoreinfo);
  if (!self)
    return {};
  const uint64_t lastAddress = lowBits(8 * image.wordBytes());
  uint64_t text = query.vmcoreinfo.symbol("_stext").value_or(0);
  // A kernel's image is smaller than this; other symbols are not believed.
  if (text > self->value || self->value - text > before)
    text = self->value < before ? 0 : self->value - before;
  uint64_t last =
      self->value > lastAddress - after ? lastAddress : self->value + after;
  return image.addressSpace(query.memory)
      .mappedRuns(VirtAddr(alignDown(text, 2 * mebibyte)), VirtAddr(last));
}

void noteDumperText(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
                    llvm::StringRef text, KernelImage &image) {
  std::vector<VirtAddr> found =
      findBytes(memory, runs, text.str() + '\0', /*limit=*/1);
  bool isThere = false;
  if (!found.empty()) {
    // Once more through \p memory, so that a recording sees it.
    llvm::Expected<std::string> again =
        memory.readString(found.front(), text.size() + 1);
    isThere = bool(again);
    llvm::consumeError(again.takeError());
  }
  image.dumperTexts[text.str()] = isThere;
  image.evidence.add(
      "wording", isThere ? "has \"" + text + "\"" : "has no \"" + text + "\"",
      "strings in the kernel's memory");
}

} // namespace vmpt
