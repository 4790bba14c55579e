//===- Specimen.h - a dump, opened, and what its bytes are ----------------===//
//
// Reads are traced once, on the dump as it was: which bytes the kernel is
// found by, which are tables and where those are mapped, which belong to a
// task or an area. What a mutant may change follows from that.
//
#pragma once

#include "Mutation.h"
#include "kernel/tasks/TaskList.h"
#include "listing/Plan.h"
#include "session/Session.h"

#include <map>

namespace vmpt::robust {

/// What the bytes of a target are.
enum class Part : uint8_t { Header, Image, Table, Task, Area, Anything };
inline constexpr unsigned partCount = 6;
llvm::StringRef getPartName(Part part);

/// Inclusive, so that the last address can be named.
struct Span {
  VirtAddr first, last;
};

/// A table of the kernel's root.
struct KnownTable {
  uint64_t offset = 0; ///< In the file.
  unsigned level = 0;
  /// Where it is mapped; empty where that is too many places, or at two levels.
  std::vector<VirtAddr> bases;
  bool isAmbiguous = false;
};

/// An object in kernel memory: its bytes belong to one line of a result.
struct KnownObject {
  VirtAddr address;
  uint64_t offset = 0, size = 0; ///< In the file.
};

class Specimen {
public:
  static llvm::Expected<std::unique_ptr<Specimen>>
  create(std::unique_ptr<DumpFile> file);

  DumpFile &file() { return *file_; }
  Session &session() { return *session_; }
  const KernelImage &image() const { return *image_; }
  /// Null where the dump has no kernel with tasks.
  const Kernel *kernel() const { return kernel_.get(); }
  const ListingPlan &plan() const { return *plan_; }

  llvm::ArrayRef<Target> targets(Part part) const {
    return targets_[unsigned(part)];
  }
  /// The table that these bytes are of, or null.
  const KnownTable *findTable(uint64_t offset) const;
  llvm::ArrayRef<KnownTable> tables() const { return tables_; }
  llvm::ArrayRef<Target> pages() const { return pages_; }
  /// May `kernel` rightly print something else, with exit status 0, where
  /// these bytes are others? An entry of a table, what says where memory lies,
  /// and what the kernel itself takes for a header: an entry of
  /// address_markers[] and its name, but for the first name, by which the array
  /// is found.
  bool mayChangeListing(const Target &target) const;
  const KnownObject *findObject(Part part, uint64_t offset) const;
  /// Processes with areas: their mm.
  llvm::ArrayRef<VirtAddr> processes() const { return processes_; }

private:
  Specimen() = default;
  llvm::Error trace();
  void traceTasks();
  void traceAreas(const TaskList &list);
  void findTables();
  void findPlaces();
  void findLabels();
  void addObject(Part part, VirtAddr address, llvm::StringRef type);
  void addReads(Part part, const class TraceMemory &trace);
  std::optional<uint64_t> offsetOf(PhysAddr at) const;

  std::unique_ptr<DumpFile> file_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<KernelImage> image_;
  std::unique_ptr<Kernel> kernel_;
  std::optional<ListingPlan> plan_;
  std::vector<Target> targets_[partCount];
  std::vector<KnownTable> tables_; ///< Ascending by offset.
  std::vector<KnownObject> tasks_, areas_;
  std::vector<Target> pages_;
  std::vector<Target> places_; ///< Where the file says where memory lies.
  std::vector<Target> labels_; ///< Of address_markers[].
  std::vector<VirtAddr> processes_;
};

} // namespace vmpt::robust
