// Input: one byte, the paging mode; then physical memory from 0 on, whose first
// table is the root. What translates one address, what lists runs and what
// counts have to agree.

#include "FuzzTarget.h"
#include "analysis/TableTree.h"
#include "kernel/find/KernelArch.h"
#include "kernel/pages/PageCensus.h"
#include "listing/Plan.h"
#include "paging/AddressSpace.h"
#include "paging/TableUse.h"
#include "paging/modes/Modes.h"

#include <cstdlib>
#include <cstring>

using namespace vmpt;

namespace {

/// The rest is outside RAM; every second page of 64K on is excluded.
class InputMemory final : public PhysicalMemory {
public:
  InputMemory(const uint8_t *data, size_t size) : bytes_(data, size) {
    if (size)
      ranges_.push_back({PhysAddr(0), size, {}});
  }
  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    if (!fits(at.value, out.size(), bytes_.size()))
      return AbsentByte{at, at.value & 0x1000 ? Absence::Excluded
                                              : Absence::OutsideRam};
    std::memcpy(out.data(), bytes_.data() + at.value, out.size());
    return std::nullopt;
  }
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
    return fits(at.value, size, bytes_.size()) ? bytes_.data() + at.value
                                               : nullptr;
  }
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }

private:
  llvm::ArrayRef<uint8_t> bytes_;
  std::vector<MemoryRange> ranges_;
};

/// Runs ascend, and none is empty.
class OrderedSink final : public RunSink {
public:
  void section(llvm::StringRef) override {}
  void skipped(uint64_t) override {}
  void run(const Run &run) override {
    if (run.end - 1 < run.start || (hasRun_ && run.start < end_))
      std::abort();
    end_ = run.end;
    hasRun_ = true;
  }

private:
  uint64_t end_ = 0;
  bool hasRun_ = false;
};

void list(const PhysicalMemory &memory, const PagingMode &mode) {
  KernelImage image;
  image.arch = findKernelArch(mode.arch);
  image.mode = mode;
  image.root = PhysAddr(0);
  image.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=6.1.0\n");
  llvm::Expected<ListingPlan> plan = planKernelListing(image);
  if (!plan)
    return llvm::consumeError(plan.takeError());
  OrderedSink sink;
  llvm::consumeError(runListing(*plan, memory, sink, 4096).takeError());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  std::vector<const PagingMode *> modes;
  for (Arch arch : allArchs)
    for (const PagingMode *mode : getModes(arch))
      modes.push_back(mode);
  const PagingMode &mode = *modes[data[0] % modes.size()];
  const InputMemory memory(data + 1, size - 1);
  const AddressSpace space(memory, mode, PhysAddr(0));
  const VirtAddr last(~uint64_t(0));
  for (const MappedRun &run : space.mappedRuns(VirtAddr(0), last, 64))
    for (VirtAddr at : {run.start, run.start + (run.size - 1)}) {
      Translation found = space.find(at);
      if (!found.isMapped() || found.address != run.physical + (at - run.start))
        std::abort();
    }
  (void)countTableUse(memory, mode, PhysAddr(0), VirtAddr(0), last, 4096);
  unsigned left = 1024;
  (void)visitTables(memory, mode, PhysAddr(0), mode.levelCount,
                    [&](const TreeEntry &) { return --left != 0; });
  list(memory, mode);
  return 0;
}
