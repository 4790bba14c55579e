//===- AuditScene.h - everything that an audit judges tables by -----------===//
//
// Each source is read once; one that cannot be read is empty, with the reason.
// Members are plain data, so that a test can say what a machine looks like.
//
#pragma once

#include "kernel/areas/VmaList.h"
#include "kernel/areas/Vmalloc.h"
#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"
#include "kernel/modules/AddressNames.h"
#include "kernel/pages/PageFlags.h"
#include "kernel/tasks/TaskList.h"

#include <functional>
#include <memory>

namespace vmpt {

/// What a struct page says of its frame.
struct FrameFacts {
  PageFacts::State state = PageFacts::State::NoPage;
  uint64_t flags = 0;   ///< Bits of /proc/kpageflags (PageBit).
  int32_t mapCount = 0; ///< Of this page.
  int32_t refCount = 1; ///< Of its head.
  bool isTyped = false; ///< _mapcount says what it is, and counts nothing.
  bool isHuge = false;  ///< hugetlb
  bool isLarge = false; ///< Compound.
  uint64_t mapping = 0; ///< Of its head, with the low bits.
  uint64_t index = 0;   ///< In pages, of this page.
  bool has(PageBit bitNumber) const { return flags >> bitNumber & 1; }
  bool isKnown() const { return state == PageFacts::State::Known; }
};

/// Text or read-only data, of the kernel or of a module. Inclusive.
struct CodePart {
  enum Kind : uint8_t { Text, Rodata } kind;
  VirtAddr first, last;
  std::string name; ///< "the kernel", "module virtio_blk".
  bool isModule = false;
};

/// The memory areas of a process.
struct ProcessAreas {
  std::vector<Vma> vmas;
  std::string problem; ///< Why none or not all are known.
  /// Its lock is held for writing: areas and entries may not agree yet.
  bool isBusy = false;
};

class AuditScene {
public:
  /// Knows the kernel and nothing else. \p kernel must outlive the object.
  explicit AuditScene(const Kernel &kernel);
  /// All that the dump has.
  static std::unique_ptr<AuditScene> read(const Kernel &kernel);

  const Kernel &kernel;
  const KernelArch &arch;
  const PagingMode &mode;
  const uint64_t pageBytes;
  const VirtAddr lastUser;
  unsigned threads = 1; ///< That may work.

  TaskList tasks;
  std::string tasksProblem; ///< Why there are none.
  /// Ascending by start; nothing: not known.
  std::optional<std::vector<VmallocArea>> areas;
  std::string areasProblem; ///< Why there are none, or not all.
  ModuleList modules;
  std::string modulesProblem;
  /// Ascending by start.
  std::vector<CodePart> parts;
  std::string partsProblem; ///< What of the kernel's own is not known.
  /// From its first to its last byte, as far as known; and what of it was code
  /// until the kernel had started.
  std::optional<std::pair<VirtAddr, VirtAddr>> image, initText;
  /// rodata=off: the kernel does not protect its text.
  bool isRodataOff = false;
  std::optional<DirectMap> directMap;
  /// Bits of physical address that the processor has; nothing: not known.
  std::optional<unsigned> physicalBits;

  /// Struct pages; null: not known.
  std::function<FrameFacts(uint64_t frame)> frameAt;
  std::string framesProblem;
  /// Where no symbol names the page of zeros, this may be it; null: it is
  /// known.
  std::function<void(uint64_t frame)> learnZeroPage, learnHugeZeroPage;
  std::vector<MemorySection> sections;
  std::function<ProcessAreas(VirtAddr mm)> areasOf; ///< Null: not known.
  std::string vmasProblem;

  const PhysicalMemory &memory() const { return kernel.memory().physical(); }
  /// The area that \p at lies in, guard page and all, or null.
  const VmallocArea *areaAt(VirtAddr at) const;
  /// Is what lies in no area of these in none at all?
  bool knowsAllAreas() const { return areas && areasProblem.empty(); }
  /// The last of the parts that have a byte in [first, last], or null.
  const CodePart *partIn(VirtAddr first, VirtAddr last) const;
  /// Of the kernel's image or a region; of several regions, the smallest.
  std::optional<Region> regionAt(VirtAddr at) const;
  /// Has the machine memory there? By the dump's map of RAM and by the
  /// kernel's struct pages.
  bool isMemory(PhysAddr at) const;
  std::string nameOf(VirtAddr at); ///< "vfs_read+0x0/0x10"

private:
  void readTasks();
  void readAreas();
  void readModules();
  void findImage();
  void findRodataByTables(VirtAddr textEnd);
  void readFrames();
  void findVmas();
  void findRegions();

  struct Interval {
    VirtAddr first;
    std::optional<Region> region;
  };
  std::vector<Interval> intervals_; ///< Each up to the next one.
  mutable size_t lastInterval_ = 0;
  std::optional<AddressNames> names_;
  std::unique_ptr<PageFlags> pages_;
  std::unique_ptr<VmaReader> vmas_;
};

} // namespace vmpt
