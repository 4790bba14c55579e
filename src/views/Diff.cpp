#include "views/Diff.h"

#include "support/Styles.h"
#include "support/Text.h"
#include "views/Words.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

std::optional<uint32_t> pidOf(const RangeChange &change) {
  return change.isKernel ? std::nullopt : std::optional(change.pid);
}

llvm::StringRef sectionOf(const RangeChange &change, const ChangeSide &side) {
  return change.isKernel ? llvm::StringRef(side.section)
                         : llvm::StringRef(change.part);
}

std::string processName(uint32_t pid, llvm::StringRef comm) {
  return "pid " + std::to_string(pid) + " (" + escapeName(comm) + ")";
}

std::string headingOf(const RangeChange &change) {
  if (change.isKernel) {
    const std::string &section = change.side().section;
    return "kernel" + (section.empty() ? "" : ", " + printable(section));
  }
  const std::string name = processName(change.pid, change.comm);
  if (change.part == "kernel-half")
    return name + ", kernel half that is not the kernel's";
  if (change.part == "user-table")
    return name + ", kernel half of the table for user code";
  return name;
}

void printHeading(llvm::raw_ostream &os, llvm::StringRef title) {
  os << styled(os, Style::Note, ("@@ " + title + " @@\n").str());
}

void printLine(llvm::raw_ostream &os, char sign, llvm::StringRef text) {
  os << styled(os, sign == '-' ? Style::Removed : Style::Added,
               (llvm::Twine(sign) + text + "\n").str());
}

void printSide(llvm::raw_ostream &to, char sign, const ChangeSide &side) {
  std::string line;
  llvm::raw_string_ostream os(line);
  constexpr unsigned width = 18;
  os << llvm::format_hex(side.first.value, width) << '-'
     << llvm::format_hex(side.last.value + 1, width) << ' '
     << llvm::right_justify(describeSize(side.last - side.first + 1), 9) << ' ';
  if (side.physical)
    os << llvm::format_hex(side.physical->value, width)
       << (side.isScattered ? '*' : ' ') << ' ';
  os << llvm::join(side.words->words, " ") << ' ' << side.words->level;
  if (!side.owner.empty())
    os << "  " << printable(side.owner);
  printLine(to, sign, os.str());
}

void printRanges(llvm::raw_ostream &os, const SnapshotDiff &diff) {
  std::string heading;
  for (const RangeChange &change : diff.ranges) {
    std::string next = headingOf(change);
    if (next != heading)
      printHeading(os, next);
    heading = std::move(next);
    if (change.before)
      printSide(os, '-', *change.before);
    if (change.after)
      printSide(os, '+', *change.after);
  }
}

std::string describeThing(const SnapshotTask &task) {
  std::string text =
      processName(task.pid, task.comm) + " of pid " + std::to_string(task.ppid);
  if (task.isKernelThread)
    return text + ", kernel thread";
  return task.root ? text + ", root " + hex(*task.root) : text;
}

std::string describeThing(const SnapshotModule &module) {
  static constexpr llvm::StringLiteral states[] = {"live", "coming", "going",
                                                   "unformed"};
  return printable(module.name) + ' ' + std::to_string(module.sizeBytes) + ' ' +
         hex(module.base) +
         (module.state < std::size(states)
              ? " " + states[module.state].str()
              : " state " + std::to_string(module.state));
}

std::string describeThing(const SnapshotSection &section) {
  return hex(section.first) + ' ' + printable(section.name);
}

template <class T>
void printThings(llvm::raw_ostream &os, llvm::StringRef title,
                 const std::vector<ThingChange<T>> &changes) {
  if (!changes.empty())
    printHeading(os, title);
  for (const ThingChange<T> &change : changes) {
    if (change.before)
      printLine(os, '-', describeThing(*change.before));
    if (change.after)
      printLine(os, '+', describeThing(*change.after));
  }
}

void printTables(llvm::raw_ostream &os, llvm::ArrayRef<TableBytes> tables) {
  if (!tables.empty())
    printHeading(os, "memory of page tables");
  for (const TableBytes &row : tables) {
    const std::string name =
        row.pid ? processName(*row.pid, row.comm) : std::string("kernel");
    printLine(os, '-', name + ' ' + describeSize(row.before));
    printLine(os, '+', name + ' ' + describeSize(row.after));
  }
}

void printText(llvm::raw_ostream &os, const SnapshotDiff &diff,
               llvm::StringRef before, llvm::StringRef after) {
  if (diff.isSame())
    return;
  os << "--- " << printable(before) << "\n+++ " << printable(after) << '\n';
  printThings(os, "sections", diff.sections);
  printRanges(os, diff);
  printThings(os, "tasks", diff.tasks);
  printThings(os, "modules", diff.modules);
  printTables(os, diff.tables);
}

Value makeSide(const RangeChange &change,
               const std::optional<ChangeSide> &side) {
  if (!side)
    return Value();
  Record record;
  record.add("first", side->first).add("last", side->last);
  const llvm::StringRef section = sectionOf(change, *side);
  record.add("section", section.empty() ? Value() : Value(section));
  record.add("level", side->words->level)
      .add("attributes", makeArray(side->words->words))
      .add("physical", side->physical)
      .add("scattered", side->isScattered)
      .add("owner", side->owner.empty() ? Value() : Value(side->owner));
  return record;
}

Record makeRecord(const RangeChange &change) {
  Record record;
  record.add("change", getChangeName(change.kind))
      .add("where", change.isKernel ? "kernel" : "process")
      .add("pid", pidOf(change));
  record.add("first", change.side().first).add("last", change.side().last);
  record.add("before", makeSide(change, change.before))
      .add("after", makeSide(change, change.after));
  return record;
}

Value makeThing(const std::optional<SnapshotTask> &task) {
  if (!task)
    return Value();
  Record record;
  record.add("pid", task->pid).add("ppid", task->ppid).add("comm", task->comm);
  record.add("kernel_thread", task->isKernelThread)
      .add("root", task->root)
      .add("table_bytes", task->tableBytes);
  return record;
}

Value makeThing(const std::optional<SnapshotModule> &module) {
  if (!module)
    return Value();
  Record record;
  record.add("name", module->name).add("bytes", module->sizeBytes);
  record.add("base", module->base).add("state", module->state);
  return record;
}

Value makeThing(const std::optional<SnapshotSection> &section) {
  if (!section)
    return Value();
  Record record;
  record.add("name", section->name).add("first", section->first);
  return record;
}

template <class T>
void writeThings(RecordWriter &writer, const ListShape &shape,
                 const std::vector<ThingChange<T>> &changes) {
  writer.beginList(shape);
  for (const ThingChange<T> &change : changes) {
    Record record;
    record.add("before", makeThing(change.before))
        .add("after", makeThing(change.after));
    writer.record(record);
  }
  writer.endList();
}

void writeTables(RecordWriter &writer, llvm::ArrayRef<TableBytes> tables) {
  writer.beginList({"table_memory", "table_memory"});
  for (const TableBytes &row : tables) {
    Record record;
    record.add("where", row.pid ? "process" : "kernel").add("pid", row.pid);
    record.add("before_bytes", row.before).add("after_bytes", row.after);
    writer.record(record);
  }
  writer.endList();
}

} // namespace

void writeDiff(RecordWriter &writer, const SnapshotDiff &diff,
               llvm::StringRef before, llvm::StringRef after) {
  if (llvm::raw_ostream *os = writer.text())
    return printText(*os, diff, before, after);
  writer.beginList({"changes", "change"});
  for (const RangeChange &change : diff.ranges)
    writer.record(makeRecord(change));
  writer.endList();
  writeThings(writer, {"sections", "section"}, diff.sections);
  writeThings(writer, {"tasks", "task"}, diff.tasks);
  writeThings(writer, {"modules", "module"}, diff.modules);
  writeTables(writer, diff.tables);
}

} // namespace vmpt
