// Input: patches (Patches.h) of tasks whose layout nobody names.

#include "Patches.h"
#include "kernel/context/LearnedLayout.h"
#include "kernel/find/KernelArch.h"

#include <cstdlib>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t taskBytes = 0x1000;

struct Tasks {
  Tasks() {
    for (uint32_t pid : {0, 1, 2, 7, 9, 12})
      add(pid);
    for (size_t i = 0; i < all.size(); ++i) {
      const VirtAddr next = all[(i + 1) % all.size()];
      objects.setWord(all[i] + tasks, (next + tasks).value);
      objects.setWord(next + tasks + 8, (all[i] + tasks).value);
    }
    used = usedBytesOf(objects);
    image.arch = findKernelArch(Arch::X86_64);
    image.mode = x86_64::fourLevel;
    image.root = objects.root();
  }
  void add(uint32_t number) {
    const VirtAddr at = objects.allocate(taskBytes, 4096);
    auto word = [&](uint64_t offset, uint32_t value) {
      objects.memory.writeNumber<uint32_t>(objects.physical(at + offset),
                                           value);
    };
    word(0x18, number == 9 ? 0 : 1);                              // __state
    word(0x2c, number == 1 || number == 9 ? 0x400000 : 0x208040); // flags
    word(0x3c8, number);                                          // pid
    word(0x3cc, number);                                          // tgid
    const VirtAddr parent = all.empty() ? at : all.front();
    objects.setWord(at + 0x3d8, parent.value);
    objects.setWord(at + 0x3e0, parent.value);
    objects.setWord(at + 0x420, at.value); // group_leader
    objects.memory.writeString(objects.physical(at + 0x5f8),
                               number ? "task" + std::to_string(number)
                                      : "swapper/0");
    if (number == 1 || number == 9) {
      const VirtAddr mm = objects.allocate(1024),
                     table = objects.allocate(4096, 4096);
      objects.setWord(mm + 0x48, table.value);
      objects.setWord(at + 0x350, mm.value);
      objects.setWord(at + 0x358, mm.value);
    }
    all.push_back(at);
  }

  static constexpr uint64_t tasks = 0x310;
  KernelObjects objects;
  std::vector<VirtAddr> all;
  KernelImage image;
  uint64_t used;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Tasks *tasks = new Tasks;
  Patches patches(tasks->objects, tasks->used, data, size);
  auto layout = LearnedLayout::create(
      tasks->image, tasks->objects.reader().memory(), tasks->all.front());
  if (!layout) {
    llvm::consumeError(layout.takeError());
    return 0;
  }
  for (const char *member :
       {"tasks", "comm", "pid", "tgid", "mm", "real_parent", "flags"})
    if (auto found = (*layout)->findMember("task_struct", member))
      if (found->offsetBytes() > 64 << 10)
        std::abort();
  return 0;
}
