//===- S390xLayout.cpp - where the areas of an s390x kernel are -----------===//
//
// linux v6.12 arch/s390/mm/dump_pagetables.c: pt_dump_init() adds a start and
// an end for each area to an array that grows, and sorts it. `markers` points
// to it: entries {int is_start, start, size, name}, the first of which is all
// of the address space. Before 6.9 the array is static, {start, name}, and
// names have "Start" and "End" in them.
//
// Without either: arch/s390/boot/startup.c lays areas out one below the other,
// so they follow from each other, from how much memory there is and from how
// many CPUs there may be. Up to 6.9 they begin at the top of the address space,
// and the kernel lies where it is in memory; since then they begin below the
// kernel.
//
#include "kernel/arch/S390xLayout.h"

#include "kernel/image/DebugData.h"
#include "kernel/image/ImageScan.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr uint64_t pageBytes = 4096, mebibyte = bit(20), gibibyte = bit(30);
constexpr uint64_t lowcoreBytes = 8192; ///< struct lowcore
constexpr uint64_t modulesBytes = 2 * gibibyte;
constexpr uint64_t vmallocBytes = 512 * gibibyte - modulesBytes;
/// The image is linked to 1 MiB; below it there is nothing.
constexpr uint64_t linkAddress = mebibyte;

/// An entry of the array that is allocated.
constexpr uint64_t entryBytes = 32;
constexpr size_t maxEntries = 64, maxNameBytes = 64;

struct Entry {
  bool isStart;
  uint64_t start, size, name;
};

std::optional<Entry> readEntry(const AddressSpace &memory, VirtAddr at) {
  uint8_t raw[entryBytes];
  if (llvm::Error error = memory.read(at, raw)) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  const Bytes bytes(raw, memory.order());
  return Entry{bytes.at<uint32_t>(0) != 0, bytes.at<uint64_t>(8),
               bytes.at<uint64_t>(16), bytes.at<uint64_t>(24)};
}

/// All of the address space comes first, and its end last.
bool isFirst(const Entry &entry) {
  return entry.isStart && !entry.start && entry.size == ~uint64_t(0) &&
         !entry.name;
}

std::optional<MarkerArray> readMarkers(const AddressSpace &memory,
                                       VirtAddr at) {
  MarkerArray array{at, {}};
  uint64_t last = 0;
  for (size_t i = 0; i < maxEntries; ++i) {
    const std::optional<Entry> entry = readEntry(memory, at + i * entryBytes);
    if (!entry || entry->start < last || (i == 0) != isFirst(*entry))
      return std::nullopt;
    last = entry->start;
    if (i && last == ~uint64_t(0))
      return array;
    std::string name = s390xFirstHeader.str();
    if (i) {
      llvm::Expected<std::string> text =
          memory.readString(VirtAddr(entry->name), maxNameBytes);
      if (!text || text->empty()) {
        llvm::consumeError(text.takeError());
        return std::nullopt;
      }
      name = *text + (entry->isStart ? " Start" : " End");
    }
    array.markers.push_back({entry->start, std::move(name), 0});
  }
  return std::nullopt;
}

/// A word in \p run that points to the array. Few are pointers at all, and of
/// those few lead to what begins like it.
std::optional<MarkerArray> findPointer(const AddressSpace &memory,
                                       const AddressSpace &scanned,
                                       const MappedRun &run,
                                       std::string &broken) {
  std::vector<uint8_t> page(pageBytes);
  for (uint64_t done = 0; done + pageBytes <= run.size; done += pageBytes) {
    if (scanned.physical().tryRead(run.physical + done, page))
      continue;
    const Bytes words(page, memory.order());
    for (uint64_t at = 0; at < pageBytes; at += 8) {
      const VirtAddr target(words.at<uint64_t>(at));
      if (!target.value || target.value % 8)
        continue;
      const std::optional<Entry> entry = readEntry(scanned, target);
      if (!entry || !isFirst(*entry))
        continue;
      if (!readMarkers(scanned, target)) {
        broken = "the array of them at " + hex(target) + " is broken";
        continue;
      }
      // Once more through \p memory, so that a recording sees it.
      uint8_t pointer[8];
      llvm::consumeError(memory.read(run.start + (done + at), pointer));
      return readMarkers(memory, target);
    }
  }
  return std::nullopt;
}

} // namespace

std::optional<MarkerArray> findS390xMarkers(const AddressSpace &memory,
                                            llvm::ArrayRef<MappedRun> image,
                                            std::string &broken) {
  static constexpr MarkerArrayShape shape = {
      .firstName = "Identity Mapping Start", .firstStartIsZero = true};
  if (auto array = findMarkerArray(memory, image, shape, broken))
    return array;
  const AddressSpace scanned(memory.physical().forScanning(), memory.mode(),
                             memory.root(), memory.order());
  // Its names are in every kernel that has it, and its code in no other.
  // One of them may be damaged.
  const auto lacks = [&](llvm::StringRef name) {
    return findBytes(memory, image, name.str() + '\0', 1).empty();
  };
  if (lacks("Amode31 Area") && lacks("Real Memory Copy Area"))
    return std::nullopt;
  for (const MappedRun &run : image)
    if (run.rights.writable)
      if (auto array = findPointer(memory, scanned, run, broken))
        return array;
  return std::nullopt;
}

namespace {

/// What is known of a kernel without the array, and where from.
class Layout {
public:
  Layout(const RootQuery &query, const KernelImage &image)
      : query_(query), image_(image),
        memory_(image.addressSpace(query.memory)) {
    auto kallsyms = readKallsyms(memory_, query.vmcoreinfo, image.imageRuns);
    if (kallsyms)
      symbols_ = std::move(*kallsyms);
    else
      llvm::consumeError(kallsyms.takeError());
  }

  std::vector<AddressMarker> makeOld();
  std::vector<AddressMarker> makeNew();
  /// What had to be guessed: " NR_CPUS _end".
  const std::string &unnamed() const { return unnamed_; }
  bool isNew() const {
    return query_.vmcoreinfo.hexValue("IDENTITYBASE").has_value();
  }

private:
  uint64_t key(llvm::StringRef name) const {
    return query_.vmcoreinfo.hexValue(name).value_or(0);
  }
  uint64_t ramEnd() const;
  uint64_t vmemmapBytes() const;
  uint64_t cpuCount();
  uint64_t imageStart() const {
    return query_.vmcoreinfo.symbol("_stext").value_or(linkAddress);
  }
  uint64_t imageEnd();
  std::optional<uint64_t> findBssEnd() const;

  const RootQuery &query_;
  const KernelImage &image_;
  AddressSpace memory_;
  std::unique_ptr<Kallsyms> symbols_;
  std::string unnamed_;
};

/// ident_map_size: to the end of RAM.
uint64_t Layout::ramEnd() const {
  uint64_t end = 0;
  for (const MemoryBlock &block : query_.dump.memoryBlocks())
    end = std::max(end, block.start.value + block.size);
  return end;
}

/// SECTION_ALIGN_UP() of frames.
uint64_t alignFrames(uint64_t frames, const Vmcoreinfo &info) {
  const uint64_t sectionBits = std::clamp<uint64_t>(
      info.number("SECTION_SIZE_BITS").value_or(28), 20, 40);
  return alignUp(frames, bit(unsigned(sectionBits) - 12));
}

uint64_t Layout::vmemmapBytes() const {
  return alignFrames(ramEnd() / pageBytes, query_.vmcoreinfo) *
         query_.vmcoreinfo.size("page").value_or(64);
}

/// NR_CPUS: a bit for each in a cpumask.
uint64_t Layout::cpuCount() {
  constexpr uint64_t usual = 256, most = 8192;
  auto types = readBtf(memory_, symbols_.get(), image_.imageRuns);
  uint64_t bytes = 0;
  if (types)
    bytes = (*types)->findSizeBytes("cpumask").value_or(0);
  else
    llvm::consumeError(types.takeError());
  if (bytes && bytes <= most / 8)
    return bytes * 8;
  unnamed_ += " NR_CPUS";
  return usual;
}

/// struct resource {start, end, name}: of "Kernel bss", by its name. linux
/// arch/s390/kernel/setup.c.
std::optional<uint64_t> Layout::findBssEnd() const {
  std::optional<uint64_t> end;
  const llvm::StringRef name("Kernel bss\0", 11);
  for (VirtAddr text : findBytes(memory_, image_.imageRuns, name, 4))
    findWords(memory_, image_.imageRuns, text.value, 8, [&](VirtAddr at) {
      uint8_t raw[16];
      if (llvm::Error error = memory_.read(at - 16, raw)) {
        llvm::consumeError(std::move(error));
        return true;
      }
      const Bytes words(raw, memory_.order());
      const uint64_t first = words.at<uint64_t>(0),
                     last = words.at<uint64_t>(8);
      if (first < last && last - first < gibibyte &&
          (last + 1) % pageBytes == 0)
        end = last + 1;
      return !end;
    });
  if (end && isNew()) // a physical address
    *end += key("KERNELOFFSET") - key("KERNELOFFPHYS");
  return end;
}

uint64_t Layout::imageEnd() {
  if (auto end = symbols_ ? symbols_->find("_end") : std::nullopt)
    return end->address.value;
  if (std::optional<uint64_t> end = findBssEnd();
      end && *end > image_.root.value)
    return *end;
  unnamed_ += " _end";
  const uint64_t known = imageStart();
  return alignUp(
      query_.vmcoreinfo.lastSymbol(known, known + std::min(gibibyte, ~known))
          .value_or(known),
      pageBytes);
}

/// linux v6.1 arch/s390/boot/startup.c setup_kernel_memory_layout(),
/// mm/dump_pagetables.c.
std::vector<AddressMarker> Layout::makeOld() {
  const uint64_t top =
      image_.mode.virtualBits >= 64 ? 0 : bit(image_.mode.virtualBits);
  const uint64_t real = top - pageBytes;
  const uint64_t lowcores = cpuCount() * lowcoreBytes;
  const uint64_t lowcore = alignDown(real - lowcores, lowcoreBytes);
  const uint64_t modulesEnd = alignDown(lowcore, mebibyte);
  const uint64_t modules = modulesEnd - modulesBytes;
  const uint64_t vmalloc = query_.vmcoreinfo.number("VMALLOC_START")
                               .value_or(modules - vmallocBytes);
  const uint64_t structBytes = query_.vmcoreinfo.size("page").value_or(64);
  const uint64_t frames =
      alignFrames(vmalloc / (pageBytes + structBytes), query_.vmcoreinfo);
  const uint64_t vmemmap = query_.vmcoreinfo.symbol("vmemmap").value_or(
      alignDown(vmalloc - frames * structBytes, image_.mode.entrySpan(0)));
  const uint64_t image = imageStart(), end = imageEnd();
  std::vector<AddressMarker> markers = {
      {0, "Identity Mapping Start"},
      {image, "Identity Mapping End"},
      {key("SAMODE31"), "Amode31 Area Start"},
      {key("EAMODE31"), "Amode31 Area End"},
      {image, "Kernel Image Start"},
      {end, "Kernel Image End"},
      {end, "Identity Mapping Start"},
      {ramEnd(), "Identity Mapping End"},
      {vmemmap, "vmemmap Area Start"},
      {vmemmap + vmemmapBytes(), "vmemmap Area End"},
      {vmalloc, "vmalloc Area Start"},
      {modules, "vmalloc Area End"},
      {modules, "Modules Area Start"},
      {modulesEnd, "Modules Area End"},
      {lowcore, "Lowcore Area Start"},
      {lowcore + lowcores, "Lowcore Area End"},
      {real, "Real Memory Copy Area Start"},
      {top, "Real Memory Copy Area End"}};
  llvm::stable_sort(markers,
                    [](auto &a, auto &b) { return a.start < b.start; });
  return markers;
}

struct Area {
  uint64_t start, end;
  llvm::StringLiteral name;
};

/// What stands at a border, in the kernel's order: ends first, among starts the
/// larger area, among ends the smaller one (ptdump_cmp()).
std::vector<AddressMarker> sortAreas(llvm::ArrayRef<Area> areas) {
  struct Border {
    uint64_t at, size;
    bool isStart;
    llvm::StringRef name;
  };
  std::vector<Border> borders;
  for (const Area &area : areas)
    if (area.end > area.start) {
      borders.push_back({area.start, area.end - area.start, true, area.name});
      borders.push_back({area.end, area.end - area.start, false, area.name});
    }
  llvm::stable_sort(borders, [](const Border &a, const Border &b) {
    if (a.at != b.at)
      return a.at < b.at;
    if (a.isStart != b.isStart)
      return !a.isStart;
    return a.isStart ? a.size > b.size : a.size < b.size;
  });
  std::vector<AddressMarker> markers = {{0, s390xFirstHeader.str()}};
  for (const Border &border : borders)
    markers.push_back(
        {border.at, border.name.str() + (border.isStart ? " Start" : " End")});
  return markers;
}

/// linux v6.12, the same files.
std::vector<AddressMarker> Layout::makeNew() {
  const uint64_t modulesEnd = alignDown(key("KERNELOFFSET"), mebibyte);
  const uint64_t modules = modulesEnd - modulesBytes;
  const uint64_t vmalloc = query_.vmcoreinfo.number("VMALLOC_START")
                               .value_or(modules - vmallocBytes);
  const uint64_t real = alignDown(vmalloc - pageBytes, pageBytes);
  const uint64_t lowcores = cpuCount() * lowcoreBytes;
  const uint64_t lowcore = alignDown(real - lowcores, lowcoreBytes);
  const uint64_t vmemmap = query_.vmcoreinfo.symbol("vmemmap").value_or(0);
  const uint64_t identity = key("IDENTITYBASE");
  const Area areas[] = {
      {imageStart(), imageEnd(), "Kernel Image"},
      {0, lowcoreBytes, "Lowcore"},
      {identity, identity + ramEnd(), "Identity Mapping"},
      {key("SAMODE31"), key("EAMODE31"), "Amode31 Area"},
      {modules, modulesEnd, "Modules Area"},
      {lowcore, lowcore + lowcores, "Lowcore Area"},
      {real, real + pageBytes, "Real Memory Copy Area"},
      {vmemmap, vmemmap ? vmemmap + vmemmapBytes() : 0, "vmemmap Area"},
      {vmalloc, modules, "vmalloc Area"}};
  return sortAreas(areas);
}

} // namespace

std::vector<AddressMarker> makeS390xMarkers(const RootQuery &query,
                                            const KernelImage &image,
                                            std::string &source) {
  Layout layout(query, image);
  std::vector<AddressMarker> markers =
      layout.isNew() ? layout.makeNew() : layout.makeOld();
  source = "VMCOREINFO, the size of RAM and formulas: the kernel carries no "
           "array of markers (built without PTDUMP)";
  if (!layout.unnamed().empty())
    source += "; guessed:" + layout.unnamed();
  return markers;
}

} // namespace vmpt
