//===- LearnedLayout.h - task_struct by what the tasks in memory look like ===//
//
// A kernel without BTF and without a vmlinux at hand still has its tasks, and
// their shape betrays the members that a task list needs: the ring that all of
// them hang on, each with a name at the same distance; a pointer of each
// leader to itself; two equal numbers that differ from task to task and are 0,
// 1, 2 for the first three; and so on. A member is taken only if it fits every
// task looked at. This is the last resort, and said to be.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "debuginfo/Types.h"
#include "kernel/find/KernelImage.h"

#include "llvm/ADT/StringMap.h"

namespace vmpt {

/// Places of members in task_struct and mm_struct, and the address of
/// init_task: tasks, comm, pid, tgid, mm, real_parent, flags, __state, pgd;
/// exit_state where a zombie shows it.
class LearnedLayout final : public PlaceSource {
public:
  /// Looks at the task called "swapper" at \p initTask, else looks for it in
  /// the kernel's image. The LookupError names the first thing that was not
  /// found.
  static llvm::Expected<std::unique_ptr<LearnedLayout>>
  create(const KernelImage &image, const AddressSpace &memory,
         std::optional<VirtAddr> initTask);

  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override;
  std::string describe() const override {
    return "learned from the tasks in memory";
  }

  VirtAddr initTask() const { return initTask_; }
  size_t taskCount() const { return taskCount_; }

private:
  friend class LayoutLearner;
  void put(llvm::StringRef place, uint64_t offset, uint64_t sizeBytes);

  llvm::StringMap<Member> places_; ///< By "STRUCT.MEMBER".
  VirtAddr initTask_;
  size_t taskCount_ = 0;
};

/// init_task, where no symbol names it.
class LearnedSymbols final : public SymbolSource {
public:
  explicit LearnedSymbols(const LearnedLayout &layout) : layout_(layout) {}

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return layout_.describe(); }

private:
  const LearnedLayout &layout_;
};

} // namespace vmpt
