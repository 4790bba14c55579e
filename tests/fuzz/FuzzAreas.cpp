// Input: patches (Patches.h) of two processes' memory areas: on a list, as up
// to Linux 6.0, and in a maple tree of two levels.

#include "Patches.h"
#include "kernel/areas/VmaList.h"

#include <cstdlib>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr unsigned areaCount = 8;

struct Areas {
  explicit Areas(bool isTree) {
    std::vector<KernelObjects::Part> parts = {
        {"vm_start", 8}, {"vm_end", 8}, {"vm_flags", 8},       {"vm_pgoff", 8},
        {"vm_file", 8},  {"vm_ops", 8}, {"vm_private_data", 8}};
    if (!isTree)
      parts.push_back({"vm_next", 8});
    objects.declare("vm_area_struct", parts);
    objects.declare("maple_tree", {{"ma_lock", 8}, {"ma_root", 8}});
    objects.declare("maple_range_64",
                    {{"parent", 8}, {"pivot", 8, 15}, {"slot", 8, 16}});
    objects.declare(
        "maple_arange_64",
        {{"parent", 8}, {"pivot", 8, 9}, {"slot", 8, 10}, {"gap", 8, 10}});
    objects.declareEnum("maple_type", {{"maple_dense", 0},
                                       {"maple_leaf_64", 1},
                                       {"maple_range_64", 2},
                                       {"maple_arange_64", 3}});
    if (isTree)
      objects.declare("mm_struct", {{"map_count", 8}, {"mm_mt", "maple_tree"}});
    else
      objects.declare("mm_struct", {{"map_count", 8}, {"mmap", 8}});
    mm = objects.allocate(std::string("mm_struct"));
    objects.set(mm, "mm_struct", "map_count", areaCount);
    std::vector<VirtAddr> areas;
    for (uint64_t i = 0; i < areaCount; ++i) {
      areas.push_back(objects.allocate(std::string("vm_area_struct")));
      objects.set(areas.back(), "vm_area_struct", "vm_start", startOf(i));
      objects.set(areas.back(), "vm_area_struct", "vm_end", startOf(i) + 4096);
    }
    if (isTree)
      plant(areas);
    else
      link(areas);
    used = usedBytesOf(objects);
    reader = std::make_unique<VmaReader>(
        valueOf(VmaReader::create(objects.types(), objects.reader())));
  }

  static uint64_t startOf(uint64_t i) { return 0x400000 + i * 0x10000; }
  void link(const std::vector<VirtAddr> &areas) {
    objects.set(mm, "mm_struct", "mmap", areas.front());
    for (size_t i = 1; i < areas.size(); ++i)
      objects.set(areas[i - 1], "vm_area_struct", "vm_next", areas[i]);
  }
  /// Two leaves under a node of the other kind.
  void plant(const std::vector<VirtAddr> &areas) {
    constexpr uint64_t leaf = 1, arange = 3;
    const VirtAddr top = objects.allocate(256, 256);
    for (size_t half = 0; half < 2; ++half) {
      const VirtAddr node = objects.allocate(256, 256);
      for (size_t i = 0; i < areaCount / 2; ++i) {
        const size_t area = half * areaCount / 2 + i;
        put(node, 15, 2 * i, startOf(area) - 1, 0);
        put(node, 15, 2 * i + 1, startOf(area) + 4095, areas[area].value);
      }
      // The rest of its range is empty.
      put(node, 15, areaCount,
          half ? ~uint64_t(0) : startOf(areaCount / 2) - 0x1001, 0);
      put(top, 9, half, half ? ~uint64_t(0) : startOf(areaCount / 2) - 0x1001,
          node.value | leaf << 3 | 4);
    }
    objects.set(mm, "mm_struct", "mm_mt.ma_root", top.value | arange << 3 | 2);
  }
  void put(VirtAddr node, unsigned pivots, size_t i, uint64_t pivot,
           uint64_t slot) {
    objects.setWord(node + 8 + i * 8, pivot);
    objects.setWord(node + 8 + (pivots + i) * 8, slot);
  }

  KernelObjects objects;
  std::unique_ptr<VmaReader> reader;
  VirtAddr mm;
  uint64_t used;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Areas *kinds[] = {new Areas(false), new Areas(true)};
  for (Areas *areas : kinds) {
    Patches patches(areas->objects, areas->used, data, size);
    VmaList list = areas->reader->readAll(areas->mm);
    for (size_t i = 0; i < list.vmas.size(); ++i)
      if (list.vmas[i].start >= list.vmas[i].end ||
          (i && list.vmas[i].start < list.vmas[i - 1].end))
        std::abort();
    if (list.problems.empty() &&
        list.vmas.size() !=
            valueOf(areas->objects.reader().word(areas->mm)) % bit(32))
      std::abort();
  }
  return 0;
}
