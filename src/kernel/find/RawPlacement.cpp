#include "kernel/find/RawPlacement.h"

#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"
#include "kernel/find/KernelFinder.h"
#include "kernel/find/RawShift.h"
#include "kernel/find/RootCheck.h"
#include "kernel/find/VmcoreinfoScan.h"
#include "kernel/image/DebugData.h"
#include "paging/TableUse.h"

namespace vmpt {

namespace {

/// A layout in which a kernel's root maps itself to itself.
struct Placement {
  const RawLayout *layout = nullptr;
  int64_t shift = 0;
  const Vmcoreinfo *kernel = nullptr;
  uint64_t directMapEnd = 0;  ///< Physical; 0: not known, or not looked for.
  bool directMapFits = false; ///< It can be read and ends where RAM does.
};

Dump layOut(const FileImage &image, const RawLayout &layout,
            int64_t shift = 0) {
  Dump dump;
  readRawLayout(image, layout, shift, dump);
  return dump;
}

/// Does VMCOREINFO, by the formula of its architecture, name a root that is
/// believed? Where it has too few numbers for one: is there such a page? Only
/// with \p diagnostics is all of memory looked at for that.
bool hasRoot(const Dump &dump, const Vmcoreinfo &info,
             Diagnostics *diagnostics) {
  static const KernelOverrides overrides;
  RootQuery query{dump, *dump.memory, overrides, info};
  for (const auto &[arch, symbols] : listPossibleArchs(info)) {
    std::string reason;
    std::vector<ModeChoice> modes = listModes(*arch, query, reason);
    std::vector<RootGuess> guesses = arch->guessRoots(query, symbols.self);
    for (const RootGuess &guess : guesses)
      for (const ModeChoice &mode : modes)
        if (judgeRoot(*dump.memory, mode.mode, guess.root, symbols).verdict ==
            RootVerdict::Confirmed)
          return true;
    if (!guesses.empty() || !diagnostics)
      continue;
    for (const FoundRoot &found :
         findRoots(*dump.memory, modes, symbols, *diagnostics,
                   [](auto &) { return true; }))
      if (found.doubt.empty())
        return true;
  }
  return false;
}

/// One past the highest physical address in the direct map; 0 if a table of it
/// is not in the image, or there is none.
uint64_t findDirectMapEnd(const KernelImage &kernel,
                          const PhysicalMemory &memory, uint64_t ramBytes) {
  std::optional<DirectMap> map = findDirectMap(kernel, memory);
  if (!map)
    return 0;
  // All of it in pages of 4K takes a table for each 2 MiB.
  const uint64_t maxTables = ramBytes / (2 << 20) * 2 + 4096;
  TableUse use =
      countTableUse(memory, kernel.mode, kernel.root, VirtAddr(map->start),
                    VirtAddr(map->last), maxTables);
  return use.absentTables || use.isCut ? 0 : use.physicalEnd;
}

uint64_t findDirectMapEnd(const Dump &dump, const Vmcoreinfo &info,
                          uint64_t imageBytes, Diagnostics &silent) {
  KernelOverrides overrides;
  overrides.vmcoreinfoText = info.text().str();
  Attempts unsaid;
  llvm::Expected<KernelImage> kernel =
      searchKernel(dump, *dump.memory, overrides, silent, unsaid);
  if (!kernel) {
    llvm::consumeError(kernel.takeError());
    return 0;
  }
  return findDirectMapEnd(*kernel, *dump.memory, imageBytes);
}

/// Firmware keeps the last pages to itself.
constexpr uint64_t firmwareBytes = 64 << 20;

void checkDirectMap(const FileImage &image, Placement &placement,
                    Diagnostics &silent) {
  placement.directMapEnd =
      findDirectMapEnd(layOut(image, *placement.layout, placement.shift),
                       *placement.kernel, image.size(), silent);
  const RawPiece last =
      placement.layout->pieces(image.size(), placement.shift).back();
  const uint64_t ramEnd = last.start.value + last.size;
  // An image from 0 on without holes may hold more than RAM.
  placement.directMapFits = placement.directMapEnd &&
                            placement.directMapEnd <= ramEnd &&
                            (last.start == PhysAddr() ||
                             ramEnd - placement.directMapEnd <= firmwareBytes);
}

/// Layouts that differ for an image of this size; "flat" is the first.
std::vector<const RawLayout *> listLayouts(uint64_t imageSize) {
  std::vector<const RawLayout *> distinct;
  for (const RawLayout &layout : rawLayouts())
    if (llvm::none_of(distinct, [&](const RawLayout *other) {
          return other->pieces(imageSize) == layout.pieces(imageSize);
        }))
      distinct.push_back(&layout);
  return distinct;
}

/// A hostile image can have many; none of the texts is looked at twice.
/// Nor is more of the memory looked at where one is at home in a layout.
std::vector<Vmcoreinfo> listKernels(const Dump &dump,
                                    Diagnostics &diagnostics) {
  constexpr size_t maxKernels = 4;
  const FileImage &image = *dump.unplacedImage;
  auto isAtHome = [&](const Vmcoreinfo &info) {
    return llvm::any_of(listLayouts(image.size()), [&](auto *layout) {
      return hasRoot(layOut(image, *layout), info, nullptr);
    });
  };
  std::vector<Vmcoreinfo> kernels;
  for (FoundVmcoreinfo &found :
       scanPagesForVmcoreinfo(*dump.memory, diagnostics, isAtHome))
    if (kernels.size() < maxKernels &&
        llvm::none_of(kernels, [&](const Vmcoreinfo &known) {
          return known.text() == found.info.text();
        }))
      kernels.push_back(std::move(found.info));
  return kernels;
}

/// The image begins where memory does, if that can be. The direct map is asked
/// only where roots leave a choice.
std::optional<Placement> findBest(const FileImage &image,
                                  llvm::ArrayRef<Vmcoreinfo> kernels,
                                  Diagnostics &silent) {
  std::vector<Placement> possible;
  for (const RawLayout *layout : listLayouts(image.size()))
    for (const Vmcoreinfo &kernel : kernels)
      if (hasRoot(layOut(image, *layout), kernel, &silent))
        possible.push_back({layout, 0, &kernel});
  for (const Vmcoreinfo &kernel : kernels)
    if (possible.empty())
      for (const RawShift &shift : findRawShifts(image, kernel, silent))
        possible.push_back({shift.layout, shift.bytes, &kernel});
  if (possible.empty())
    return std::nullopt;
  if (possible.front().layout == possible.back().layout)
    return possible.front(); // one layout, perhaps several kernels
  for (Placement &placement : possible) {
    checkDirectMap(image, placement, silent);
    if (placement.directMapFits)
      return placement;
  }
  return possible.front();
}

/// "laid out so ", and where the image begins.
std::string describeShift(const FileImage &image, const Placement &placement) {
  if (!placement.shift)
    return "laid out so ";
  const RawPiece first =
      placement.layout->pieces(image.size(), placement.shift).front();
  return (first.offset ? "its first " + hex(first.offset) +
                             " bytes are taken for a header, and what follows "
                             "for memory from "
                       : "taken for memory from ") +
         hex(first.start) + " on ";
}

} // namespace

std::optional<std::string> describeMisplacement(const Dump &dump,
                                                const KernelImage &kernel) {
  if (!dump.ramEnd)
    return std::nullopt;
  const uint64_t ramEnd = dump.ramEnd->value;
  const uint64_t mapped = findDirectMapEnd(kernel, *dump.memory, ramEnd);
  if (!mapped || (mapped <= ramEnd && ramEnd - mapped <= firmwareBytes))
    return std::nullopt;
  return "the kernel's direct map ends at " + hex(mapped) +
         ", RAM as the machine's type lays it out at " + hex(ramEnd) +
         ": what lies above 2 GiB may stand elsewhere (max-ram-below-4g, or "
         "memory that was plugged in); take the dump with dump-guest-memory";
}

std::optional<RawPlacement> findRawPlacement(const Dump &dump,
                                             Diagnostics &diagnostics) {
  if (!dump.unplacedImage)
    return std::nullopt;
  const FileImage &image = *dump.unplacedImage;
  const std::vector<Vmcoreinfo> kernels = listKernels(dump, diagnostics);
  Diagnostics silent = diagnostics.makeSilent();
  const std::optional<Placement> best = findBest(image, kernels, silent);
  if (!best)
    return std::nullopt;
  if (best->layout == &rawLayouts().front() && !best->shift) {
    if (!best->directMapEnd || best->directMapFits)
      return std::nullopt;
    return RawPlacement{
        nullptr, 0,
        "the kernel's direct map ends at " + hex(best->directMapEnd) +
            ", beyond the image, and no layout is known in which RAM ends "
            "there: pass --map"};
  }
  return RawPlacement{
      best->layout, best->shift,
      describeShift(image, *best) +
          "because then the kernel's root table maps itself to itself" +
          (best->directMapFits
               ? " and its direct map, up to " + hex(best->directMapEnd) +
                     ", ends where RAM does"
               : std::string())};
}

} // namespace vmpt
