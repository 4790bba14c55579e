#include "views/Words.h"

namespace vmpt {

llvm::StringRef getReasonWord(Absence absence) {
  if (absence == Absence::OutsideRam)
    return "outside_ram";
  return getAbsenceName(absence);
}

Value textOrNull(llvm::StringRef text) {
  return text.empty() ? Value() : Value(text);
}

llvm::StringRef getStateWord(PageFacts::State state) {
  switch (state) {
  case PageFacts::State::NoPage:
    return "no-page";
  case PageFacts::State::Known:
    return "known";
  case PageFacts::State::Absent:
    return "absent";
  }
  llvm_unreachable("not a PageFacts::State");
}

Record makeAbsentBytes(llvm::ArrayRef<uint64_t> byAbsence) {
  Record record;
  for (size_t i = 0; i < byAbsence.size(); ++i)
    if (byAbsence[i])
      record.add(getReasonWord(Absence(i)), byAbsence[i]);
  return record;
}

llvm::StringRef getLevelName(const PagingMode &mode, unsigned level) {
  constexpr llvm::StringLiteral names[] = {"pte", "pmd", "pud", "p4d"};
  return level ? names[mode.lastLevel() - level] : llvm::StringLiteral("pgd");
}

std::vector<llvm::StringRef> getFlagNames(const PagingMode &mode,
                                          uint64_t entry, unsigned level) {
  const EntryMeaning meaning = mode.decode(entry, level).meaning;
  std::vector<llvm::StringRef> names;
  if (meaning == EntryMeaning::Hole)
    return names;
  const uint8_t place = meaning == EntryMeaning::Table ? InTables
                        : level == mode.lastLevel()    ? InLastLevel
                                                       : InLargePages;
  for (const EntryFlag &flag : mode.flags)
    if (flag.places & place && (entry & flag.mask) == flag.bits)
      names.push_back(flag.name);
  return names;
}

void addRights(Record &record, const PageRights &rights) {
  record.add("writable", rights.writable);
  record.add("executable", rights.executable);
  record.add("user", rights.user);
}

std::string describe(const PageRights &rights) {
  return std::string(rights.writable ? "writable" : "not writable") +
         (rights.executable ? ", executable, " : ", not executable, ") +
         (rights.user ? "user" : "kernel");
}

std::string describeSize(uint64_t bytes) {
  constexpr llvm::StringLiteral units[] = {"", "K", "M", "G", "T", "P", "E"};
  size_t unit = 0;
  for (; bytes && bytes % 1024 == 0 && unit + 1 < std::size(units); ++unit)
    bytes /= 1024;
  return std::to_string(bytes) + units[unit].str();
}

} // namespace vmpt
