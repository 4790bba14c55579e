//===- ReverseMap.h - which virtual addresses map a physical one ----------===//
//
// One pass over all tables answers for any number of addresses. The kernel's
// half is looked through once, in the kernel's own table; of a process only
// its own half. Processes that share an mm share the pass.
//
#pragma once

#include "analysis/PhysicalRanges.h"
#include "kernel/context/Kernel.h"
#include "kernel/find/NonPresentRules.h"
#include "kernel/tasks/TaskList.h"
#include "paging/Translate.h"

namespace vmpt {

/// A page, or a piece of a larger one, that is mapped.
struct Mapping {
  PhysAddr physical;
  VirtAddr at;
  uint64_t pageBytes = 0; ///< Of the page that the entry maps.
  PageRights rights;
  /// The entry names the page, but the MMU does not go there.
  bool isProtNone = false;
};

struct ReverseMapOwner {
  const Task *task = nullptr; ///< Null: the kernel.
  uint32_t pid = 0;           ///< Of the process.
  size_t space = 0;           ///< For wayTo().
};

class ReverseMap {
public:
  using Visit = std::function<void(const ReverseMapOwner &, const Mapping &)>;

  /// Both must outlive the object. \p threads look through tables.
  ReverseMap(const Kernel &kernel, const TaskList &tasks, unsigned threads);

  /// Each mapping of \p targets (merged), ascending by owner and address, but
  /// at most \p limit.
  void find(llvm::ArrayRef<PhysicalRange> targets, uint64_t limit,
            const Visit &visit);
  /// The entries from the top table down to one of the mappings of find(). With
  /// PTI those of the table that user code runs on.
  Translation wayTo(const ReverseMapOwner &owner, VirtAddr at) const;
  /// What is mapped more than once with different rights.
  std::vector<PhysicalRange> findDuplicates();

  /// What was lost and why, a sentence each.
  llvm::ArrayRef<std::string> problems() const { return problems_; }
  /// There were more mappings than the limit.
  bool isCut() const { return isCut_; }
  /// Tables that were excluded as zeros are, and taken for empty.
  bool hasExcludedTables() const { return hasExcludedTables_; }

private:
  /// The part of the addresses that an owner's table is looked through for.
  struct Space {
    std::vector<ReverseMapOwner> owners;
    PhysAddr root;
    PagingMode mode;
    std::vector<std::pair<VirtAddr, VirtAddr>> spans;
    bool isUser = false;
  };
  /// What a walk through the tables of a space could not look into.
  struct Missing {
    struct Table {
      PhysAddr table;
      AbsentByte absent;
    };
    std::vector<Table> tables;
    bool hasExcluded = false, isExhausted = false;
  };
  /// Of a space, where another thread has found them.
  struct Found {
    std::vector<Mapping> mappings;
    Missing missing;
    bool isWhole = false;
  };
  using Give = llvm::function_ref<bool(const Mapping &)>;

  void addTasks();
  template <class Sink> void walk(const Space &space, Sink &sink) const;
  Missing look(const Space &space, llvm::ArrayRef<PhysicalRange> targets,
               Give give) const;
  void report(const Space &space, const Missing &missing);

  const Kernel &kernel_;
  const TaskList &tasks_;
  const unsigned threads_;
  const uint64_t presentBytes_; ///< Asked once: there may be many ranges.
  NonPresentRules rules_;
  std::vector<Space> spaces_;
  std::vector<std::string> problems_;
  bool isCut_ = false, hasExcludedTables_ = false;
};

} // namespace vmpt
