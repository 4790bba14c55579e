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
