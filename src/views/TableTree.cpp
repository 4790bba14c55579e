#include "views/TableTree.h"

#include "support/Text.h"
#include "views/Words.h"

#include "llvm/Support/Format.h"

namespace vmpt {

TreeView::TreeView(RecordWriter &writer, const PagingMode &mode)
    : writer_(writer), mode_(mode) {
  writer_.beginList({"entries", "table_entry"});
}

void TreeView::print(llvm::raw_ostream &os, const TreeEntry &entry) const {
  os.indent(2 * entry.level)
      << llvm::format("[%4u] ", entry.index)
      << llvm::format_hex_no_prefix(entry.value, mode_.entryBytes * 2u) << ' '
      << hex(entry.first) << '-' << hex(entry.last) << ' '
      << getLevelName(mode_, entry.level);
  for (llvm::StringRef name : getFlagNames(mode_, entry.value, entry.level))
    os << ' ' << name;
  if (entry.decoded.isTable())
    os << " -> table " << hex(entry.decoded.address);
  else if (entry.decoded.isPage())
    os << " -> page " << hex(entry.decoded.address) << ", "
       << describeSize(bit(entry.decoded.pageShift));
  else
    os << " reserved";
  if (entry.isTableExcluded)
    os << ", excluded as zeros are: empty";
  else if (entry.absence)
    os << ", not in the dump (" << getAbsenceName(entry.absence->absence)
       << ')';
  os << '\n';
}

void TreeView::add(const TreeEntry &entry) {
  if (llvm::raw_ostream *os = writer_.text())
    return print(*os, entry);
  Record record;
  record.add("level", getLevelName(mode_, entry.level));
  record.add("depth", entry.level).add("table", entry.table);
  record.add("index", entry.index).add("entry_address", entry.entryAddress);
  record.add("value", Value::Hex{entry.value});
  record.add("first", entry.first).add("last", entry.last);
  record.add("flags", makeArray(getFlagNames(mode_, entry.value, entry.level)));
  const bool leads = entry.decoded.isTable() || entry.decoded.isPage();
  record.add("target", entry.decoded.isTable()  ? "table"
                       : entry.decoded.isPage() ? "page"
                                                : "reserved");
  record.add("physical", leads ? Value(entry.decoded.address) : Value());
  if (entry.decoded.isPage())
    record.add("page_bytes", bit(entry.decoded.pageShift));
  if (entry.absence)
    record.add("absent", getReasonWord(entry.absence->absence));
  writer_.record(record);
}

void TreeView::finish() { writer_.endList(); }

void printModuleHeading(llvm::raw_ostream &os, const ModuleHeading &heading) {
  if (!heading.vendor.empty())
    os << '(' << printable(heading.vendor) << ") x86_phys_bits "
       << heading.physicalBits << '\n';
  os << "cr3: " << hex(heading.root) << '\n';
  if (heading.rootAddress)
    os << hex(*heading.rootAddress) << '\n';
}

void printModuleEntry(llvm::raw_ostream &os, const TreeEntry &entry,
                      const PagingMode &mode) {
  const std::vector<llvm::StringRef> flags =
      getFlagNames(mode, entry.value, entry.level);
  auto ifSet = [&](llvm::StringRef name, llvm::StringRef set,
                   llvm::StringRef clear) {
    return llvm::is_contained(flags, name) ? set : clear;
  };
  if (!entry.level)
    os << "entry " << llvm::format_hex_no_prefix(entry.value, 16) << '\n';
  std::string line;
  llvm::raw_string_ostream text(line);
  text << "v " << llvm::format_hex_no_prefix(entry.first.value, 16) << ' '
       << llvm::format_hex_no_prefix(entry.last.value, 16) << ' '
       << ifSet("RW", "W", "R") << ' ' << ifSet("US", "U", "K");
  for (const char *name : {"PWT", "PCD", "A"})
    text << ' ' << ifSet(name, name, "");
  text << ifSet("XD", " NX", "");
  text.flush();
  os.indent(2 * entry.level) << llvm::StringRef(line).rtrim() << '\n';
  if (entry.absence && !entry.isTableExcluded)
    os.indent(2 * entry.level + 2)
        << "table " << hex(entry.decoded.address) << " not in the dump ("
        << getAbsenceName(entry.absence->absence) << ")\n";
}

} // namespace vmpt
