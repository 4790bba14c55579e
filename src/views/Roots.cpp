#include "views/Roots.h"

#include "memory/Arch.h"
#include "support/Error.h"
#include "views/Words.h"

namespace vmpt {

namespace {

constexpr Column columns[] = {
    {"root", "ROOT", -18},   {"mode", "MODE", -18},    {"kind", "KIND", -10},
    {"shared", "SHARED", 6}, {"user", "USER", 8},      {"kernel", "KERNEL", 8},
    {"table", "TABLES", 8},  {"at", "MAPS ITSELF AT"},
};
constexpr ListShape shape = {"roots", "root", columns};

std::string sizeOf(uint64_t bytes, bool isCut = false) {
  if (!bytes)
    return "-";
  return describeSize(bytes) + (isCut ? "+" : "");
}

Record makeRecord(const TopTable &table) {
  Record record;
  record.add("root", table.root)
      .add("arch", getArchName(table.mode->arch))
      .add("mode", llvm::StringRef(table.mode->name))
      .add("kind", getTopTableName(table.kind))
      .add("self", table.self)
      .add("sharers", uint64_t(table.sharers));
  record.add("user_bytes", table.userBytes)
      .add("kernel_bytes", table.kernelBytes)
      .add("table_bytes", table.tableBytes)
      .add("absent_tables", table.absentTables + table.lostKernelTables)
      .add("cut", table.isCut);
  record.addCell("shared", std::to_string(table.sharers))
      .addCell("user", sizeOf(table.userBytes, table.isCut))
      .addCell("kernel", sizeOf(table.kernelBytes))
      .addCell("table", sizeOf(table.tableBytes, table.isCut))
      .addCell("at", table.self ? hex(*table.self) : "-");
  return record;
}

} // namespace

void writeRoots(RecordWriter &writer, const TopTables &found) {
  writer.beginList(shape);
  for (const TopTable &table : found.tables)
    writer.record(makeRecord(table));
  writer.endList();
}

} // namespace vmpt
