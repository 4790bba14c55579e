//===- PageObjects.h - frames and their struct pages, built in a test -----===//
//
//   PageObjects pages("6.1.0", 64);
//   pages.setFlags(5, "PG_lru");
//   PageFlags flags = pages.flags();
//
// A flat memory map. Layouts and flags reach the code under test as VMCOREINFO
// would give them.
//
#pragma once

#include "KernelObjects.h"
#include "kernel/context/Kernel.h"
#include "kernel/find/KernelArch.h"
#include "kernel/pages/PageFlags.h"

#include <map>

namespace vmpt::testing {

class PageObjects {
public:
  static constexpr uint64_t pageBytes = 64;

  PageObjects(std::string release, uint64_t count)
      : frameCount(count), release_(std::move(release)) {
    map = objects.allocate(count * pageBytes, 4096);
    memMap = objects.allocate(8);
    node = objects.allocate(64);
    maxFrame = objects.allocate(8);
    zeroFrame = objects.allocate(8);
    hugeZero = objects.allocate(8);
    objects.setWord(memMap, map.value);
    objects.setWord(node + 8, count); // node_spanned_pages
    objects.setWord(maxFrame, count);
    symbols = {{"mem_map", memMap},
               {"contig_page_data", node},
               {"max_pfn", maxFrame},
               {"zero_pfn", zeroFrame},
               {"huge_zero_page", hugeZero},
               {"vfs_read", map},
               {"do_huge_pmd_anonymous_page", map}};
    for (uint64_t frame = 0; frame < count; ++frame)
      setNumber(frame, "_mapcount", ~0u);
  }

  VirtAddr page(uint64_t frame) const { return map + frame * pageBytes; }
  void setWord(uint64_t frame, const std::string &member, uint64_t value) {
    objects.setWord(page(frame) + places.at(member), value);
  }
  void setNumber(uint64_t frame, const std::string &member, uint32_t value) {
    objects.memory.writeNumber<uint32_t>(
        objects.physical(page(frame) + places.at(member)), value);
  }
  void setFlags(uint64_t frame, std::initializer_list<const char *> names) {
    uint64_t value = 0;
    for (const char *name : names)
      value |= bit(unsigned(numbers.at(name)));
    setWord(frame, "flags", value);
  }
  /// A compound page of 2^order frames.
  void makeCompound(uint64_t head, unsigned order,
                    std::initializer_list<const char *> names = {"PG_head"}) {
    setFlags(head, names);
    for (uint64_t i = 1; i < bit(order); ++i)
      setWord(head + i, "compound_head", page(head).value | 1);
    objects.memory.writeNumber<uint8_t>(
        objects.physical(page(head + 1) + places.at("compound_order")),
        uint8_t(order));
    setEntireMapCount(head, -1);
  }
  void setEntireMapCount(uint64_t head, int32_t count) {
    objects.memory.writeNumber<uint32_t>(objects.physical(page(head + 1) + 20),
                                         uint32_t(count));
  }

  const Kernel &kernel() {
    if (kernel_)
      return *kernel_;
    arch_.emplace(*findKernelArch(Arch::X86_64));
    arch_->maxZeroPageOrder = maxZeroPageOrder;
    image_.arch = &*arch_;
    image_.mode = x86_64::fourLevel;
    image_.root = objects.root();
    image_.vmcoreinfo = Vmcoreinfo::parse(info());
    DebugInputs inputs;
    inputs.searchRoot = "/nonexistent";
    for (const auto &[name, at] : symbols)
      EXPECT_EQ(textOf(inputs.symbols.add(name + "=" + hex(at))), "");
    kernel_ = valueOf(Kernel::create(image_, objects.memory, std::move(inputs),
                                     diagnostics_));
    return *kernel_;
  }
  PageFlags flags() { return valueOf(PageFlags::create(kernel())); }

  std::string info() const {
    std::string text = "OSRELEASE=" + release_ +
                       "\nSIZE(page)=" + std::to_string(sizeBytes) + "\n" +
                       more;
    for (const auto &[name, offset] : places)
      text += "OFFSET(page." + name + ")=" + std::to_string(offset) + "\n";
    for (const auto &[name, number] : numbers)
      if (name == "PG_head")
        text +=
            "NUMBER(PG_head_mask)=" + std::to_string(bit(unsigned(number))) +
            "\n";
      else
        text += "NUMBER(" + name + ")=" + std::to_string(number) + "\n";
    return text + "OFFSET(pglist_data.node_start_pfn)=0\n"
                  "OFFSET(pglist_data.node_spanned_pages)=8\n"
                  "LENGTH(zone.free_area)=11\n";
  }

  KernelObjects objects;
  const uint64_t frameCount;
  VirtAddr map, memMap, node, maxFrame, zeroFrame, hugeZero;
  std::map<std::string, VirtAddr> symbols;
  uint64_t sizeBytes = pageBytes; ///< As VMCOREINFO says.
  unsigned maxZeroPageOrder = 0;
  std::string more; ///< Further lines of VMCOREINFO.
  /// Linux 6.1, 64 bits.
  std::map<std::string, uint64_t> places = {
      {"flags", 0},           {"compound_head", 8}, {"compound_dtor", 16},
      {"compound_order", 17}, {"mapping", 24},      {"private", 40},
      {"_mapcount", 48},      {"_refcount", 52}};
  std::map<std::string, int64_t> numbers = {
      {"PG_locked", 0},        {"PG_referenced", 1},
      {"PG_uptodate", 2},      {"PG_dirty", 3},
      {"PG_lru", 4},           {"PG_active", 5},
      {"PG_workingset", 6},    {"PG_waiters", 7},
      {"PG_error", 8},         {"PG_slab", 9},
      {"PG_owner_priv_1", 10}, {"PG_swapcache", 10},
      {"PG_arch_1", 11},       {"PG_reserved", 12},
      {"PG_private", 13},      {"PG_private_2", 14},
      {"PG_writeback", 15},    {"PG_head", 16},
      {"PG_mappedtodisk", 17}, {"PG_reclaim", 18},
      {"PG_swapbacked", 19},   {"PG_unevictable", 20},
      {"PG_mlocked", 21},      {"PAGE_BUDDY_MAPCOUNT_VALUE", -129}};

private:
  std::optional<KernelArch> arch_;
  std::string release_;
  KernelImage image_;
  std::unique_ptr<Kernel> kernel_;
  Diagnostics diagnostics_;
};

} // namespace vmpt::testing
