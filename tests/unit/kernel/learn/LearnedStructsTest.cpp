#include "kernel/learn/LearnedStructs.h"

#include "kernel/areas/VmaNames.h"
#include "kernel/learn/FileLearner.h"
#include "kernel/learn/NameLearner.h"
#include "kernel/learn/TaskLinks.h"
#include "support/LearnObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

uint64_t offsetOf(const LearnedPlaces &places, llvm::StringRef type,
                  llvm::StringRef name) {
  const auto member = places.findMember(type, name);
  return member ? member->offsetBytes() : ~uint64_t(0);
}

class LearnedStructsTest : public ::testing::Test {
protected:
  llvm::Expected<LearnedAreas> areas() {
    kernel = built.makeKernel();
    return learnAreas(*kernel, built.tasks);
  }
  llvm::Expected<LearnedFiles> files() {
    llvm::Expected<LearnedAreas> learned = areas();
    if (!learned)
      return learned.takeError();
    return learnFiles(*kernel, *learned);
  }

  LearnObjects built;
  std::unique_ptr<Kernel> kernel;
};

TEST_F(LearnedStructsTest, AreasShowTheirList) {
  const LearnedPlaces places = valueOf(areas()).places;
  using Area = LearnObjects::Area;
  EXPECT_EQ(offsetOf(places, "mm_struct", "mmap"), LearnObjects::Mm::mmap);
  EXPECT_EQ(offsetOf(places, "mm_struct", "map_count"),
            LearnObjects::Mm::mapCount);
  EXPECT_EQ(offsetOf(places, "mm_struct", "start_stack"),
            LearnObjects::Mm::startCode + 6 * 8);
  EXPECT_EQ(offsetOf(places, "vm_area_struct", "vm_start"), Area::start);
  EXPECT_EQ(offsetOf(places, "vm_area_struct", "vm_next"), Area::next);
  EXPECT_EQ(offsetOf(places, "vm_area_struct", "vm_mm"), Area::mm);
  EXPECT_EQ(offsetOf(places, "vm_area_struct", "vm_flags"), Area::flags);
  EXPECT_EQ(offsetOf(places, "vm_area_struct", "vm_file"), Area::file);
  EXPECT_FALSE(places.findMember("mm_struct", "mm_mt"));
}

TEST_F(LearnedStructsTest, FilesShowTheirPaths) {
  const LearnedPlaces places = valueOf(files()).places;
  using Dentry = LearnObjects::Dentry;
  EXPECT_EQ(offsetOf(places, "file", "f_path.mnt"), LearnObjects::File::path);
  EXPECT_EQ(offsetOf(places, "file", "f_inode"), LearnObjects::File::inode);
  EXPECT_EQ(offsetOf(places, "file", "f_mode"), LearnObjects::File::mode);
  EXPECT_EQ(offsetOf(places, "dentry", "d_parent"), Dentry::parent);
  EXPECT_EQ(offsetOf(places, "dentry", "d_name.name"), Dentry::name);
  EXPECT_EQ(offsetOf(places, "dentry", "d_sb"), Dentry::super);
  EXPECT_EQ(offsetOf(places, "inode", "i_sb"), LearnObjects::Inode::super);
  EXPECT_EQ(offsetOf(places, "inode", "i_ino"), LearnObjects::Inode::number);
  EXPECT_EQ(offsetOf(places, "super_block", "s_dev"),
            LearnObjects::Super::device);
  EXPECT_EQ(offsetOf(places, "super_block", "s_type"),
            LearnObjects::Super::type);
  EXPECT_EQ(offsetOf(places, "mount", "mnt"), LearnObjects::vfsInMount);
  EXPECT_EQ(offsetOf(places, "dentry_operations", "d_dname"), 72u);
}

TEST_F(LearnedStructsTest, TasksShowTheirThreadsAndPids) {
  kernel = built.makeKernel();
  const LearnedPlaces threads = valueOf(learnThreads(*kernel, built.tasks));
  EXPECT_EQ(offsetOf(threads, "task_struct", "signal"),
            LearnObjects::Task::signal);
  EXPECT_EQ(offsetOf(threads, "task_struct", "thread_node"),
            LearnObjects::Task::node);
  EXPECT_EQ(offsetOf(threads, "signal_struct", "thread_head"),
            LearnObjects::headInSignal);
  const LearnedPlaces pids = valueOf(learnPids(*kernel, built.tasks));
  EXPECT_EQ(offsetOf(pids, "task_struct", "pid_links"),
            LearnObjects::Task::links);
  EXPECT_EQ(offsetOf(pids, "pid_namespace", "idr.idr_rt.xa_head"),
            LearnObjects::headInNamespace);
  EXPECT_EQ(offsetOf(pids, "xa_node", "slots"), 40u);
}

TEST_F(LearnedStructsTest, TheReadersTakeWhatWasLearned) {
  kernel = built.makeKernel();
  LearnedPlaces basics("a test");
  const LearnedAreas learned = valueOf(learnAreas(*kernel, built.tasks));
  const LearnedPlaces paths = valueOf(learnFiles(*kernel, learned)).places,
                      names = valueOf(learnAreaNames(*kernel, learned));
  TypeSources types;
  for (const LearnedPlaces *places : {&learned.places, &paths, &names})
    types.add(*places);
  const VmaReader areas = valueOf(VmaReader::create(types, kernel->reader()));
  VmaNames of = valueOf(VmaNames::create(
      types, kernel->symbols(), kernel->reader(), KernelVersion{5, 10}));
  const VirtAddr mm = built.tasks.back().mm;
  const VmaList list = areas.readAll(mm);
  EXPECT_TRUE(list.problems.empty());
  std::vector<std::string> text;
  const MmLayout layout = valueOf(of.readLayout(mm));
  for (const Vma &vma : list.vmas)
    text.push_back(of.describe(vma, layout).text);
  EXPECT_THAT(text, ::testing::ElementsAre("/dash", "/dash", "[heap]", "",
                                           "[vdso]", "[stack]"));
}

// One torn list of two is too much; nothing is learned from the rest.
TEST_F(LearnedStructsTest, ATornListIsNone) {
  built.set(built.areas[1], LearnObjects::Area::next + 8, 0);
  EXPECT_EQ(textOf(areas()),
            "processes in memory do not show a tree or a list of their areas");
}

TEST_F(LearnedStructsTest, OfTwoPlacesNoneIsTaken) {
  for (VirtAddr area : built.areas)
    built.set(area, 0x58, built.get(area, LearnObjects::Area::flags));
  EXPECT_EQ(textOf(areas()), "of where vm_area_struct has its flags, 2 places "
                             "fit all memory areas in memory");
}

TEST_F(LearnedStructsTest, AnAreaOfNobodyIsNoArea) {
  built.set(built.areas[2], LearnObjects::Area::mm, 0);
  EXPECT_EQ(textOf(areas()),
            "memory areas in memory do not show which mm_struct they are of");
}

// Written, but not writable: no flags are like that.
TEST_F(LearnedStructsTest, FlagsThatMayNotBeAreNone) {
  built.set(built.areas[0], LearnObjects::Area::flags, 0x7);
  EXPECT_EQ(textOf(areas()),
            "memory areas in memory do not show where vm_area_struct has its "
            "flags");
}

TEST_F(LearnedStructsTest, ANameOfAnotherLengthIsNone) {
  built.set32(built.dentries.back(), LearnObjects::Dentry::length, 3);
  EXPECT_EQ(textOf(files()), "files that processes have mapped do not show "
                             "where struct file has its path");
}

TEST_F(LearnedStructsTest, ADentryThatIsItsGrandparentEnds) {
  built.set(built.dentries.front(), LearnObjects::Dentry::parent,
            built.dentries.back().value);
  EXPECT_THAT(textOf(files()), ::testing::HasSubstr("its path"));
}

TEST_F(LearnedStructsTest, EqualNumbersAreNoInodes) {
  for (VirtAddr inode : built.inodes)
    built.set(inode, LearnObjects::Inode::number, 5);
  EXPECT_EQ(textOf(files()),
            "inodes in memory do not show where struct inode has its number");
}

TEST_F(LearnedStructsTest, AThreadOfAnotherProcessIsNone) {
  built.set32(built.tasks[1].at, LearnObjects::Task::tgid, 7);
  kernel = built.makeKernel();
  EXPECT_EQ(textOf(learnThreads(*kernel, built.tasks)),
            "tasks in memory do not show where they have their threads");
}

TEST_F(LearnedStructsTest, APidAtAnotherNumberIsNoTree) {
  built.set32(built.pidOf(built.tasks[1].at), LearnObjects::numberInPid, 5);
  kernel = built.makeKernel();
  EXPECT_EQ(textOf(learnPids(*kernel, built.tasks)),
            "the pids in memory do not show where they have their numbers");
}

TEST_F(LearnedStructsTest, TheReasonIsInEveryError) {
  kernel = built.makeKernel({"task_struct.tasks=0x700:16"});
  EXPECT_EQ(textOf(learnStructs(*kernel, built.diagnostics)), "");
  EXPECT_FALSE(kernel->types().hasMember("vm_area_struct", "vm_start"));
  EXPECT_THAT(
      textOf(findField(kernel->types(), "file", {"f_inode"}).takeError()),
      ::testing::HasSubstr(
          "what lies in memory: there are no tasks to learn from"));
}

TEST_F(LearnedStructsTest, WhatTheUserGivesIsHeldAgainstIt) {
  class Source final : public LearnedSource {
  public:
    std::optional<Member> findMember(llvm::StringRef name,
                                     llvm::StringRef path) const override {
      Member member;
      member.bitOffset = 0x50 * 8;
      return name == "vm_area_struct" && path == "vm_flags"
                 ? std::optional<Member>(member)
                 : std::nullopt;
    }
    std::string describe() const override { return "memory"; }
    void addTo(Evidence &) const override {}
  };
  auto judge = [&](const char *place) {
    kernel = built.makeKernel({place});
    return textOf(
        kernel->addLearned(std::make_unique<Source>(), built.diagnostics));
  };
  EXPECT_EQ(judge("vm_area_struct.vm_flags=80"), "");
  EXPECT_EQ(judge("vm_area_struct.vm_mm=0"), "");
  EXPECT_EQ(judge("vm_area_struct.vm_flags=0"),
            "--offset vm_area_struct.vm_flags=0 contradicts the dump: 80 "
            "(memory); --force takes it all the same");
}

TEST_F(LearnedStructsTest, TheReasonThatThereAreNoTasksIsInErrors) {
  kernel = built.makeKernel();
  EXPECT_THAT(
      textOf(findField(kernel->types(), "task_struct", {"comm"}).takeError()),
      ::testing::HasSubstr("the tasks in memory do not show a ring"));
}

} // namespace
