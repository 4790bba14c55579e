#include "views/Maps.h"

#include "output/JsonWriter.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

std::string formatPermissions(uint64_t flags) {
  std::string text = "---p";
  if (flags & VmRead)
    text[0] = 'r';
  if (flags & VmWrite)
    text[1] = 'w';
  if (flags & VmExec)
    text[2] = 'x';
  if (flags & VmMayShare)
    text[3] = 's';
  return text;
}

/// MAJOR() and MINOR() of the kernel's own dev_t.
constexpr unsigned minorBits = 20;

unsigned long long wide(uint64_t value) { return value; }

/// Prot-none pages of an area that may be used are there to catch the next
/// use: NUMA balancing.
llvm::StringRef nameOf(EntryKind kind, const MapsRow &row) {
  const bool isUsable = row.flags & (VmRead | VmWrite | VmExec);
  return kind == EntryKind::ProtNone && isUsable ? "numa-hint"
                                                 : getEntryKindName(kind);
}

/// 21 -> "2M".
std::string nameOfSize(unsigned shift) {
  constexpr char units[] = "BKMGTPE";
  return std::to_string(uint64_t(1) << shift % 10) + units[shift / 10];
}

} // namespace

llvm::Expected<MapsReader> MapsReader::create(const KernelDebug &debug) {
  llvm::Expected<VmaReader> vmas =
      VmaReader::create(debug.types(), debug.reader());
  if (!vmas)
    return vmas.takeError();
  llvm::Expected<VmaNames> names = VmaNames::create(
      debug.types(), debug.symbols(), debug.reader(), debug.image().version());
  if (!names)
    return names.takeError();
  return MapsReader(debug, std::move(*vmas), std::move(*names));
}

MapsReader::MapsReader(const KernelDebug &debug, VmaReader vmas, VmaNames names)
    : debug_(&debug), vmas_(std::move(vmas)), names_(std::move(names)),
      hidesStackGuard_(hidesStackGuard()) {}

/// Until 4.11 a stack's first page was its guard and not shown. The larger
/// gap that replaced it has a parameter, and went into older series as well.
bool MapsReader::hidesStackGuard() const {
  return debug_->image().version() < KernelVersion{4, 12} &&
         !debug_->symbols().find("cmdline_parse_stack_guard_gap");
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
    row.offset = vma.pageOffset << debug_->memory().mode().pageShift;
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
  const uint64_t pageBytes = bit(debug_->memory().mode().pageShift);
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
  const AddressSpace &memory = debug_->memory();
  const PagingMode &mode = memory.mode();
  NonPresentRules rules = getNonPresentRules(mode, debug_->image().version());
  rules.types = findSwapTypes(debug_->types(), debug_->symbols());
  PageCounter counter(memory.physical(), mode, rules, root);
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

void printMapsRow(llvm::raw_ostream &os, const MapsRow &row,
                  unsigned wordBytes) {
  std::string text;
  llvm::raw_string_ostream line(text);
  line << llvm::format("%08llx-%08llx ", wide(row.start.value),
                       wide(row.end.value))
       << formatPermissions(row.flags)
       << llvm::format(" %08llx ", wide(row.offset));
  if (row.device)
    line << llvm::format("%02x:%02x ", *row.device >> minorBits,
                         *row.device & unsigned(lowBits(minorBits)));
  else
    line << "??:?? ";
  if (row.inode)
    line << *row.inode << ' ';
  else
    line << "? ";
  line.flush();
  // linux fs/proc/task_mmu.c: seq_setwidth(m, 25 + sizeof(void *) * 6 - 1),
  // and seq_pad() adds one blank more.
  const size_t nameColumn = 25 + size_t(wordBytes) * 6;
  if (!row.name.empty()) {
    if (text.size() < nameColumn)
      text.resize(nameColumn - 1, ' ');
    text += ' ';
  }
  os << text << row.name << '\n';
}

void printPages(llvm::raw_ostream &os, const MapsRow &row,
                const PagingMode &mode) {
  if (!row.pages)
    return;
  const PageCensus &pages = *row.pages;
  os << "    " << pages.pageCount
     << (pages.pageCount == 1 ? " page:" : " pages:");
  const char *separator = " ";
  auto print = [&](EntryKind kind) {
    if (!pages.of(kind))
      return;
    os << separator << pages.of(kind) << ' ' << nameOf(kind, row);
    separator = ", ";
  };
  print(EntryKind::Present);
  const char *open = " (";
  for (unsigned level = 0; level < mode.lastLevel(); ++level)
    if (pages.presentByLevel[level]) {
      os << open << pages.presentByLevel[level] << " in "
         << nameOfSize(mode.levels[level].shift) << " pages";
      open = ", ";
    }
  if (*open == ',')
    os << ')';
  for (unsigned kind = unsigned(EntryKind::ProtNone); kind < entryKindCount;
       ++kind)
    print(EntryKind(kind));
  print(EntryKind::Untouched);
  os << '\n';
}

static void writePagesJson(JsonWriter &json, const MapsRow &row,
                           const PagingMode &mode) {
  json.key("pages");
  json.beginObject();
  json.attribute("total", row.pages->pageCount);
  for (unsigned kind = 0; kind < entryKindCount; ++kind)
    if (uint64_t count = row.pages->byKind[kind])
      json.attribute(nameOf(EntryKind(kind), row), count);
  for (unsigned level = 0; level < mode.lastLevel(); ++level)
    if (uint64_t count = row.pages->presentByLevel[level])
      json.attribute("in " + nameOfSize(mode.levels[level].shift) + " pages",
                     count);
  json.endObject();
  json.endKey();
}

void writeMapsJson(JsonWriter &json, const MapsListing &listing,
                   const PagingMode &mode) {
  json.beginArray();
  for (const MapsRow &row : listing.rows) {
    json.beginObject();
    json.address("start", row.start.value);
    json.address("end", row.end.value);
    json.attribute("perms", llvm::StringRef(formatPermissions(row.flags)));
    json.address("flags", row.flags);
    json.attribute("offset", row.offset);
    if (row.device) {
      json.attribute("dev_major", uint64_t(*row.device >> minorBits));
      json.attribute("dev_minor", uint64_t(*row.device & lowBits(minorBits)));
    }
    if (row.inode)
      json.attribute("inode", *row.inode);
    json.attribute("name", llvm::StringRef(row.name));
    if (row.pages)
      writePagesJson(json, row, mode);
    json.endObject();
  }
  json.endArray();
}

} // namespace vmpt
