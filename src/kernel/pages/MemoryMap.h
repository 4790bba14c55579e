//===- MemoryMap.h - where the struct page of a frame is ------------------===//
//
// Linux keeps a struct page for each frame of memory, in one of three ways:
//   flat         one array, `mem_map`
//   sparse       an array for each section, named by `mem_section`
//   vmemmap      the same sections, their arrays in one virtual range
// The last two are read alike, by the sections. Where nothing names them, the
// start of vmemmap and what the page tables map there stand in.
// linux include/linux/mmzone.h, include/asm-generic/memory_model.h.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Frames that follow each other and have their struct pages in one array.
struct MemorySection {
  uint64_t firstFrame = 0;
  uint64_t frameCount = 0;
  VirtAddr pages; ///< The struct page of the first frame.

  uint64_t endFrame() const { return firstFrame + frameCount; }
};

class MemoryMap {
public:
  /// The LookupError says what was looked for. \p pageBytes is the size of a
  /// struct page.
  static llvm::Expected<MemoryMap> create(const Kernel &kernel,
                                          uint64_t pageBytes);

  /// Ascending and disjoint: frames that the kernel has a struct page for,
  /// and that are online.
  llvm::ArrayRef<MemorySection> sections() const { return sections_; }
  /// How many frames /proc/kpageflags tells about.
  uint64_t frameCount() const { return frameCount_; }
  /// Nothing for a frame without a struct page.
  std::optional<VirtAddr> findPage(uint64_t frame) const;
  /// The other way round; nothing if no struct page is at \p page.
  std::optional<uint64_t> findFrame(VirtAddr page) const;

  /// "sections of mem_section in VMCOREINFO", for `info` and messages.
  const std::string &source() const { return source_; }
  /// What is uncertain, a sentence each.
  llvm::ArrayRef<std::string> problems() const { return problems_; }

  /// For tests, and for who knows the sections.
  MemoryMap(std::vector<MemorySection> sections, uint64_t pageBytes,
            uint64_t frameCount);

private:
  friend class MemoryMapFinder;
  MemoryMap() = default;
  void sortByAddress();

  std::vector<MemorySection> sections_;
  std::vector<size_t> byAddress_; ///< Indices of sections_ by `pages`.
  uint64_t pageBytes_ = 0;
  uint64_t frameCount_ = 0;
  std::string source_;
  std::vector<std::string> problems_;
};

} // namespace vmpt
