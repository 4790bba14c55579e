#include "views/Maps.h"

#include "support/Text.h"

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

/// Files and pipes get the kernel's bytes. A terminal does not: names in a
/// dump must not steer it.
static void printMaps(llvm::raw_ostream &os, const MapsListing &listing,
                      const PagingMode &mode, unsigned wordBytes) {
  const bool isTerminal = os.is_displayed();
  for (const MapsRow &row : listing.rows) {
    std::string line;
    llvm::raw_string_ostream text(line);
    printMapsRow(text, row, wordBytes);
    text.flush();
    if (isTerminal)
      os << printable(llvm::StringRef(line).drop_back()) << '\n';
    else
      os << line;
    printPages(os, row, mode);
  }
}

static Record makePagesRecord(const MapsRow &row, const PagingMode &mode) {
  Record record;
  record.add("total", row.pages->pageCount);
  for (unsigned kind = 0; kind < entryKindCount; ++kind)
    if (uint64_t count = row.pages->byKind[kind])
      record.add(nameOf(EntryKind(kind), row), count);
  for (unsigned level = 0; level < mode.lastLevel(); ++level)
    if (uint64_t count = row.pages->presentByLevel[level])
      record.add("in " + nameOfSize(mode.levels[level].shift) + " pages",
                 count);
  return record;
}

static Record makeRecord(const MapsRow &row, const PagingMode &mode) {
  Record record;
  record.add("start", row.start).add("end", row.end);
  record.add("perms", formatPermissions(row.flags));
  record.add("flags", Value::Hex{row.flags}).add("offset", row.offset);
  if (row.device)
    record.add("dev_major", *row.device >> minorBits)
        .add("dev_minor", *row.device & unsigned(lowBits(minorBits)));
  if (row.inode)
    record.add("inode", *row.inode);
  record.add("name", row.name);
  if (row.pages)
    record.add("pages", makePagesRecord(row, mode));
  return record;
}

void writeMaps(RecordWriter &writer, const MapsListing &listing,
               const PagingMode &mode, unsigned wordBytes) {
  if (llvm::raw_ostream *os = writer.text())
    return printMaps(*os, listing, mode, wordBytes);
  writer.beginList({"maps", "area"});
  for (const MapsRow &row : listing.rows)
    writer.record(makeRecord(row, mode));
  writer.endList();
  writer.member("problems", makeArray(listing.problems));
}

} // namespace vmpt
