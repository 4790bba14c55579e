#include "kernel/context/ListWalk.h"

#include "support/KernelObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

class ListWalkTest : public ::testing::Test {
protected:
  ListWalkTest() {
    for (int i = 0; i < 5; ++i)
      links.push_back(objects.allocate(16));
    ring(links);
  }
  void ring(const std::vector<VirtAddr> &members) {
    VirtAddr last = head;
    for (VirtAddr member : members) {
      objects.setWord(last, member.value);
      objects.setWord(member + 8, last.value);
      last = member;
    }
    objects.setWord(last, head.value);
    objects.setWord(head + 8, last.value);
  }
  ListMembers read(size_t limit = 100) {
    return followList(objects.reader(), head, limit, "the list");
  }

  KernelObjects objects;
  VirtAddr head = objects.allocate(16);
  std::vector<VirtAddr> links;
};

TEST_F(ListWalkTest, Empty) {
  ring({});
  EXPECT_THAT(read().links, IsEmpty());
  EXPECT_THAT(read().problems, IsEmpty());
}

TEST_F(ListWalkTest, Whole) {
  EXPECT_THAT(read(5).links, ElementsAreArray(links));
  EXPECT_THAT(read(5).problems, IsEmpty());
}

TEST_F(ListWalkTest, TornItKeepsItsOrder) {
  objects.setWord(links[1], 0x1000);
  ListMembers list = read();
  EXPECT_THAT(list.links, ElementsAreArray(links));
  EXPECT_THAT(
      list.problems,
      ElementsAre(HasSubstr("the list is broken after 2 members (forward): ")));
}

TEST_F(ListWalkTest, TornBothWays) {
  objects.setWord(links[1], 0x1000);
  objects.setWord(links[3] + 8, 0);
  ListMembers list = read();
  EXPECT_THAT(list.links, ElementsAre(links[0], links[1], links[3], links[4]));
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("after 2 members (forward)"),
                          HasSubstr("after 2 members (backward)")));
}

TEST_F(ListWalkTest, ALoopWithoutTheHead) {
  objects.setWord(links[3], links[2].value);
  ListMembers list = read();
  EXPECT_THAT(list.links, ElementsAreArray(links));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("leads back to")));
}

TEST_F(ListWalkTest, MoreThanThereCanBe) {
  ListMembers list = read(3);
  EXPECT_THAT(list.links, ElementsAre(links[0], links[1], links[2]));
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("more members than there can be, 3"),
                          HasSubstr("(backward)")));
}

TEST_F(ListWalkTest, AHeadThatIsNotThere) {
  ListMembers list =
      followList(objects.reader(), VirtAddr(0x1000), 10, "the list");
  EXPECT_THAT(list.links, IsEmpty());
  EXPECT_EQ(list.problems.size(), 2u);
}

} // namespace
