#include "kernel/tasks/PidTable.h"

#include "support/TaskObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

class PidTableTest : public ::testing::Test {
protected:
  std::vector<VirtAddr> read() {
    return valueOf(readPidTable(kernel.kernel()));
  }
  VirtAddr newNode() { return kernel.objects.allocate(512); }
  void setSlot(VirtAddr node, unsigned slot, uint64_t entry) {
    kernel.objects.setWord(node + 8 * slot, entry);
  }
  void setHead(uint64_t entry) {
    kernel.objects.setWord(kernel.pidNamespace, entry);
  }

  TaskObjects kernel;
};

TEST_F(PidTableTest, AnEmptyOne) { EXPECT_THAT(read(), IsEmpty()); }

TEST_F(PidTableTest, OneNodeInTheOrderOfItsSlots) {
  VirtAddr one = kernel.task(1, "a"), two = kernel.task(2, "b");
  VirtAddr node = newNode();
  setSlot(node, 63, kernel.pidOf(one).value);
  setSlot(node, 1, kernel.pidOf(two).value);
  setHead(node.value | 2);
  EXPECT_THAT(read(), ElementsAre(two, one));
}

TEST_F(PidTableTest, WithoutItsSymbolTheNamespaceIsInitTasksOwn) {
  VirtAddr task = kernel.task(1, "a");
  setHead(kernel.pidOf(task).value);
  kernel.symbols.erase("init_pid_ns");
  kernel.places["task_struct.nsproxy"] = {0xf8, 8};
  kernel.places["nsproxy.pid_ns_for_children"] = {32, 8};
  VirtAddr proxy = kernel.objects.allocate(64);
  kernel.objects.setWord(kernel.initTask + 0xf8, proxy.value);
  kernel.objects.setWord(proxy + 32, kernel.pidNamespace.value);
  EXPECT_THAT(read(), ElementsAre(task));
}

TEST_F(PidTableTest, WithoutTheNamespaceAllThatIsSaidIsItsSymbol) {
  kernel.symbols.erase("init_pid_ns");
  EXPECT_THAT(textOf(readPidTable(kernel.kernel())),
              HasSubstr("no symbol 'init_pid_ns'"));
}

TEST_F(PidTableTest, ASingleEntryNeedsNoNode) {
  VirtAddr task = kernel.task(1, "a");
  setHead(kernel.pidOf(task).value);
  EXPECT_THAT(read(), ElementsAre(task));
}

TEST_F(PidTableTest, NodesBelowNodes) {
  VirtAddr low = kernel.task(1, "a"), high = kernel.task(70, "b");
  VirtAddr top = newNode(), first = newNode(), second = newNode();
  setSlot(top, 0, first.value | 2);
  setSlot(top, 1, second.value | 2);
  setSlot(first, 1, kernel.pidOf(low).value);
  setSlot(second, 6, kernel.pidOf(high).value);
  setHead(top.value | 2);
  EXPECT_THAT(read(), ElementsAre(low, high));
}

TEST_F(PidTableTest, RadixTreesMarkTheirNodesWithOne) {
  kernel.places["radix_tree_node.slots"] = {24, 512};
  kernel.places.erase("xa_node.slots");
  kernel.places["pid_namespace.idr.idr_rt.rnode"] = {0, 8};
  kernel.places.erase("pid_namespace.idr.idr_rt.xa_head");
  VirtAddr task = kernel.task(1, "a"), node = kernel.objects.allocate(600);
  kernel.objects.setWord(node + 24 + 8, kernel.pidOf(task).value);
  setHead(node.value | 1);
  EXPECT_THAT(read(), ElementsAre(task));
}

TEST_F(PidTableTest, ANumberOfAGroupAloneHasNoTask) {
  VirtAddr task = kernel.task(1, "a"), node = newNode();
  setSlot(node, 0, kernel.objects.allocate(32).value);
  setSlot(node, 1, kernel.pidOf(task).value);
  setHead(node.value | 2);
  EXPECT_THAT(read(), ElementsAre(task));
}

TEST_F(PidTableTest, ANodeThatHoldsItselfIsReadOnce) {
  VirtAddr task = kernel.task(1, "a"), node = newNode();
  setSlot(node, 0, node.value | 2);
  setSlot(node, 1, kernel.pidOf(task).value);
  setHead(node.value | 2);
  EXPECT_THAT(read(), ElementsAre(task));
}

TEST_F(PidTableTest, AChainOfNodesIsNoDeeperThanATreeCanBe) {
  VirtAddr first = newNode(), last = first;
  for (unsigned i = 0; i < 100; ++i) {
    VirtAddr next = newNode();
    setSlot(last, 0, next.value | 2);
    setSlot(last, 1, kernel.pidOf(kernel.initTask).value);
    last = next;
  }
  setHead(first.value | 2);
  EXPECT_EQ(read().size(), 8u);
}

TEST_F(PidTableTest, WhatIsNotMappedIsPassedOver) {
  VirtAddr task = kernel.task(1, "a"), node = newNode();
  const uint64_t nowhere = KernelObjects::nowhere().value;
  setSlot(node, 0, nowhere | 2);
  setSlot(node, 1, nowhere);
  setSlot(node, 2, ~uint64_t(0));
  setSlot(node, 3, kernel.pidOf(task).value);
  setHead(node.value | 2);
  EXPECT_THAT(read(), ElementsAre(task));
}

TEST_F(PidTableTest, WithoutSymbolOrLayoutItSaysWhichIsMissing) {
  kernel.places.erase("pid.tasks");
  EXPECT_THAT(textOf(readPidTable(kernel.kernel())),
              HasSubstr("struct pid has no known member 'tasks'"));
}

} // namespace
