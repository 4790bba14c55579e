#include "kernel/learn/AreaLearner.h"

#include "kernel/areas/VmaList.h"
#include "kernel/find/KernelArch.h"
#include "kernel/learn/MmAreas.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

constexpr uint64_t mmBytes = 2048, areaBytes = 512;
constexpr size_t maxSpaces = 128, maxAreasOfSpace = 256;
constexpr const char *areasInMemory = "memory areas in memory";

/// What the pages of an area that are there allow, taken together.
struct SeenRights {
  bool any = false, write = false, execute = false;
};

class AreaLearner {
public:
  AreaLearner(const Kernel &kernel, llvm::ArrayRef<TaskSample> tasks)
      : kernel_(kernel), reader_(kernel.reader()), word_(reader_.wordBytes()),
        pageBytes_(bit(kernel.image().mode.pageShift)), tasks_(tasks),
        spaces_(reader_, mmBytes), result_{LearnedPlaces(""),
                                           Samples(reader_, areaBytes),
                                           {}} {}

  llvm::Expected<LearnedAreas> learn();

private:
  llvm::Error takeAreas();
  SeenRights lookAtPages(const MmArea &area, PhysAddr root) const;
  bool isInArea(size_t space, uint64_t at) const;
  bool isOrdered(size_t space, uint64_t at) const;
  bool isInPlace(size_t space, uint64_t at) const;
  llvm::Error learnMm();
  llvm::Error learnBack();
  bool fitsFlags(uint64_t at) const;
  llvm::Error learnFlags();
  bool fitsFile(uint64_t at) const;
  llvm::Error learnFile();

  const Kernel &kernel_;
  const StructReader &reader_;
  const unsigned word_;
  const uint64_t pageBytes_;
  llvm::ArrayRef<TaskSample> tasks_;
  Samples spaces_;
  std::vector<std::vector<MmArea>> areasOf_; ///< Of each space.
  std::vector<MmArea> areas_;                ///< Of each of result_.areas.
  std::vector<SeenRights> seen_;             ///< The same.
  bool knowsExecute_ = false; ///< The tables can forbid to execute.
  LearnedAreas result_;
  uint64_t brk_ = 0; ///< start_code and the ten that follow.
};

/// A few of its pages: those that are there, from the front.
SeenRights AreaLearner::lookAtPages(const MmArea &area, PhysAddr root) const {
  constexpr unsigned maxSteps = 32, maxPages = 8;
  const PagingMode mode =
      getTaskMode(kernel_.image(), kernel_.memory().physical(), root);
  SeenRights seen;
  unsigned pages = 0;
  uint64_t at = area.start;
  for (unsigned i = 0; i < maxSteps && pages < maxPages && at < area.end; ++i) {
    const Translation found =
        translate(kernel_.memory().physical(), mode, root, VirtAddr(at));
    const uint64_t step = std::max(found.pageBytes, pageBytes_);
    at = alignDown(at, step) + step;
    if (!found.isMapped())
      continue;
    ++pages;
    const PageRights rights = found.rights(mode);
    seen.any |= rights.user;
    seen.write |= rights.user && rights.writable;
    seen.execute |= rights.user && rights.executable;
  }
  return seen;
}

llvm::Error AreaLearner::takeAreas() {
  std::vector<std::optional<PhysAddr>> roots;
  for (const TaskSample &task : tasks_)
    if (task.mm.value && !task.isKernelThread() && spaces_.size() < maxSpaces &&
        spaces_.add(task.mm))
      roots.push_back(task.root);
  if (spaces_.empty())
    return llvm::make_error<LookupError>(
        "there is no process with memory areas in memory");
  llvm::Expected<std::vector<std::vector<MmArea>>> areas =
      learnMmAreas(reader_, spaces_, pageBytes_, result_.places);
  if (!areas)
    return areas.takeError();
  areasOf_ = std::move(*areas);
  for (size_t space = 0; space < spaces_.size(); ++space) {
    const llvm::ArrayRef<MmArea> all = areasOf_[space];
    for (const MmArea &area : all.take_front(maxAreasOfSpace)) {
      if (!result_.areas.add(area.at))
        continue;
      areas_.push_back(area);
      result_.spaceOf.push_back(space);
      seen_.push_back(roots[space] ? lookAtPages(area, *roots[space])
                                   : SeenRights());
    }
  }
  knowsExecute_ = llvm::any_of(
      seen_, [](const SeenRights &s) { return s.any && !s.execute; });
  return llvm::Error::success();
}

bool AreaLearner::isInArea(size_t space, uint64_t at) const {
  return llvm::any_of(areasOf_[space], [&](const MmArea &area) {
    return at >= area.start && at < area.end;
  });
}

/// start_code, end_code, start_data, end_data, start_brk, brk, start_stack,
/// arg_start, arg_end, env_start, env_end.
bool AreaLearner::isOrdered(size_t space, uint64_t at) const {
  uint64_t v[11];
  for (unsigned i = 0; i < 11; ++i)
    v[i] = spaces_.word(space, at + i * word_);
  return v[0] && v[0] < v[1] && v[2] <= v[3] && v[4] <= v[5] && v[6] &&
         v[7] <= v[8] && v[8] <= v[9] && v[9] <= v[10];
}

bool AreaLearner::isInPlace(size_t space, uint64_t at) const {
  const auto member = [&](unsigned i) {
    return spaces_.word(space, at + i * word_);
  };
  return isInArea(space, member(0)) && isInArea(space, member(6)) &&
         isInArea(space, member(7)) && isInArea(space, member(9) - 1);
}

/// A process may move any of them (prctl(PR_SET_MM)), or unmap what they point
/// to; most do not.
llvm::Error AreaLearner::learnMm() {
  const size_t whole =
      spaces_.count([&](size_t i) { return !areasOf_[i].empty(); });
  std::vector<uint64_t> found = spaces_.find(
      0, spaces_.bound() - 11 * word_ + 1, word_, [&](uint64_t at) {
        const size_t fit = spaces_.count([&](size_t i) {
          return !areasOf_[i].empty() && isOrdered(i, at) && isInPlace(i, at);
        });
        return fit && fit * 4 >= whole * 3;
      });
  // Of a lone mm_struct nothing tells the size. What comes as far behind as the
  // table of another one is of that.
  const auto pgd = findOptionalField(kernel_.types(), "mm_struct", {"pgd"});
  while (pgd && found.size() > 1 && spaces_.all([&](size_t i) {
    const uint64_t table =
        spaces_.word(i, pgd->offset + found.back() - found.front());
    return isObject(reader_, table) && table % 64 == 0;
  }))
    found.pop_back();
  llvm::Expected<uint64_t> at =
      takeOnly(found, "processes in memory",
               "where mm_struct has start_code and what follows");
  if (!at)
    return at.takeError();
  brk_ = *at;
  result_.places.put("mm_struct.start_brk", *at + 4 * word_, word_);
  result_.places.put("mm_struct.brk", *at + 5 * word_, word_);
  result_.places.put("mm_struct.start_stack", *at + 6 * word_, word_);
  return llvm::Error::success();
}

llvm::Error AreaLearner::learnBack() {
  const Samples &areas = result_.areas;
  const auto found = areas.find(0, areas.bound(), word_, [&](uint64_t at) {
    return areas.all([&](size_t i) {
      return areas.word(i, at) == spaces_.address(result_.spaceOf[i]).value;
    });
  });
  llvm::Expected<uint64_t> at =
      takeOnly(found, areasInMemory, "which mm_struct they are of");
  if (!at)
    return at.takeError();
  result_.places.put("vm_area_struct.vm_mm", *at, word_);
  return llvm::Error::success();
}

/// Nothing is allowed that may not become so (VM_MAYREAD and the next two), or
/// that the page tables allow and the flags do not; a stack grows down.
bool AreaLearner::fitsFlags(uint64_t at) const {
  const Samples &areas = result_.areas;
  std::set<uint64_t> rights;
  bool growsDown = false;
  const bool fits = areas.all([&](size_t i) {
    const uint64_t flags = areas.word(i, at), now = flags & 7;
    const SeenRights &seen = seen_[i];
    const uint64_t stack = spaces_.word(result_.spaceOf[i], brk_ + 6 * word_);
    rights.insert(now);
    growsDown |= (flags & VmGrowsDown) && stack >= areas_[i].start &&
                 stack < areas_[i].end;
    return !(now & ~(flags >> 4)) && (!seen.any || now) &&
           (!seen.write || (flags & VmWrite)) &&
           (!knowsExecute_ || !seen.execute || (flags & VmExec)) &&
           // VM_SHARED is of VM_MAYSHARE.
           (!(flags & 8) || (flags & VmMayShare));
  });
  return fits && growsDown && rights.size() > 1;
}

llvm::Error AreaLearner::learnFlags() {
  const auto found =
      result_.areas.find(0, result_.areas.bound(), word_,
                         [&](uint64_t at) { return fitsFlags(at); });
  llvm::Expected<uint64_t> at =
      takeOnly(found, areasInMemory, "where vm_area_struct has its flags");
  if (!at)
    return at.takeError();
  result_.flags = *at;
  result_.places.put("vm_area_struct.vm_flags", *at, word_);
  return llvm::Error::success();
}

/// vm_ops, vm_pgoff, vm_file, vm_private_data, in this order since 2.6. What is
/// of no file has no operations, and counts its pages from its first address
/// (stacks and what was moved excepted).
bool AreaLearner::fitsFile(uint64_t at) const {
  const Samples &areas = result_.areas;
  const unsigned shift = kernel_.image().mode.pageShift;
  std::set<uint64_t> operations, files;
  size_t anonymous = 0, inPlace = 0, withoutOperations = 0;
  const bool fits = areas.all([&](size_t i) {
    const uint64_t ops = areas.word(i, at),
                   pageOffset = areas.word(i, at + word_),
                   file = areas.word(i, at + 2 * word_);
    if (ops)
      operations.insert(ops);
    if (file) {
      files.insert(file);
      withoutOperations += !ops;
    } else if (!ops && !(areas.word(i, result_.flags) & VmGrowsDown)) {
      ++anonymous;
      inPlace += pageOffset == areas_[i].start >> shift;
    }
    // vm_flags has VM_SHARED only of what is a file's.
    return (file || !(areas.word(i, result_.flags) & 8)) &&
           (file || ops || !areas.word(i, at + 3 * word_));
  });
  const auto isMapped = [&](uint64_t object) {
    return isObject(reader_, object);
  };
  return fits && !files.empty() && !operations.empty() && anonymous &&
         inPlace * 4 >= anonymous * 3 &&
         withoutOperations * 4 <= areas.size() &&
         llvm::all_of(operations, isMapped) && llvm::all_of(files, isMapped);
}

llvm::Error AreaLearner::learnFile() {
  const auto found =
      result_.areas.find(0, result_.areas.bound() - 4 * word_ + 1, word_,
                         [&](uint64_t at) { return fitsFile(at); });
  llvm::Expected<uint64_t> at =
      takeOnly(found, areasInMemory, "where vm_area_struct has its file");
  if (!at)
    return at.takeError();
  result_.operations = *at;
  result_.file = *at + 2 * word_;
  result_.privateData = *at + 3 * word_;
  const char *const names[] = {
      "vm_area_struct.vm_ops", "vm_area_struct.vm_pgoff",
      "vm_area_struct.vm_file", "vm_area_struct.vm_private_data"};
  for (unsigned i = 0; i < std::size(names); ++i)
    result_.places.put(names[i], *at + i * word_, word_);
  return llvm::Error::success();
}

llvm::Expected<LearnedAreas> AreaLearner::learn() {
  if (llvm::Error error = takeAreas())
    return error;
  if (llvm::Error error = learnMm())
    return error;
  if (llvm::Error error = learnBack())
    return error;
  if (llvm::Error error = learnFlags())
    return error;
  if (llvm::Error error = learnFile())
    return error;
  return std::move(result_);
}

} // namespace

llvm::Expected<LearnedAreas> learnAreas(const Kernel &kernel,
                                        llvm::ArrayRef<TaskSample> tasks) {
  return AreaLearner(kernel, tasks).learn();
}

} // namespace vmpt
