#include "kernel/tasks/TaskStates.h"

#include "support/TaskObjects.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

TEST(TaskStates, SinceFourFourteen) {
  const TaskStates states(KernelVersion{4, 14});
  struct {
    uint64_t state, exitState;
    char letter;
  } const known[] = {{0, 0, 'R'},       {1, 0, 'S'},     {2, 0, 'D'},
                     {4, 0, 'T'},       {8, 0, 't'},     {0x80, 0x10, 'X'},
                     {0x80, 0x20, 'Z'}, {0x402, 0, 'I'}, {0x40, 0, 'P'},
                     {0x2402, 0, 'I'},  {0x102, 0, 'D'}, {0x2001, 0, 'S'}};
  for (const auto &[state, exitState, letter] : known)
    EXPECT_EQ(states.letter(state, exitState), letter) << hex(state);
}

/// "freezer, sched: Report frozen tasks as 'D' instead of 'R'"; "sched: Fix
/// the check of TASK_RTLOCK_WAIT".
TEST(TaskStates, FrozenTasksAndLockWaitersAreBlocked) {
  const TaskStates states(KernelVersion{6, 1});
  for (uint64_t state : {0x8000, 0x8001, 0x1000, 0x1001, 0x8402})
    EXPECT_EQ(states.letter(state, 0), 'D') << hex(state);
}

/// linux v4.13 include/linux/sched.h: TASK_DEAD 64, TASK_PARKED 512, and a
/// sleep without load was D.
TEST(TaskStates, BeforeFourFourteen) {
  const TaskStates states(KernelVersion{4, 13});
  struct {
    uint64_t state, exitState;
    char letter;
  } const known[] = {{0, 0, 'R'},       {1, 0, 'S'},     {2, 0, 'D'},
                     {4, 0, 'T'},       {8, 0, 't'},     {0x40, 0x10, 'X'},
                     {0x40, 0x20, 'Z'}, {0x402, 0, 'D'}, {0x200, 0, 'S'},
                     {0x82, 0, 'D'}};
  for (const auto &[state, exitState, letter] : known)
    EXPECT_EQ(states.letter(state, exitState), letter) << hex(state);
}

class TaskStateArray : public ::testing::Test {
protected:
  void setArray(llvm::ArrayRef<const char *> texts) {
    VirtAddr array = kernel.objects.allocate(8 * (texts.size() + 1));
    for (size_t i = 0; i < texts.size(); ++i)
      kernel.objects.setWord(array + 8 * i,
                             kernel.objects.text(texts[i]).value);
    kernel.symbols["task_state_array"] = array;
  }
  char letter(uint64_t state, uint64_t exitState = 0) {
    return TaskStates::find(kernel.kernel()).letter(state, exitState);
  }
  TaskObjects kernel; ///< Of a kernel that does not say its version.
};

TEST_F(TaskStateArray, NamesTheBits) {
  setArray({"R (running)", "S (sleeping)", "D (disk sleep)", "T (stopped)",
            "t (tracing stop)", "X (dead)", "Z (zombie)"});
  EXPECT_EQ(letter(0x402), 'D') << "not I: there is none";
  EXPECT_EQ(letter(0x40, 0x20), 'Z');
}

/// 3.13: the exit states the other way round, and letters of bits that are
/// not reported.
TEST_F(TaskStateArray, OfOldKernelsHasAnotherOrder) {
  setArray({"R (running)", "S (sleeping)", "D (disk sleep)", "T (stopped)",
            "t (tracing stop)", "Z (zombie)", "X (dead)", "x (dead)",
            "K (wakekill)", "W (waking)", "P (parked)"});
  EXPECT_EQ(letter(0x40, 0x10), 'Z');
  EXPECT_EQ(letter(0x82), 'D');
}

TEST_F(TaskStateArray, MayGetALetterMore) {
  setArray({"R (running)", "S (sleeping)", "D (disk sleep)", "T (stopped)",
            "t (tracing stop)", "X (dead)", "Z (zombie)", "P (parked)",
            "Q (new)", "I (idle)"});
  EXPECT_EQ(letter(0x80), 'Q');
  EXPECT_EQ(letter(0x402), 'I');
}

TEST_F(TaskStateArray, ThatMakesNoSenseIsNotUsed) {
  setArray({"S (sleeping)", "R (running)"});
  EXPECT_EQ(letter(1), 'S');
  kernel.symbols["task_state_array"] = KernelObjects::nowhere();
  EXPECT_EQ(letter(2), 'D');
}

} // namespace
