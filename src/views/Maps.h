//===- Maps.h - the text of /proc/PID/maps --------------------------------===//
//
//   00400000-00401000 r--p 00000000 00:02 6                  /bin/busybox
//
// linux v6.12 fs/proc/task_mmu.c show_map_vma(): addresses with at least 8
// digits, permissions, the offset in the file in bytes, the file's device and
// inode, and the name from column 73 (32-bit kernels: 49) on. A line without a
// name ends with the blank after the inode.
//
#pragma once

#include "kernel/areas/VmaNames.h"
#include "kernel/context/KernelDebug.h"
#include "kernel/pages/PageCensus.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

class JsonWriter;

/// One line, and for --pages what the page tables say.
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
  /// \p debug must outlive the object. A LookupError names what is missing.
  static llvm::Expected<MapsReader> create(const KernelDebug &debug);

  llvm::Expected<MapsListing> read(VirtAddr mm);
  /// Adds to each row what the page tables under \p root hold there.
  llvm::Error addPages(MapsListing &listing, PhysAddr root) const;

private:
  MapsReader(const KernelDebug &debug, VmaReader vmas, VmaNames names);
  MapsRow makeRow(const Vma &vma, const MmLayout &layout, MapsListing &listing);
  bool hidesStackGuard() const;

  const KernelDebug *debug_;
  VmaReader vmas_;
  VmaNames names_;
  bool hidesStackGuard_;
};

/// The line with its line feed. \p wordBytes of the kernel: 8 or 4.
void printMapsRow(llvm::raw_ostream &os, const MapsRow &row,
                  unsigned wordBytes);
/// The line under it, indented, if the row has a census:
///   "    16 pages: 12 present (8 in 2M pages), 1 prot-none, 3 untouched".
void printPages(llvm::raw_ostream &os, const MapsRow &row,
                const PagingMode &mode);
/// An array of objects, one per row.
void writeMapsJson(JsonWriter &json, const MapsListing &listing,
                   const PagingMode &mode);

} // namespace vmpt
