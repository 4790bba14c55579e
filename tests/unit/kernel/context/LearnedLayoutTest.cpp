#include "kernel/context/LearnedLayout.h"

#include "kernel/context/Kernel.h"
#include "kernel/find/KernelArch.h"
#include "paging/modes/Arm64.h"
#include "support/KernelObjects.h"

#include "llvm/ADT/STLExtras.h"

#include "gmock/gmock.h"

#include <map>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Tasks of a layout that nothing in the code under test knows.
class LearnedLayoutTest : public ::testing::Test {
protected:
  static constexpr uint64_t start = 0x2800, size = 0x5000;
  static constexpr uint64_t state = 0x18, flags = 0x2c, tasks = 0x310,
                            mm = 0x350, exitState = 0x3a4, pid = 0x3c8,
                            parent = 0x3d8, leader = 0x420, comm = 0x5f8,
                            pgd = 0x48;

  struct Task {
    VirtAddr at;
    uint32_t pid;
  };

  explicit LearnedLayoutTest(const PagingMode &mode = x86_64::fourLevel)
      : objects(mode) {
    add(0, "swapper/0", 0, 0x00200002);
    add(1, "init", 1, 0x00400100);
    add(2, "kthreadd", 1, 0x00208040);
    add(7, "kworker/0:0", 0x2402, 0x00208060, 2);
    add(9, "sh", 0x2001, 0x00400000, 1);
    add(12, "dead", 0, 0x0040000c, 9);
    objects.memory.writeNumber<uint32_t>(physical(12, exitState), 0x20);
    for (uint32_t user : {1u, 9u})
      giveMm(user);
    // The idle task borrows the mm that was last in use.
    set(0, mm + 8, get(9, mm));
    link();
  }

  void add(uint32_t number, llvm::StringRef name, uint32_t stateBits,
           uint32_t flagBits, uint32_t parentPid = 0) {
    VirtAddr at = objects.allocate(size, 4096) + start;
    list.push_back({at, number});
    objects.memory.writeNumber<uint32_t>(physical(number, state), stateBits);
    objects.memory.writeNumber<uint32_t>(physical(number, flags), flagBits);
    objects.memory.writeNumber<uint32_t>(physical(number, pid), number);
    objects.memory.writeNumber<uint32_t>(physical(number, pid + 4), number);
    objects.memory.writeString(physical(number, comm), name);
    set(number, parent, find(parentPid).value);
    set(number, parent + 8, find(parentPid).value);
    set(number, leader, at.value);
    // What points into the task itself, but not to its start.
    set(number, 0x200, (at + 0x1f0).value);
    set(number, 0x208, (at + 0x208).value);
  }
  void giveMm(uint32_t number) {
    VirtAddr space = objects.allocate(1024, 64);
    VirtAddr table = objects.allocate(4096, 4096);
    // The kernel's half is the kernel's own, where there is one.
    const bool isArm = objects.reader().memory().mode().arch == Arch::Arm64;
    if (isArm)
      objects.setWord(table + 8,
                      objects.physical(objects.allocate(4096, 4096)).value | 3);
    for (unsigned i = 256; i < 512 && !isArm; ++i) {
      uint64_t entry =
          valueOf(objects.memory.readNumber<uint64_t>(objects.root() + i * 8));
      objects.setWord(table + i * 8, entry);
    }
    objects.setWord(space + pgd, table.value);
    set(number, mm, space.value);
    set(number, mm + 8, space.value);
  }
  void link() {
    for (size_t i = 0; i < list.size(); ++i) {
      VirtAddr next = list[(i + 1) % list.size()].at;
      objects.setWord(list[i].at + tasks, (next + tasks).value);
      objects.setWord(next + tasks + 8, (list[i].at + tasks).value);
    }
  }
  VirtAddr find(uint32_t number) const {
    for (const Task &task : list)
      if (task.pid == number)
        return task.at;
    return VirtAddr(0);
  }
  PhysAddr physical(uint32_t number, uint64_t offset) {
    return objects.physical(find(number) + offset);
  }
  void set(uint32_t number, uint64_t offset, uint64_t value) {
    objects.setWord(find(number) + offset, value);
  }
  uint64_t get(uint32_t number, uint64_t offset) {
    return valueOf(objects.reader().word(find(number) + offset));
  }
  llvm::Expected<std::unique_ptr<LearnedLayout>> learn(bool knowsInitTask) {
    image.mode = objects.reader().memory().mode();
    image.arch = findKernelArch(image.mode.arch);
    image.root = objects.root();
    const AddressSpace &memory = objects.reader().memory();
    image.imageRuns = memory.mappedRuns(find(0) - start, find(0) + size);
    return LearnedLayout::create(
        image, memory,
        knowsInitTask ? std::optional<VirtAddr>(find(0)) : std::nullopt);
  }
  static uint64_t offsetOf(const LearnedLayout &layout, llvm::StringRef type,
                           llvm::StringRef name) {
    std::optional<Member> member = layout.findMember(type, name);
    return member ? member->offsetBytes() : ~uint64_t(0);
  }

  KernelObjects objects;
  KernelImage image;
  std::vector<Task> list;
};

TEST_F(LearnedLayoutTest, FindsEveryMember) {
  for (bool knowsInitTask : {true, false}) {
    auto layout = valueOf(learn(knowsInitTask));
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->initTask(), find(0));
    EXPECT_EQ(layout->taskCount(), 6u);
    const std::map<std::string, uint64_t> wanted = {
        {"tasks", tasks}, {"pid", pid},       {"tgid", pid + 4},
        {"comm", comm},   {"mm", mm},         {"real_parent", parent},
        {"flags", flags}, {"__state", state}, {"exit_state", exitState}};
    for (const auto &[name, offset] : wanted)
      EXPECT_EQ(offsetOf(*layout, "task_struct", name), offset) << name;
    EXPECT_EQ(offsetOf(*layout, "mm_struct", "pgd"), pgd);
    EXPECT_FALSE(layout->findMember("task_struct", "signal"));
  }
}

// As with BTF, but without KALLSYMS_ALL: what is known stays as it is.
TEST_F(LearnedLayoutTest, OnlyInitTaskIsTakenWhereTypesAreKnown) {
  ASSERT_EQ(textOf(learn(false)), ""); // for the image
  Diagnostics diagnostics;
  DebugInputs inputs;
  inputs.searchRoot = "/nonexistent";
  image.vmcoreinfo = Vmcoreinfo::parse("OFFSET(task_struct.tasks)=784\n"
                                       "OFFSET(task_struct.pid)=972\n");
  auto kernel = valueOf(
      Kernel::create(image, objects.memory, std::move(inputs), diagnostics));
  EXPECT_EQ(valueOf(kernel->address("init_task")), find(0));
  EXPECT_EQ(valueOf(kernel->types().getOffsetBytes("task_struct", "pid")),
            972u);
  EXPECT_FALSE(kernel->types().hasMember("task_struct", "comm"));
  EXPECT_TRUE(diagnostics.findings().empty());
}

TEST_F(LearnedLayoutTest, WhatTheUserGivesIsHeldAgainstIt) {
  ASSERT_EQ(textOf(learn(false)), ""); // for the image
  const auto create = [&](std::vector<const char *> places, bool force) {
    Diagnostics diagnostics;
    DebugInputs inputs;
    inputs.searchRoot = "/nonexistent";
    inputs.force = force;
    for (const char *place : places)
      EXPECT_EQ(textOf(inputs.places.add(place)), "");
    return Kernel::create(image, objects.memory, std::move(inputs),
                          diagnostics);
  };
  EXPECT_EQ(textOf(create({"task_struct.tasks=0x310:16"}, false)), "");
  EXPECT_EQ(textOf(create({"task_struct.pid=0x3cc:4"}, false)),
            "--offset task_struct.pid=972 contradicts the dump: 968 (learned "
            "from the tasks in memory); --force takes it all the same");
  auto forced = valueOf(create({"task_struct.pid=0x3cc:4"}, true));
  EXPECT_EQ(valueOf(forced->types().getOffsetBytes("task_struct", "pid")),
            972u);
}

TEST_F(LearnedLayoutTest, WithoutAZombieThereIsNoExitState) {
  objects.memory.writeNumber<uint32_t>(physical(12, exitState), 0);
  objects.memory.writeNumber<uint32_t>(physical(12, flags), 0x00400000);
  giveMm(12);
  EXPECT_FALSE(valueOf(learn(true))->findMember("task_struct", "exit_state"));
}

TEST_F(LearnedLayoutTest, ATornRingIsNone) {
  set(7, tasks + 8, 0);
  EXPECT_EQ(textOf(learn(true)), "the tasks in memory do not show a ring that "
                                 "starts at \"swapper\"");
}

TEST_F(LearnedLayoutTest, AMemberThatFitsNotEveryTaskIsNotTaken) {
  objects.memory.writeNumber<uint32_t>(physical(9, pid + 4), 8); // a thread
  EXPECT_EQ(textOf(learn(true)), "the tasks in memory do not show their pids");
}

// Tasks without tables are better than none.
TEST_F(LearnedLayoutTest, ATableThatIsNoneIsNotTaken) {
  objects.setWord(VirtAddr(get(9, mm)) + pgd, find(9).value);
  auto layout = valueOf(learn(true));
  EXPECT_EQ(offsetOf(*layout, "task_struct", "mm"), mm);
  EXPECT_FALSE(layout->findMember("mm_struct", "pgd"));
}

TEST_F(LearnedLayoutTest, TheMmThatHasTablesIsTakenOfTwo) {
  for (uint32_t user : {1u, 9u})
    for (uint64_t offset : {0x340, 0x348})
      set(user, offset, objects.allocate(1024, 64).value);
  for (uint32_t user : {1u, 9u})
    set(user, 0x348, get(user, 0x340));
  EXPECT_EQ(offsetOf(*valueOf(learn(true)), "task_struct", "mm"), mm);
  objects.setWord(VirtAddr(get(9, mm)) + pgd, find(9).value);
  EXPECT_EQ(textOf(learn(true)), "the tasks in memory do not show their mm");
}

// addr_limit of arm64 up to 5.10: all ones in kernel threads.
TEST_F(LearnedLayoutTest, HalfOfANumberIsNoFlags) {
  for (const Task &task : list)
    set(task.pid, 8, get(task.pid, mm) ? 0xffffffffffff : ~uint64_t(0));
  EXPECT_EQ(offsetOf(*valueOf(learn(true)), "task_struct", "flags"), flags);
}

TEST_F(LearnedLayoutTest, OfTwoPlacesNoneIsTaken) {
  for (const Task &task : list)
    objects.memory.writeNumber<uint32_t>(
        physical(task.pid, 0x34), valueOf(objects.memory.readNumber<uint32_t>(
                                      physical(task.pid, flags))));
  EXPECT_EQ(textOf(learn(true)),
            "the tasks in memory do not show which of them are kernel threads");
}

/// The linear map starts with the upper half, so a small number would be an
/// address if the bits above the index were not looked at.
class LearnedArm64Layout : public LearnedLayoutTest {
protected:
  static constexpr uint64_t taskSize = 0x40; ///< In mm_struct, before pgd.

  LearnedArm64Layout() : LearnedLayoutTest(arm64::granule4K48) {
    objects.mapPages(VirtAddr(0xffff000000000000), PhysAddr(0x40000000), 256);
    for (uint32_t user : {1u, 9u})
      objects.setWord(VirtAddr(get(user, mm)) + taskSize, bit(48));
  }
  void expectAll() {
    auto layout = valueOf(learn(true));
    ASSERT_TRUE(layout);
    EXPECT_EQ(offsetOf(*layout, "task_struct", "mm"), mm);
    EXPECT_EQ(offsetOf(*layout, "mm_struct", "pgd"), pgd);
  }
};

TEST_F(LearnedArm64Layout, FindsMmAndPgd) { expectAll(); }

TEST_F(LearnedArm64Layout, TaskSizeIsNoTableOfTheOnlyProcess) {
  llvm::erase_if(list, [](const Task &task) { return task.pid > 7; });
  link();
  expectAll();
}

TEST_F(LearnedArm64Layout, TwoEqualNumbersAreNoMm) {
  for (uint32_t user : {1u, 9u}) // se.slice of 7.2, twice
    for (uint64_t offset : {0x330, 0x338})
      set(user, offset, 0xaae60);
  expectAll();
}

TEST_F(LearnedArm64Layout, APageThatIsNoTableIsNotTaken) {
  llvm::erase_if(list, [](const Task &task) { return task.pid > 7; });
  link();
  VirtAddr other = objects.allocate(4096, 4096);
  const VirtAddr space(get(1, mm));
  objects.setWord(space + 8, other.value); // all zero
  expectAll();
  objects.setWord(other, other.value); // a pointer: not valid, but not zero
  expectAll();
  objects.setWord(other, 0x7f0000000003); // to no memory
  expectAll();
}

} // namespace
