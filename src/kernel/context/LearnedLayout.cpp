#include "kernel/context/LearnedLayout.h"

#include "kernel/context/TaskLimits.h"
#include "kernel/context/TaskSigns.h"
#include "kernel/find/KernelArch.h"
#include "kernel/image/ImageScan.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

namespace vmpt {

namespace {

constexpr size_t commBytes = 16; ///< TASK_COMM_LEN
/// task_struct is shorter than this on either side of comm.
constexpr int64_t before = 8192, after = 4096;
/// So many tasks settle what is where.
constexpr size_t maxSamples = 256;
constexpr uint64_t zombie = 0x20; ///< EXIT_ZOMBIE
/// PF_EXITING, PF_FORKNOEXEC: linux include/linux/sched.h.
constexpr uint64_t exiting = 0x4, neverExecuted = 0x40;

/// The bytes around a task's comm; what is not in the dump is zero.
struct Sample {
  VirtAddr comm;
  ByteOrder order;
  std::vector<uint8_t> bytes;

  uint64_t number(int64_t offset, unsigned size) const {
    const uint8_t *at = bytes.data() + (offset + before);
    return size == 8 ? loadUnaligned<uint64_t>(at, order)
                     : loadUnaligned<uint32_t>(at, order);
  }
};

bool isName(llvm::StringRef text) {
  return !text.empty() && text.size() < commBytes &&
         llvm::all_of(text, [](char c) { return llvm::isPrint(c); });
}

} // namespace

/// Offsets here are from comm, and can be negative, until the start of
/// task_struct is known.
class LayoutLearner {
public:
  LayoutLearner(const KernelImage &image, const AddressSpace &memory)
      : image_(image), memory_(memory), word_(image.wordBytes()) {}

  llvm::Expected<std::unique_ptr<LearnedLayout>>
  learn(llvm::ArrayRef<VirtAddr> names);

private:
  std::optional<uint64_t> readWord(VirtAddr at) const {
    uint8_t raw[8] = {};
    if (llvm::Error error =
            memory_.read(at, llvm::MutableArrayRef<uint8_t>(raw, word_))) {
      llvm::consumeError(std::move(error));
      return std::nullopt;
    }
    return word_ == 8 ? loadUnaligned<uint64_t>(raw, memory_.order())
                      : loadUnaligned<uint32_t>(raw, memory_.order());
  }
  std::vector<VirtAddr> followRing(VirtAddr comm, int64_t offset) const;
  bool findRing(VirtAddr comm);
  void takeSamples(llvm::ArrayRef<VirtAddr> comms);

  /// All offsets, in steps of \p size, that \p fits all tasks.
  template <class Fits>
  std::vector<int64_t> findAll(int64_t from, unsigned size, Fits fits) const {
    std::vector<int64_t> found;
    for (int64_t at = from; at + 16 <= end_; at += size)
      if ((at < 0 || at >= int64_t(commBytes)) && fits(at)) // not in the name
        found.push_back(at);
    return found;
  }
  /// The only one; nothing if there are several.
  template <class Fits>
  std::optional<int64_t> find(int64_t from, unsigned size, Fits fits) const {
    const std::vector<int64_t> found = findAll(from, size, fits);
    return found.size() == 1 ? std::optional<int64_t>(found.front())
                             : std::nullopt;
  }
  template <class Fits> bool all(Fits fits) const {
    return llvm::all_of(samples_, fits);
  }

  uint64_t findLeastGap() const;
  std::optional<int64_t> findSelf() const;
  std::optional<int64_t> findPid() const;
  std::vector<int64_t> findMms() const;
  bool learnMm();
  std::optional<int64_t> findParent() const;
  std::optional<int64_t> findFlags() const;
  std::optional<int64_t> findState() const;
  std::optional<int64_t> findState(int64_t near) const;
  std::optional<int64_t> findExitState() const;
  std::optional<int64_t> findPgd(int64_t mm) const;
  bool isTopTable(uint64_t table) const;
  bool pointsToTables(PhysAddr root) const;

  const KernelImage &image_;
  const AddressSpace &memory_;
  const unsigned word_;
  int64_t ring_ = 0;
  std::vector<Sample> samples_; ///< The first is init_task.
  int64_t base_ = 0;            ///< Start of task_struct.
  int64_t end_ = after;         ///< Where the next one may start.
  int64_t mm_ = 0, flags_ = 0;
  std::optional<int64_t> pgd_; ///< In mm_struct.
};

/// comm of each task on the ring that has its link at \p offset, init_task
/// first; empty if it is no ring of tasks.
std::vector<VirtAddr> LayoutLearner::followRing(VirtAddr comm,
                                                int64_t offset) const {
  const VirtAddr head = comm + uint64_t(offset);
  std::vector<VirtAddr> comms = {comm};
  std::set<uint64_t> visited = {head.value};
  for (VirtAddr at = head; comms.size() < maxPids;) {
    std::optional<uint64_t> next = readWord(at);
    std::optional<uint64_t> back =
        next ? readWord(VirtAddr(*next) + word_) : std::nullopt;
    if (back != at.value)
      return {};
    if (*next == head.value)
      return comms;
    if (!visited.insert(*next).second)
      return {};
    at = VirtAddr(*next);
    VirtAddr name = at - uint64_t(offset);
    llvm::Expected<std::string> text = memory_.readString(name, commBytes);
    if (!text || !isName(*text)) {
      llvm::consumeError(text.takeError());
      return {};
    }
    comms.push_back(name);
  }
  return {};
}

bool LayoutLearner::findRing(VirtAddr comm) {
  std::vector<VirtAddr> longest;
  for (int64_t offset = -before; offset + 16 <= after; offset += word_) {
    std::vector<VirtAddr> comms = followRing(comm, offset);
    if (comms.size() > longest.size()) {
      longest = std::move(comms);
      ring_ = offset;
    }
  }
  if (longest.size() < 4)
    return false;
  takeSamples(longest);
  return true;
}

void LayoutLearner::takeSamples(llvm::ArrayRef<VirtAddr> comms) {
  constexpr int64_t chunk = 256;
  samples_.clear();
  for (VirtAddr comm : comms.take_front(maxSamples)) {
    Sample sample{comm, memory_.order(), std::vector<uint8_t>(before + after)};
    for (int64_t at = 0; at < before + after; at += chunk)
      llvm::consumeError(memory_.read(
          comm + uint64_t(at - before),
          llvm::MutableArrayRef<uint8_t>(sample.bytes).slice(at, chunk)));
    samples_.push_back(std::move(sample));
  }
}

/// group_leader: on the ring are leaders, and a leader's points to itself.
/// Heads of empty lists and pointers from one part to another do that, too,
/// but nothing can point to less than the start.
std::optional<int64_t> LayoutLearner::findSelf() const {
  std::optional<int64_t> start;
  for (int64_t at = -before; at + 16 <= after; at += word_) {
    auto distance = [&](const Sample &task) {
      return int64_t(task.number(at, word_) - task.comm.value);
    };
    const int64_t first = distance(samples_[0]);
    if (first < 0 && first >= -before && (!start || first < *start) &&
        all([&](auto &task) { return distance(task) == first; }))
      start = first;
  }
  return start;
}

/// From one task to the next: none is longer.
uint64_t LayoutLearner::findLeastGap() const {
  std::set<uint64_t> starts;
  for (const Sample &task : samples_)
    starts.insert(task.comm.value);
  return leastGap(starts, before + after);
}

std::optional<int64_t> LayoutLearner::findPid() const {
  return find(base_, 4, [&](int64_t at) {
    std::set<uint64_t> pids;
    return samples_[0].number(at, 4) == 0 && all([&](auto &task) {
             uint64_t pid = task.number(at, 4);
             return pid <= maxPids && pid == task.number(at + 4, 4) &&
                    pids.insert(pid).second;
           }) &&
           pids.count(1);
  });
}

/// mm and active_mm side by side: equal, or the first is null (kernel threads,
/// zombies).
std::vector<int64_t> LayoutLearner::findMms() const {
  return findAll(base_, word_, [&](int64_t at) {
    size_t users = 0;
    return samples_[0].number(at, word_) == 0 && all([&](auto &task) {
             uint64_t mm = task.number(at, word_);
             users += mm != 0;
             return mm == 0 || (mm == task.number(at + word_, word_) &&
                                readWord(VirtAddr(mm)).has_value());
           }) &&
           users && users < samples_.size();
  });
}

/// real_parent and parent side by side. Most are leaders on the ring (a thread
/// that forked is none), and for most the two are the same (a tracer is the
/// parent of what it traces).
std::optional<int64_t> LayoutLearner::findParent() const {
  std::set<uint64_t> starts;
  for (const Sample &task : samples_)
    starts.insert(task.comm.value + uint64_t(base_));
  const uint64_t initTask = samples_[0].comm.value + uint64_t(base_);
  return find(base_, word_, [&](int64_t at) {
    size_t leaders = 0, ofInitTask = 0;
    for (const Sample &task : samples_) {
      uint64_t parent = task.number(at, word_);
      leaders +=
          parent == task.number(at + word_, word_) && starts.count(parent);
      ofInitTask += parent == initTask;
    }
    // init_task itself, init and kthreadd; others' pointers to it are not
    // their parents.
    return samples_[0].number(at, word_) == initTask &&
           samples_[1].number(at, word_) == initTask && ofInitTask == 3 &&
           leaders * 4 >= samples_.size() * 3;
  });
}

/// Of several places the one whose mm_structs have top tables; without any, the
/// only place, and no place of the table.
bool LayoutLearner::learnMm() {
  const std::vector<int64_t> found = findMms();
  size_t withTables = 0;
  for (int64_t at : found)
    if (std::optional<int64_t> pgd = findPgd(at)) {
      mm_ = at;
      pgd_ = pgd;
      ++withTables;
    }
  if (!withTables && found.size() == 1)
    mm_ = found.front();
  return withTables == 1 || (!withTables && found.size() == 1);
}

/// PF_KTHREAD is set in init_task and clear in all that have an mm; not all of
/// the others are kernel threads (zombies), but most. Whoever never called
/// execve() has PF_FORKNOEXEC, but for init_task, which was not forked.
std::optional<int64_t> LayoutLearner::findFlags() const {
  return find(base_, 4, [&](int64_t at) {
    size_t threads = 0, without = 0;
    // The half of a pointer is none.
    const int64_t start = base_ + int64_t(alignDown(at - base_, word_));
    if (readWord(VirtAddr(samples_[0].number(start, word_))))
      return false;
    bool fits = all([&](auto &task) {
      bool isThread = task.number(at, 4) & kernelThreadFlag;
      bool hasMm = task.number(mm_, word_) != 0;
      threads += isThread;
      without += !hasMm;
      if (isThread && &task != &samples_[0] &&
          !(task.number(at, 4) & neverExecuted))
        return false;
      return !(hasMm && task.number(at, 4) & (kernelThreadFlag | exiting));
    });
    return fits && (samples_[0].number(at, 4) & kernelThreadFlag) && without &&
           threads * 4 >= without * 3;
  });
}

/// The state is near the start, a small number, and some tasks are idle
/// (TASK_IDLE) while others sleep. Before it there may be registers of the
/// floating-point unit (arm's thread_info).
std::optional<int64_t> LayoutLearner::findState() const {
  for (const int64_t near : {256, 1024})
    if (std::optional<int64_t> at = findState(near))
      return at;
  return std::nullopt;
}

std::optional<int64_t> LayoutLearner::findState(int64_t near) const {
  return find(base_, 4, [&](int64_t at) {
    std::set<uint64_t> seen;
    return at < base_ + near && samples_[0].number(at, 4) == 0 &&
           all([&](auto &task) {
             uint64_t state = task.number(at, 4);
             seen.insert(state & stateBits);
             return isState(state);
           }) &&
           seen.count(sleeping) && seen.count(idle);
  });
}

/// EXIT_ZOMBIE in tasks without an mm that are no kernel threads, 0 in others.
std::optional<int64_t> LayoutLearner::findExitState() const {
  return find(base_, 4, [&](int64_t at) {
    size_t zombies = 0;
    return all([&](auto &task) {
             bool dead = task.number(mm_, word_) == 0 &&
                         !(task.number(flags_, 4) & kernelThreadFlag);
             zombies += dead;
             return task.number(at, 4) == (dead ? zombie : 0);
           }) &&
           zombies;
  });
}

/// Is it what a process's own top table looks like: some of its entries lead to
/// tables in memory, none is reserved, and the others are empty?
bool LayoutLearner::pointsToTables(PhysAddr root) const {
  const PhysicalMemory &physical = memory_.physical();
  const PagingMode mode = getTaskMode(image_, physical, root);
  unsigned tables = 0;
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    uint64_t entry = 0;
    if (readEntry(physical, mode, root + uint64_t(index) * mode.entryBytes,
                  entry))
      return false;
    const DecodedEntry decoded = mode.decode(entry, 0);
    uint8_t byte;
    if (decoded.meaning == EntryMeaning::Reserved ||
        (decoded.meaning == EntryMeaning::Hole && !mode.isEmpty(entry, 0)))
      return false;
    if (!decoded.isTable())
      continue;
    auto absent = physical.tryRead(decoded.address, byte);
    if (absent && absent->absence == Absence::OutsideRam)
      return false;
    ++tables;
  }
  return tables;
}

/// Does it map the kernel as the kernel's own table does? Where a task's table
/// has no kernel half (arm64), it has to look like a table.
bool LayoutLearner::isTopTable(uint64_t table) const {
  const uint64_t tableBytes = image_.mode.tableBytes(0);
  if (table == 0 || table & (std::min<uint64_t>(tableBytes, 4096) - 1))
    return false;
  llvm::Expected<PhysAddr> root = memory_.translate(VirtAddr(table));
  if (!root) {
    llvm::consumeError(root.takeError());
    return false;
  }
  if (!image_.arch->tasksMapKernel)
    return pointsToTables(*root);
  const VirtAddr known = samples_[0].comm;
  Translation own =
      translate(memory_.physical(), image_.mode, image_.root, known);
  Translation path = translate(memory_.physical(), image_.mode, *root, known);
  return path.isMapped() && own.isMapped() && path.address == own.address;
}

/// Offset in mm_struct, not from comm.
std::optional<int64_t> LayoutLearner::findPgd(int64_t mmAt) const {
  std::vector<int64_t> found;
  std::set<uint64_t> mms;
  for (const Sample &task : samples_)
    if (uint64_t mm = task.number(mmAt, word_))
      mms.insert(mm);
  const int64_t mmBytes = int64_t(leastGap(mms, 1024));
  for (int64_t at = 0; at < mmBytes; at += word_) {
    std::set<uint64_t> tables;
    bool fits = llvm::all_of(mms, [&](uint64_t mm) {
      std::optional<uint64_t> table = readWord(VirtAddr(mm) + uint64_t(at));
      return table && isTopTable(*table) && tables.insert(*table).second;
    });
    if (fits)
      found.push_back(at);
  }
  return found.size() == 1 ? std::optional<int64_t>(found.front())
                           : std::nullopt;
}

llvm::Expected<std::unique_ptr<LearnedLayout>>
LayoutLearner::learn(llvm::ArrayRef<VirtAddr> names) {
  auto missing = [](llvm::StringRef what) {
    return llvm::make_error<LookupError>("the tasks in memory do not show " +
                                         what);
  };
  if (llvm::none_of(names, [&](VirtAddr comm) { return findRing(comm); }))
    return missing("a ring that starts at \"swapper\"");
  std::unique_ptr<LearnedLayout> layout(new LearnedLayout());
  layout->taskCount_ = samples_.size();
  std::optional<int64_t> start = findSelf();
  if (!start)
    return missing("where task_struct starts");
  base_ = *start;
  end_ = std::min(after, base_ + int64_t(findLeastGap()));
  layout->initTask_ = samples_[0].comm + uint64_t(base_);
  layout->put("task_struct.comm", uint64_t(-base_), commBytes);
  layout->put("task_struct.tasks", uint64_t(ring_ - base_), 2 * word_);

  auto take = [&](std::optional<int64_t> at, llvm::StringRef place,
                  unsigned size) {
    if (at)
      layout->put(place, uint64_t(*at - base_), size);
    return at.has_value();
  };
  std::optional<int64_t> pid = findPid();
  if (!take(pid, "task_struct.pid", 4))
    return missing("their pids");
  layout->put("task_struct.tgid", uint64_t(*pid + 4 - base_), 4);
  if (!learnMm())
    return missing("their mm");
  take(mm_, "task_struct.mm", word_);
  if (!take(findParent(), "task_struct.real_parent", word_))
    return missing("their parents");
  std::optional<int64_t> flags = findFlags();
  if (!take(flags, "task_struct.flags", 4))
    return missing("which of them are kernel threads");
  flags_ = *flags;
  if (!take(findState(), "task_struct.__state", 4))
    return missing("their states");
  take(findExitState(), "task_struct.exit_state", 4);
  if (pgd_)
    layout->put("mm_struct.pgd", uint64_t(*pgd_), word_);
  return layout;
}

void LearnedLayout::put(llvm::StringRef place, uint64_t offset,
                        uint64_t sizeBytes) {
  Member member;
  member.bitOffset = offset * 8;
  member.bitSize = sizeBytes * 8;
  places_[place] = member;
}

std::optional<Member> LearnedLayout::findMember(llvm::StringRef name,
                                                llvm::StringRef path) const {
  auto found = places_.find((name + "." + path).str());
  if (found == places_.end())
    return std::nullopt;
  return found->second;
}

std::vector<std::optional<Symbol>>
LearnedSymbols::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  std::vector<std::optional<Symbol>> found;
  for (llvm::StringRef name : names)
    found.push_back(name == "init_task" ? std::optional<Symbol>(Symbol{
                                              name.str(), layout_.initTask()})
                                        : std::nullopt);
  return found;
}

llvm::Expected<std::unique_ptr<LearnedLayout>>
LearnedLayout::create(const KernelImage &image, const AddressSpace &memory,
                      std::optional<VirtAddr> initTask) {
  // The boot CPU's idle task is called swapper/0; swapper without SMP.
  std::vector<VirtAddr> names;
  for (llvm::StringRef name :
       {llvm::StringRef("swapper/0\0", 10), llvm::StringRef("swapper\0", 8)})
    for (VirtAddr at : findBytes(memory, image.imageRuns, name, 64))
      if (!initTask || (at > *initTask && at - *initTask < uint64_t(before)))
        names.push_back(at);
  return LayoutLearner(image, memory).learn(names);
}

} // namespace vmpt
