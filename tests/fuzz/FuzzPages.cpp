// Input: see FuzzPages.h. Every frame in full, and a process's pagemap.

#include "FuzzPages.h"
#include "FuzzTarget.h"
#include "analysis/Auditor.h"
#include "analysis/PageDetails.h"
#include "kernel/find/KernelArch.h"
#include "kernel/pages/Pagemap.h"
#include "paging/modes/X86_64.h"

#include <cstring>

using namespace vmpt;
using namespace vmpt::pages_input;

namespace {

/// Three tables that map the input as one page of 2M, and the input.
class InputMemory final : public PhysicalMemory {
public:
  explicit InputMemory(llvm::ArrayRef<uint8_t> input) : input_(input) {
    entryOf(root, 272) = (root.value + 0x1000) | 0x67;
    entryOf(root + 0x1000, 0) = (root.value + 0x2000) | 0x67;
    entryOf(root + 0x2000, 0) = physical.value | 0xe7;
    ranges_ = {{root, tables_.size(), std::nullopt}};
    if (!input.empty())
      ranges_.push_back({physical, input.size(), std::nullopt});
  }
  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    const bool isTable = at < physical;
    const llvm::ArrayRef<uint8_t> bytes =
        isTable ? llvm::ArrayRef<uint8_t>(tables_) : input_;
    const PhysAddr first = isTable ? root : physical;
    if (at < first || !fits(at - first, out.size(), bytes.size()))
      return AbsentByte{at, Absence::OutsideRam};
    std::memcpy(out.data(), bytes.data() + (at - first), out.size());
    return std::nullopt;
  }
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }

  static constexpr PhysAddr root{0x1000};

private:
  uint64_t &entryOf(PhysAddr table, unsigned index) {
    return *reinterpret_cast<uint64_t *>(&tables_[table - root + index * 8]);
  }
  alignas(8) std::array<uint8_t, 0x3000> tables_ = {};
  llvm::ArrayRef<uint8_t> input_;
  std::vector<MemoryRange> ranges_;
};

std::string makeInfo(llvm::StringRef release) {
  return ("OSRELEASE=" + release +
          "\nSIZE(page)=64\nSIZE(zone)=64\nLENGTH(zone.free_area)=11\n"
          "OFFSET(page.flags)=0\nOFFSET(page.compound_head)=8\n"
          "OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
          "OFFSET(page.mapping)=24\nOFFSET(page.index)=32\n"
          "OFFSET(page.private)=40\nOFFSET(page._mapcount)=48\n"
          "OFFSET(page._refcount)=52\nOFFSET(page.memcg_data)=56\n"
          "NUMBER(PG_lru)=4\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\n"
          "NUMBER(PG_swapbacked)=19\nNUMBER(PG_slab)=9\n"
          "NUMBER(PG_head_mask)=65536\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
          "OFFSET(pglist_data.node_start_pfn)=0\n"
          "OFFSET(pglist_data.node_spanned_pages)=8\n"
          "OFFSET(pglist_data.node_zones)=64\nOFFSET(zone.zone_start_pfn)=0\n"
          "OFFSET(zone.spanned_pages)=8\nOFFSET(zone.name)=16\n"
          "OFFSET(address_space.host)=0\nOFFSET(inode.i_ino)=0\n"
          "OFFSET(inode.i_sb)=8\nOFFSET(inode.i_dentry.first)=16\n"
          "OFFSET(super_block.s_dev)=0\nOFFSET(dentry.d_parent)=0\n"
          "OFFSET(dentry.d_name.name)=8\nOFFSET(dentry.d_u.d_alias)=16\n"
          "OFFSET(mem_cgroup.css.cgroup)=0\nOFFSET(cgroup.kn)=0\n"
          "OFFSET(obj_cgroup.memcg)=8\nOFFSET(kernfs_node.parent)=0\n"
          "OFFSET(kernfs_node.name)=8\n")
      .str();
}

void lookAtAll(const Kernel &kernel, PageFlags flags) {
  PageExplorer explorer(kernel, flags);
  for (uint64_t frame = 0; frame < frameCount + 2; ++frame) {
    const PageDetails details = explorer.explore(frame);
    (void)flags.flags(details.facts);
    (void)flags.count(details.facts);
    flags.learnZeroPage(frame, frame & 1);
  }
  PagemapReader reader(kernel, flags);
  const PagemapArea areas[] = {{VirtAddr(0), VirtAddr(1 << 30), 0, false},
                               {VirtAddr(1 << 30), VirtAddr(1 << 31), 0, true}};
  std::vector<std::string> problems;
  reader.read(
      areas, physical + tables, [](const PagemapRun &) {}, problems);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size || size > (1 << 16))
    return 0;
  const InputMemory memory({data + 1, size - 1});
  KernelImage image;
  image.arch = findKernelArch(Arch::X86_64);
  image.mode = x86_64::fourLevel;
  image.root = InputMemory::root;
  image.vmcoreinfo =
      Vmcoreinfo::parse(makeInfo(releases[data[0] % std::size(releases)]));
  DebugInputs inputs;
  inputs.searchRoot = "/nonexistent";
  const std::pair<const char *, uint64_t> symbols[] = {
      {"mem_map", memMap},
      {"contig_page_data", node},
      {"max_pfn", maxFrame},
      {"zero_pfn", zeroFrame},
      {"vfs_read", memMap},
      {"huge_zero_page", hugeZero},
      {"do_huge_pmd_anonymous_page", memMap}};
  for (const auto &[name, offset] : symbols)
    llvm::cantFail(
        inputs.symbols.add(std::string(name) + "=" + hex(start + offset)));
  Diagnostics diagnostics;
  auto kernel = llvm::cantFail(
      Kernel::create(image, memory, std::move(inputs), diagnostics));
  if (llvm::Expected<PageFlags> flags = PageFlags::create(*kernel))
    lookAtAll(*kernel, std::move(*flags));
  else
    llvm::consumeError(flags.takeError());
  AuditReport report;
  const std::unique_ptr<AuditScene> scene = AuditScene::read(*kernel);
  auditMachine(*scene, report);
  return 0;
}
