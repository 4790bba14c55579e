#include "analysis/RangeNamer.h"

#include "kernel/find/KernelArch.h"

#include <algorithm>

namespace vmpt {

namespace {

/// Of what starts at \p first; a size that wraps is a damaged one.
VirtAddr lastOf(VirtAddr first, uint64_t sizeBytes) {
  const VirtAddr last = first + (sizeBytes - 1);
  return last < first ? VirtAddr(~uint64_t(0)) : last;
}

} // namespace

void NameIndex::set(std::vector<RangeName> names) {
  names_ = std::move(names);
  llvm::stable_sort(names_, [](const RangeName &a, const RangeName &b) {
    return a.first < b.first;
  });
}

const RangeName *NameIndex::at(VirtAddr at) const {
  auto after = llvm::partition_point(
      names_, [&](const RangeName &name) { return name.first <= at; });
  if (after == names_.begin() || std::prev(after)->last < at)
    return nullptr;
  return &*std::prev(after);
}

void NameIndex::addFrom(VirtAddr first, VirtAddr last,
                        RangeNames &found) const {
  auto from = llvm::partition_point(
      names_, [&](const RangeName &name) { return name.first < first; });
  const auto to =
      std::partition_point(from, names_.end(), [&](const RangeName &name) {
        return name.first <= last;
      });
  if (from != names_.begin() && std::prev(from)->last >= first)
    --from;
  const size_t count = size_t(to - from), taken = std::min(count, maxNames);
  found.names.insert(found.names.end(), from, from + std::ptrdiff_t(taken));
  found.moreCount += count - taken;
}

RangeNamer::RangeNamer(const Kernel &kernel)
    : kernel_(kernel), firstKernel_(firstKernelAddress(kernel.image())) {
  symbols_.emplace(kernel_, modules_);
}

llvm::Error RangeNamer::readModules() {
  llvm::Expected<ModuleList> modules = readModuleList(kernel_);
  if (!modules)
    return modules.takeError();
  modules_ = std::move(*modules);
  symbols_.emplace(kernel_, modules_);
  llvm::append_range(problems_, modules_.problems);
  std::vector<RangeName> parts;
  for (const Module &module : modules_.modules)
    for (const ModuleRange &part : module.ranges)
      if (part.sizeBytes)
        parts.push_back({"module",
                         module.name + " " + getModulePartName(part.part).str(),
                         part.start, lastOf(part.start, part.sizeBytes)});
  parts_.set(std::move(parts));
  return llvm::Error::success();
}

std::string RangeNamer::nameOf(const VmallocArea &area) {
  switch (area.kind) {
  case VmallocArea::MapRam:
    return "vm_map_ram";
  case VmallocArea::Lazy:
    return "unpurged";
  case VmallocArea::Struct:
  case VmallocArea::None:
    break;
  }
  return area.caller.value ? symbols_->print(area.caller) : "vm_struct";
}

llvm::Error RangeNamer::readVmalloc() {
  llvm::Expected<VmallocList> list = readVmallocList(kernel_);
  if (!list)
    return list.takeError();
  llvm::append_range(problems_, list->problems);
  std::vector<RangeName> areas;
  for (const VmallocArea &area : list->areas)
    if (area.sizeBytes && area.kind != VmallocArea::None)
      areas.push_back({"vmalloc", nameOf(area), area.start,
                       lastOf(area.start, area.sizeBytes)});
  vmalloc_.set(std::move(areas));
  return llvm::Error::success();
}

llvm::Error RangeNamer::readAreas(VirtAddr mm) {
  forgetAreas();
  llvm::Expected<MapsReader> reader = MapsReader::create(kernel_);
  if (!reader)
    return reader.takeError();
  llvm::Expected<MapsListing> listing = reader->read(mm);
  if (!listing)
    return listing.takeError();
  llvm::append_range(problems_, listing->problems);
  std::vector<RangeName> areas;
  for (const MapsRow &row : listing->rows)
    if (row.start < row.end)
      areas.push_back({"area", row.name, row.start, row.end - 1});
  areas_.set(std::move(areas));
  return llvm::Error::success();
}

std::optional<RangeName> RangeNamer::symbolAt(VirtAddr at) {
  std::optional<AddressName> name;
  if (at >= firstKernel_)
    name = symbols_->find(at);
  if (!name)
    return std::nullopt;
  const VirtAddr first = at - name->offset;
  return RangeName{"symbol", name->text(), first,
                   lastOf(first, name->sizeBytes)};
}

/// The kernel names a module's data after the last symbol of its text; here
/// only what an address is in counts.
RangeNames RangeNamer::find(VirtAddr first, VirtAddr last) {
  RangeNames found;
  for (VirtAddr at : {first, last}) {
    std::optional<RangeName> symbol = symbolAt(at);
    if (symbol && symbol->last >= at &&
        (found.names.empty() || found.names.front().first != symbol->first))
      found.names.push_back(std::move(*symbol));
  }
  for (const NameIndex *index : {&parts_, &vmalloc_, &areas_})
    index->addFrom(first, last, found);
  return found;
}

} // namespace vmpt
