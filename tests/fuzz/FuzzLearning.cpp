// Input: patches (Patches.h) of tasks, and of processes with areas and files,
// whose layouts nobody names.

#include "Patches.h"
#include "kernel/context/LearnedLayout.h"
#include "kernel/find/KernelArch.h"
#include "kernel/learn/FileLearner.h"
#include "kernel/learn/NameLearner.h"
#include "kernel/learn/TaskLinks.h"
#include "support/LearnObjects.h"

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

struct Processes {
  Processes() : kernel(built.makeKernel()), used(usedBytesOf(built.objects)) {}

  LearnObjects built;
  std::unique_ptr<Kernel> kernel;
  uint64_t used;
};

template <class T> void ignore(llvm::Expected<T> result) {
  if (!result)
    llvm::consumeError(result.takeError());
}

void learnStructs(const uint8_t *data, size_t size) {
  static Processes *processes = new Processes;
  const Kernel &kernel = *processes->kernel;
  Patches patches(processes->built.objects, processes->used, data, size);
  ignore(learnThreads(kernel, processes->built.tasks));
  ignore(learnPids(kernel, processes->built.tasks));
  ignore(learnKernelThreads(kernel, processes->built.tasks));
  llvm::Expected<LearnedAreas> areas =
      learnAreas(kernel, processes->built.tasks);
  if (!areas)
    return llvm::consumeError(areas.takeError());
  ignore(learnFiles(kernel, *areas));
  ignore(learnAreaNames(kernel, *areas));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  learnStructs(data, size);
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
