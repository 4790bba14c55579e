// Input: patches (Patches.h) of eight tasks, their threads, mms and pid
// structures.

#include "Patches.h"
#include "kernel/tasks/PidTable.h"
#include "kernel/tasks/TaskTables.h"
#include "support/TaskObjects.h"

#include <cstdlib>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

struct Tasks {
  Tasks() {
    std::vector<VirtAddr> all;
    for (uint32_t pid = 1; pid <= 8; ++pid) {
      all.push_back(objects.task(pid, "task" + std::to_string(pid)));
      objects.set(all.back(), "task_struct.real_parent", all.front());
      if (pid % 2)
        objects.set(all.back(), "task_struct.mm", objects.mm());
      else
        objects.makeKernelThread(all.back(), "a thread with a long name");
    }
    const VirtAddr thread = objects.task(9, "thread", 1);
    objects.linkThreads(all.front(), {thread});
    objects.linkTasks(all);
    all.push_back(thread);
    objects.setPids(all);
    used = usedBytesOf(objects.objects);
    (void)objects.kernel();
  }

  TaskObjects objects;
  uint64_t used;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Tasks *tasks = new Tasks;
  Patches patches(tasks->objects.objects, tasks->used, data, size);
  const Kernel &kernel = tasks->objects.kernel();
  llvm::consumeError(readPidTable(kernel).takeError());
  for (bool withThreads : {true, false}) {
    llvm::Expected<TaskList> list = readTaskList(kernel, {withThreads});
    if (!list) {
      llvm::consumeError(list.takeError());
      continue;
    }
    for (size_t i = 1; i < list->tasks.size(); ++i)
      if (list->tasks[i].pid < list->tasks[i - 1].pid)
        std::abort();
    Diagnostics diagnostics;
    (void)countTaskTables(*list, kernel.image(), tasks->objects.objects.memory,
                          diagnostics);
  }
  return 0;
}
