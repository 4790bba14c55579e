#include "views/Modules.h"

namespace vmpt {

namespace {

constexpr Column columns[] = {
    {"name", "MODULE", -24},   {"bytes", "BYTES", 8},
    {"references", "REFS", 5}, {"state", "STATE", -9},
    {"base", "BASE", 18},      {"taints", "TAINTS", -6},
    {"text", "TEXT", -39},     {"rodata", "RODATA", -39},
    {"data", "DATA", -39},     {"used", "USED BY"},
};
constexpr ListShape shape = {"modules", "module", columns};

/// As /proc/modules; it does not list the unformed ones.
constexpr const char *stateWords[] = {"Live", "Loading", "Unloading",
                                      "Unformed"};

/// "0xffffffffc0002000-0xffffffffc0002fff", "-" where there is none.
std::string rangeOf(const Module &module, ModulePart part) {
  for (const ModuleRange &range : module.ranges)
    if (range.part == part)
      return hex(range.start) + "-" + hex(range.start + (range.sizeBytes - 1));
  return "-";
}

Record makeRecord(const Module &module) {
  Record record;
  record.add("name", module.name)
      .add("bytes", module.sizeBytes)
      .add("references", module.references)
      .add("state", stateWords[module.state % std::size(stateWords)])
      .add("base", module.base)
      .add("taints",
           module.taints ? Value(taintLetters(*module.taints)) : Value())
      .add("module", module.address)
      .add("used_by", makeArray(module.users))
      .add("permanent", module.isPermanent);
  Array ranges;
  for (const ModuleRange &range : module.ranges) {
    Record part;
    part.add("part", getModulePartName(range.part))
        .add("first", range.start)
        .add("last", range.start + (range.sizeBytes - 1))
        .add("bytes", range.sizeBytes);
    ranges.push_back(std::move(part));
  }
  record.add("ranges", std::move(ranges));
  record.addCell("text", rangeOf(module, ModulePart::Text))
      .addCell("rodata", rangeOf(module, ModulePart::Rodata))
      .addCell("data", rangeOf(module, ModulePart::Data));
  std::string users;
  for (const std::string &user : module.users)
    users += (users.empty() ? "" : ",") + user;
  if (module.isPermanent.value_or(false))
    users += users.empty() ? "[permanent]" : ",[permanent]";
  return record.addCell("used", users.empty() ? "-" : users);
}

} // namespace

std::string taintLetters(uint64_t taints) {
  // Of all flags those that say something of a module: proprietary, forced,
  // staging, out of tree, unsigned, livepatch, auxiliary, randstruct, test,
  // fwctl.
  constexpr std::pair<unsigned, char> letters[] = {
      {0, 'P'},  {1, 'F'},  {10, 'C'}, {12, 'O'}, {13, 'E'},
      {15, 'K'}, {16, 'X'}, {17, 'T'}, {18, 'N'}, {19, 'J'},
  };
  std::string text;
  for (const auto &[number, letter] : letters)
    if (taints & bit(number))
      text += letter;
  return text;
}

void writeModules(RecordWriter &writer, const ModuleList &list) {
  writer.beginList(shape);
  for (const Module &module : list.modules)
    writer.record(makeRecord(module));
  writer.endList();
  writer.member("problems", makeArray(list.problems));
}

} // namespace vmpt
