//===- KernelImage.cpp - from a chosen root to what is known with it ------===//
#include "kernel/find/KernelImage.h"

#include "kernel/find/KernelArch.h"
#include "kernel/find/KernelFinder.h"
#include "kernel/find/RegisterRoots.h"
#include "kernel/image/DebugData.h"
#include "paging/Translate.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

/// The part of what is mapped around the top table that lies in memory as it
/// is linked: modules and vmalloc areas do not.
std::optional<KernelRegion> findImageRegion(const KernelImage &image) {
  auto symbols =
      findImageSymbols(*image.arch, VmcoreinfoSymbols(image.vmcoreinfo));
  if (!symbols)
    return std::nullopt;
  std::optional<KernelRegion> region;
  for (const MappedRun &run : image.imageRuns) {
    if (run.start - symbols->self != run.physical - image.root)
      continue;
    if (!region)
      region = {Region::KernelImage, run.start, run.start,
                "mapped around the root table, at its distance"};
    region->last = run.start + (run.size - 1);
  }
  return region;
}

/// To those that the architecture knows of by itself.
void addRegions(KernelImage &image) {
  std::string source;
  for (const Fact &fact : image.evidence.facts())
    if (fact.name == "address markers")
      source = fact.source;
  const VirtAddr top(lowBits(8 * image.wordBytes()));
  llvm::append_range(
      image.regions,
      makeRegions(image.markers, image.arch->regionMarkers, top, source));
  if (!image.findRegion(Region::KernelImage))
    if (std::optional<KernelRegion> region = findImageRegion(image))
      image.regions.push_back(std::move(*region));
  // Regions are of the kernel's space.
  if (!image.arch->spacesOverlap)
    image.regions.push_back({Region::User, VirtAddr(0),
                             image.arch->lastUserAddress(image),
                             "the size of the address space"});
  llvm::stable_sort(image.regions,
                    [](auto &a, auto &b) { return a.first < b.first; });
}

/// Where the image's own tables are missing, and nothing speaks against the
/// root: the image from its text to the last symbol of it that is known.
std::optional<LinearPiece> findPlacedImage(const RootQuery &query,
                                           const KernelImage &image) {
  auto symbols =
      findImageSymbols(*image.arch, VmcoreinfoSymbols(query.vmcoreinfo));
  if (!symbols || image.rootIsOfTask || image.rootDoubt.empty())
    return std::nullopt;
  const Translation path =
      translate(query.memory, image.mode, image.root, symbols->self);
  if (path.outcome != Translation::Outcome::TableAbsent)
    return std::nullopt;
  const uint64_t text = query.vmcoreinfo.symbol("_stext").value_or(~0ull);
  const uint64_t first = std::min(text, symbols->self.value);
  const uint64_t last =
      query.vmcoreinfo
          .lastSymbol(first, first + std::min(maxImageBytes, ~first))
          .value_or(symbols->self.value);
  return LinearPiece{VirtAddr(first), VirtAddr(last),
                     image.root - (symbols->self.value - first)};
}

/// What surely is the image, in one piece: from its text to its data, with what
/// is read-only between them. That is RAM, whatever the container says.
std::optional<MappedRun> findImageCore(const KernelImage &image) {
  auto symbols =
      findImageSymbols(*image.arch, VmcoreinfoSymbols(image.vmcoreinfo));
  if (!symbols || image.rootIsOfTask)
    return std::nullopt;
  VirtAddr first = symbols->self, last = symbols->self;
  for (const Symbol &other : symbols->others) {
    first = std::min(first, other.address);
    last = std::max(last, other.address);
  }
  return MappedRun{first, image.root - (symbols->self - first),
                   last - first + 1};
}

struct KnownBytes {
  uint64_t lost = 0;    ///< The file should have them.
  uint64_t outside = 0; ///< In no range of the dump.
};

KnownBytes countBytes(const PhysicalMemory &memory, const MappedRun &run) {
  KnownBytes bytes;
  uint64_t known = 0;
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence == Absence::OutsideRam)
      continue;
    const uint64_t first = std::max(run.physical, range.start).value;
    const uint64_t end =
        std::min(run.physical.value + run.size, range.start.value + range.size);
    const uint64_t common = first < end ? end - first : 0;
    if (range.absence == Absence::Truncated ||
        range.absence == Absence::Corrupt)
      bytes.lost += common;
    known += common;
  }
  bytes.outside = run.size - std::min(run.size, known);
  return bytes;
}

} // namespace

KernelImage makeKernelImage(const RootQuery &query,
                            const KernelCandidate &chosen,
                            const Attempts &attempts) {
  KernelImage image;
  image.arch = chosen.arch;
  image.mode = chosen.mode.mode;
  image.encryptionMask = chosen.mode.encryptionMask;
  image.root = chosen.root;
  image.rootIsOfTask = chosen.isOfTask;
  image.rootDoubt = chosen.doubt;
  image.bannerRelease = chosen.bannerRelease;
  Evidence &evidence = image.evidence;
  evidence.add("architecture", getArchName(chosen.arch->arch),
               chosen.archSource);
  if (chosen.text) {
    image.vmcoreinfo = chosen.text->info;
    evidence.add("VMCOREINFO",
                 std::to_string(image.vmcoreinfo.text().size()) + " bytes",
                 chosen.text->source);
    if (auto release = image.vmcoreinfo.release())
      evidence.add("kernel release", printable(*release),
                   "VMCOREINFO OSRELEASE");
  }
  if (!image.bannerRelease.empty())
    evidence.add("kernel release", printable(image.bannerRelease),
                 "linux_banner, by kallsyms");
  evidence.add("paging mode", image.mode.name, chosen.modeSource);
  evidence.add("root table", hex(chosen.root), chosen.rootSource);
  for (const std::string &attempt : attempts.list())
    evidence.tried(attempt);
  image.placed = findPlacedImage(query, image);
  if (image.placed)
    evidence.add("kernel image",
                 hex(image.placed->first) + "-" + hex(image.placed->last),
                 "at its distance from the root table: the tables that map it "
                 "are not in the dump");
  image.imageRuns =
      chosen.arch->mapImage(query, image.addressSpace(query.memory));
  chosen.arch->complete(query, image);
  addRegions(image);
  return image;
}

uint64_t countLostBytes(const PhysicalMemory &memory,
                        const KernelImage &image) {
  uint64_t lost = 0;
  for (const MappedRun &run : image.imageRuns) {
    const KnownBytes bytes = countBytes(memory, run);
    // Where there is no map of RAM, all that no range has.
    lost += bytes.lost + (memory.knowsRam() ? 0 : bytes.outside);
  }
  // With another root the image would lie elsewhere.
  if (memory.knowsRam() && image.rootDoubt.empty())
    if (std::optional<MappedRun> core = findImageCore(image))
      lost += countBytes(memory, *core).outside;
  return lost;
}

} // namespace vmpt
