//===- MapsReader.h - a process's memory areas, and what is in them -------===//
#pragma once

#include "kernel/areas/VmaNames.h"
#include "kernel/context/Kernel.h"
#include "kernel/pages/PageCensus.h"

namespace vmpt {

/// One area, and for --pages what the page tables say.
struct MapsRow {
  VirtAddr start, end;
  uint64_t flags = 0;  ///< vm_flags
  uint64_t offset = 0; ///< In the file, in bytes.
  /// 0 where there is no file; nothing where it could not be read.
  std::optional<uint32_t> device;
  std::optional<uint64_t> inode;
  std::string name; ///< Bytes as the kernel prints them; may be empty.
  std::optional<PageCensus> pages;
};

struct MapsListing {
  std::vector<MapsRow> rows;
  /// What is missing and why, a sentence each.
  std::vector<std::string> problems;
};

class MapsReader {
public:
  /// \p kernel must outlive the object. A LookupError names what is missing.
  static llvm::Expected<MapsReader> create(const Kernel &kernel);

  llvm::Expected<MapsListing> read(VirtAddr mm);
  /// Adds to each row what the page tables under \p root hold there.
  llvm::Error addPages(MapsListing &listing, PhysAddr root) const;

private:
  MapsReader(const Kernel &kernel, VmaReader vmas, VmaNames names);
  MapsRow makeRow(const Vma &vma, const MmLayout &layout, MapsListing &listing);
  bool hidesStackGuard() const;

  const Kernel *kernel_;
  VmaReader vmas_;
  VmaNames names_;
  bool hidesStackGuard_;
  NonPresentRules rules_; ///< Found once for all processes.
};

} // namespace vmpt
