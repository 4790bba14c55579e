//===- TaskObjects.h - tasks of a kernel, built in a test -----------------===//
//
//   TaskObjects kernel;
//   VirtAddr init = kernel.task(1, "init");
//   kernel.linkTasks({init});
//   readTaskList(kernel.kernel(), {});
//
// Layouts reach the code under test as --offset would give them.
//
#pragma once

#include "KernelObjects.h"
#include "kernel/context/Kernel.h"
#include "kernel/find/KernelArch.h"
#include "kernel/tasks/TaskList.h"

#include <map>

namespace vmpt::testing {

inline std::vector<uint32_t> pids(const TaskList &list) {
  std::vector<uint32_t> all;
  for (const Task &task : list.tasks)
    all.push_back(task.pid);
  return all;
}

class TaskObjects {
public:
  static constexpr uint32_t kernelThread = 0x00200000, worker = 0x20;

  struct Place {
    uint64_t offset, size;
  };

  TaskObjects() {
    initTask = task(0, "swapper/0");
    pidNamespace = objects.allocate(64);
    panicCpu = objects.allocate(8);
    efiMm = objects.allocate(64);
    objects.memory.writeNumber<uint32_t>(objects.physical(panicCpu), ~0u);
    symbols = {{"init_task", initTask},
               {"init_pid_ns", pidNamespace},
               {"panic_cpu", panicCpu},
               {"efi_mm", efiMm}};
    linkTasks({});
  }

  /// A sleeping leader, on no list; pid structures know nothing of it.
  VirtAddr task(uint32_t pid, llvm::StringRef comm, uint32_t tgid = 0) {
    VirtAddr at = objects.allocate(0x100);
    set(at, "task_struct.pid", pid);
    set(at, "task_struct.tgid", tgid ? tgid : pid);
    set(at, "task_struct.__state", 1);
    set(at, "task_struct.real_parent", initTask.value ? initTask : at);
    objects.memory.writeString(
        objects.physical(at + places.at("task_struct.comm").offset),
        comm.substr(0, 16));
    VirtAddr signal = objects.allocate(16);
    set(at, "task_struct.signal", signal);
    ring(signal, {threadLink(at)});
    return at;
  }
  void linkTasks(const std::vector<VirtAddr> &tasks) {
    std::vector<VirtAddr> links;
    for (VirtAddr task : tasks)
      links.push_back(tasksLink(task));
    ring(tasksLink(initTask), links);
  }
  void linkThreads(VirtAddr leader, const std::vector<VirtAddr> &threads) {
    std::vector<VirtAddr> links{threadLink(leader)};
    for (VirtAddr thread : threads)
      links.push_back(threadLink(thread));
    ring(VirtAddr(get(leader, "task_struct.signal")), links);
  }
  /// A ring of list_heads.
  void ring(VirtAddr head, const std::vector<VirtAddr> &members) {
    VirtAddr last = head;
    for (VirtAddr member : members) {
      objects.setWord(last, member.value);
      objects.setWord(member + 8, last.value);
      last = member;
    }
    objects.setWord(last, head.value);
    objects.setWord(head + 8, last.value);
  }
  /// init, and four more; on the list and known to the pid structures.
  std::vector<VirtAddr> makeFive() {
    std::vector<VirtAddr> tasks;
    for (uint32_t pid = 1; pid <= 5; ++pid)
      tasks.push_back(task(pid, ("t" + llvm::Twine(pid)).str()));
    linkTasks(tasks);
    setPids(tasks);
    return tasks;
  }
  /// The pid structures of \p tasks, all in one node.
  VirtAddr setPids(const std::vector<VirtAddr> &tasks) {
    VirtAddr node = objects.allocate(512);
    for (size_t i = 0; i < tasks.size(); ++i)
      objects.setWord(node + 8 * i, pidOf(tasks[i]).value);
    objects.setWord(pidNamespace, node.value | 2);
    return node;
  }
  VirtAddr pidOf(VirtAddr task) {
    VirtAddr pid = objects.allocate(32);
    objects.setWord(pid,
                    (task + places.at("task_struct.pid_links").offset).value);
    return pid;
  }
  /// An mm whose top table is a page of RAM.
  VirtAddr mm() {
    VirtAddr at = objects.allocate(64), table = objects.allocate(4096, 4096);
    set(at, "mm_struct.pgd", table);
    return at;
  }
  /// Makes \p task a kernel thread with a struct kthread.
  VirtAddr makeKernelThread(VirtAddr task, const std::string &fullName,
                            uint32_t moreFlags = 0) {
    VirtAddr kthread = objects.allocate(32);
    set(task, "task_struct.flags", kernelThread | moreFlags);
    set(task, "task_struct.worker_private", kthread);
    if (!fullName.empty())
      set(kthread, "kthread.full_name", objects.text(fullName));
    return kthread;
  }

  VirtAddr tasksLink(VirtAddr task) const {
    return task + places.at("task_struct.tasks").offset;
  }
  VirtAddr threadLink(VirtAddr task) const {
    return task + places.at("task_struct.thread_node").offset;
  }
  void set(VirtAddr object, const std::string &place, uint64_t value) {
    VirtAddr at = object + places.at(place).offset;
    if (places.at(place).size == 4)
      objects.memory.writeNumber<uint32_t>(objects.physical(at),
                                           uint32_t(value));
    else
      objects.setWord(at, value);
  }
  void set(VirtAddr object, const std::string &place, VirtAddr value) {
    set(object, place, value.value);
  }
  uint64_t get(VirtAddr object, const std::string &place) const {
    return valueOf(objects.reader().word(object + places.at(place).offset));
  }

  /// The kernel as it stands. Symbols and places are taken at the first call.
  const Kernel &kernel() {
    if (kernel_)
      return *kernel_;
    image_.arch = findKernelArch(Arch::X86_64);
    image_.mode = x86_64::fourLevel;
    image_.root = objects.root();
    image_.imageRuns = imageRuns;
    DebugInputs inputs;
    inputs.searchRoot = "/nonexistent";
    for (const auto &[name, at] : symbols)
      EXPECT_EQ(textOf(inputs.symbols.add(name + "=" + hex(at))), "");
    for (const auto &[name, place] : places)
      EXPECT_EQ(textOf(inputs.places.add(name + "=" + hex(place.offset) + ":" +
                                         hex(place.size))),
                "");
    kernel_ = valueOf(Kernel::create(image_, objects.memory, std::move(inputs),
                                     diagnostics_));
    return *kernel_;
  }

  std::map<std::string, Place> places = {
      {"task_struct.tasks", {0, 16}},
      {"task_struct.pid", {0x10, 4}},
      {"task_struct.tgid", {0x14, 4}},
      {"task_struct.comm", {0x18, 16}},
      {"task_struct.mm", {0x28, 8}},
      {"task_struct.signal", {0x30, 8}},
      {"task_struct.real_parent", {0x38, 8}},
      {"task_struct.__state", {0x40, 4}},
      {"task_struct.exit_state", {0x44, 4}},
      {"task_struct.flags", {0x48, 4}},
      {"task_struct.on_cpu", {0x4c, 4}},
      {"task_struct.thread_info.cpu", {0x50, 4}},
      {"task_struct.thread_node", {0x58, 16}},
      {"task_struct.pid_links", {0x68, 64}},
      {"task_struct.worker_private", {0xa8, 8}},
      {"signal_struct.thread_head", {0, 16}},
      {"mm_struct.pgd", {8, 8}},
      {"kthread.full_name", {0, 8}},
      {"kthread.data", {8, 8}},
      {"worker.desc", {0, 24}},
      {"worker.current_work", {24, 8}},
      {"worker.pool", {32, 8}},
      {"pid_namespace.idr.idr_rt.xa_head", {0, 8}},
      {"xa_node.slots", {0, 512}},
      {"pid.tasks", {0, 32}},
  };
  std::map<std::string, VirtAddr> symbols;
  std::vector<MappedRun> imageRuns;
  KernelObjects objects;
  VirtAddr initTask, pidNamespace, panicCpu, efiMm;

private:
  KernelImage image_;
  Diagnostics diagnostics_;
  std::unique_ptr<Kernel> kernel_;
};

} // namespace vmpt::testing
