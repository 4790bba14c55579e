#include "kernel/tasks/TaskStates.h"

#include "support/Bits.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

constexpr char sleeping = 'S', blocked = 'D', idle = 'I';
/// Before, all of the array but the exit states and what is before them was of
/// bits that are not reported.
constexpr unsigned oldReportedBits = 6;
constexpr KernelVersion reportsIdle{4, 14};

} // namespace

/// 4.14 gave TASK_PARKED the bit behind the exit states, so that the array has
/// one letter for each bit that is reported, and one more for idle. Before, the
/// exit states came last; TASK_PARKED was 0x200.
TaskStates::TaskStates(KernelVersion version)
    : letters_(version >= reportsIdle ? "RSDTtXZPI" : "RSDTtXZ") {
  if (version >= reportsIdle) {
    idle_ = 0x402; // TASK_NOLOAD | TASK_UNINTERRUPTIBLE
    // 5.16 and 6.1. Bits that had no meaning before, so no version is asked.
    blocked_ = 0x1000 | 0x8000;
  } else {
    parked_ = 0x200;
  }
  reported_ = lowBits(idle_ ? 7 : oldReportedBits);
}

/// Strings like "D (disk sleep)": R first, S next; the array ends where there
/// is no such string.
bool TaskStates::readArray(const Kernel &kernel) {
  constexpr unsigned maxLetters = 16;
  std::optional<Symbol> array = kernel.symbols().find("task_state_array");
  if (!array)
    return false;
  const StructReader &reader = kernel.reader();
  std::string found;
  for (unsigned i = 0; i < maxLetters; ++i) {
    llvm::Expected<uint64_t> at =
        reader.word(array->address + i * reader.wordBytes());
    if (!at) {
      llvm::consumeError(at.takeError());
      break;
    }
    llvm::Expected<std::string> text =
        reader.memory().readString(VirtAddr(*at), 32);
    if (!text) {
      llvm::consumeError(text.takeError());
      break;
    }
    if (text->size() < 4 || !llvm::isAlpha(text->front()) ||
        llvm::StringRef(*text).substr(1, 2) != " (" || text->back() != ')')
      break;
    found += text->front();
  }
  if (llvm::StringRef(found).take_front(3) != "RSD" || found.size() < 7)
    return false;
  // TASK_REPORT_IDLE is the bit behind those that are reported.
  const size_t idleAt = found.find(idle);
  const bool isNew = idleAt != std::string::npos;
  *this = TaskStates(isNew ? reportsIdle : KernelVersion{4, 13});
  reported_ = lowBits(isNew ? unsigned(idleAt - 1) : oldReportedBits);
  letters_ = std::move(found);
  return true;
}

TaskStates TaskStates::find(const Kernel &kernel) {
  TaskStates states(kernel.image().version());
  states.readArray(kernel);
  return states;
}

char TaskStates::letter(uint64_t state, uint64_t exitState) const {
  if (state & blocked_)
    return blocked;
  if (idle_ && (state & idle_) == idle_)
    return idle;
  if (parked_ && state == parked_)
    return sleeping;
  const uint64_t shown = (state | exitState) & reported_;
  return letters_[shown ? 64 - __builtin_clzll(shown) : 0];
}

} // namespace vmpt
