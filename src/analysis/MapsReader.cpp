#include "analysis/MapsReader.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

llvm::Expected<MapsReader> MapsReader::create(const Kernel &kernel) {
  llvm::Expected<VmaReader> vmas =
      VmaReader::create(kernel.types(), kernel.reader());
  if (!vmas)
    return vmas.takeError();
  llvm::Expected<VmaNames> names =
      VmaNames::create(kernel.types(), kernel.symbols(), kernel.reader(),
                       kernel.image().version());
  if (!names)
    return names.takeError();
  return MapsReader(kernel, std::move(*vmas), std::move(*names));
}

MapsReader::MapsReader(const Kernel &kernel, VmaReader vmas, VmaNames names)
    : kernel_(&kernel), vmas_(std::move(vmas)), names_(std::move(names)),
      hidesStackGuard_(hidesStackGuard()), rules_(findNonPresentRules(kernel)) {
}

/// Until 4.11 a stack's first page was its guard and not shown. The larger
/// gap that replaced it has a parameter, and went into older series as well.
bool MapsReader::hidesStackGuard() const {
  return kernel_->image().version() < KernelVersion{4, 12} &&
         !kernel_->symbols().find("cmdline_parse_stack_guard_gap");
}

MapsRow MapsReader::makeRow(const Vma &vma, const MmLayout &layout,
                            MapsListing &listing) {
  MapsRow row;
  row.start = vma.start;
  row.end = vma.end;
  row.flags = vma.flags;
  VmaName name = names_.describe(vma, layout);
  row.name = std::move(name.text);
  if (vma.file.value) {
    row.offset = vma.pageOffset << kernel_->memory().mode().pageShift;
    row.device = name.device;
    row.inode = name.inode;
  } else {
    row.device = 0;
    row.inode = 0;
  }
  if (!name.problem.empty())
    listing.problems.push_back(std::move(name.problem));
  return row;
}

llvm::Expected<MapsListing> MapsReader::read(VirtAddr mm) {
  llvm::Expected<MmLayout> layout = names_.readLayout(mm);
  if (!layout)
    return layout.takeError();
  VmaList vmas = vmas_.readAll(mm);
  MapsListing listing;
  listing.problems = std::move(vmas.problems);
  const uint64_t pageBytes = bit(kernel_->memory().mode().pageShift);
  for (size_t i = 0; i < vmas.vmas.size(); ++i) {
    Vma vma = vmas.vmas[i];
    const bool growsOn = i && vmas.vmas[i - 1].end == vma.start &&
                         (vmas.vmas[i - 1].flags & VmGrowsDown);
    MapsRow row = makeRow(vma, *layout, listing);
    if (hidesStackGuard_ && (vma.flags & VmGrowsDown) && !growsOn &&
        vma.end - vma.start > pageBytes)
      row.start += pageBytes;
    listing.rows.push_back(std::move(row));
  }
  llvm::Expected<std::optional<Vma>> gate = names_.findGate(*layout, vmas_);
  if (!gate)
    listing.problems.push_back(llvm::toString(gate.takeError()));
  else if (*gate)
    listing.rows.push_back(makeRow(**gate, *layout, listing));
  return listing;
}

llvm::Error MapsReader::addPages(MapsListing &listing, PhysAddr root) const {
  const AddressSpace &memory = kernel_->memory();
  const PagingMode mode =
      getTaskMode(kernel_->image(), memory.physical(), root);
  PageCounter counter(memory.physical(), mode, rules_, root);
  // A process's table spans the lower half; the gate area lies in the upper.
  const uint64_t userLast = lowBits(mode.virtualBits);
  uint64_t absent = 0;
  for (MapsRow &row : listing.rows) {
    const uint64_t inPage = lowBits(mode.pageShift);
    if ((row.start.value & inPage) || (row.end.value & inPage) ||
        row.end.value - 1 > userLast)
      continue;
    row.pages = counter.count(row.start, row.end);
    absent += row.pages->of(EntryKind::TableAbsent);
  }
  if (absent)
    listing.problems.push_back("page tables for " + std::to_string(absent) +
                               " pages are not in the dump");
  if (counter.isExhausted())
    return llvm::make_error<FormatError>(
        "the page tables under " + hex(root) +
        " have more entries than there is memory: they lead in circles");
  return llvm::Error::success();
}

} // namespace vmpt
