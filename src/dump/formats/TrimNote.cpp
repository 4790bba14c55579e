#include "dump/formats/TrimNote.h"

#include "dump/formats/ElfNotes.h"
#include "memory/MemorySummary.h"
#include "support/Text.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

void writeAbsence(llvm::raw_ostream &os, const MemoryRange &range) {
  os << "absent=" << hex(range.start) << ',' << hex(range.size) << ','
     << int(*range.absence) << '\n';
}

} // namespace

std::string writeTrimNote(const Dump &dump, std::optional<bool> withTasks) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "format=" << dump.format << '\n'
     << "producer=" << dump.producer << '\n';
  for (const ContainerFact &fact : dump.facts)
    os << "fact=" << fact.name << ':' << fact.value << '\n';
  for (const std::string &quirk : dump.quirks)
    os << "quirk=" << quirk << '\n';
  if (dump.machine.arch)
    os << "arch=" << getArchName(*dump.machine.arch) << ':'
       << dump.machine.archSource << '\n';
  if (withTasks)
    os << "tasks=" << int(*withTasks) << '\n';
  if (dump.dumpLevel)
    os << "level=" << *dump.dumpLevel << '\n';
  if (dump.directMapOffset)
    os << "directmap=" << hex(*dump.directMapOffset) << '\n';
  os << "zeropages=" << int(dump.memory->mayExcludeZeroPages()) << '\n';
  if (uint64_t bytes = dump.knownZeroBytes())
    os << "zerobytes=" << hex(bytes) << '\n';
  for (const MemoryBlock &block : dump.memoryBlocks()) {
    os << "block=" << hex(block.start) << ',' << hex(block.size) << ','
       << hex(block.presentBytes);
    for (uint64_t bytes : block.absentBytes)
      os << ',' << hex(bytes);
    os << '\n';
  }
  // Excluded is what the file itself says of pages that trim left out.
  for (const MemoryRange &range : dump.memory->ranges())
    if (range.absence && *range.absence != Absence::Excluded &&
        *range.absence != Absence::OutsideRam)
      writeAbsence(os, range);
  return os.str();
}

namespace {

/// Comma-separated numbers, or nothing if one of them is none.
std::optional<llvm::SmallVector<uint64_t, 8>> parseList(llvm::StringRef text) {
  llvm::SmallVector<uint64_t, 8> numbers;
  while (!text.empty() && numbers.size() < 8) {
    auto [head, tail] = text.split(',');
    uint64_t number;
    if (head.getAsInteger(0, number))
      return std::nullopt;
    numbers.push_back(number);
    text = tail;
  }
  return numbers;
}

/// An absence that writeAbsence() wrote.
std::optional<TrimmedAbsence> parseAbsence(llvm::ArrayRef<uint64_t> numbers) {
  if (numbers.size() != 3 || numbers[2] > uint64_t(Absence::Corrupt))
    return std::nullopt;
  return TrimmedAbsence{PhysAddr(numbers[0]), numbers[1], Absence(numbers[2])};
}

} // namespace

std::vector<TrimmedAbsence> readTrimNote(llvm::StringRef text, Dump &dump) {
  std::vector<TrimmedAbsence> absences;
  dump.isTrimmed = true;
  dump.facts.clear();
  dump.quirks.clear();
  dump.machine.arch.reset();
  dump.machine.archSource.clear();
  dump.directMapOffset.reset();
  dump.wholeBlocks.emplace();
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    auto [key, value] = line.split('=');
    auto [first, second] = value.split(':');
    if (key == "format")
      dump.format = value.str();
    else if (key == "producer") {
      dump.producer = value.str();
      if (startsWith(value, "QEMU dump-guest-memory"))
        numberQemuCpus(dump); // whose notes are these
    } else if (key == "fact")
      dump.facts.push_back({first.str(), second.str()});
    else if (key == "quirk")
      dump.quirks.push_back(value.str());
    else if (key == "arch") {
      dump.machine.arch = parseArch(first);
      dump.machine.archSource = second.str();
    } else if (auto numbers = parseList(value); !numbers || numbers->empty())
      continue;
    else if (key == "level")
      dump.dumpLevel = unsigned((*numbers)[0]);
    else if (key == "directmap")
      dump.directMapOffset = (*numbers)[0];
    else if (key == "tasks")
      dump.isTrimmedWithTasks = (*numbers)[0] != 0;
    else if (key == "zeropages")
      dump.trimmedZeroPages = (*numbers)[0] != 0;
    else if (key == "zerobytes")
      dump.wholeZeroBytes = (*numbers)[0];
    else if (key == "block" && numbers->size() == 7)
      dump.wholeBlocks->push_back(
          {PhysAddr((*numbers)[0]),
           (*numbers)[1],
           (*numbers)[2],
           {(*numbers)[3], (*numbers)[4], (*numbers)[5], (*numbers)[6]}});
    else if (auto absence = parseAbsence(*numbers); absence && key == "absent")
      absences.push_back(*absence);
  }
  return absences;
}

std::string writeConvertNote(llvm::ArrayRef<MemoryRange> absent) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const MemoryRange &range : absent)
    writeAbsence(os, range);
  return os.str();
}

std::vector<TrimmedAbsence> readConvertNote(llvm::StringRef text) {
  std::vector<TrimmedAbsence> absences;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    if (!line.consume_front("absent="))
      continue;
    if (auto numbers = parseList(line))
      if (auto absence = parseAbsence(*numbers))
        absences.push_back(*absence);
  }
  return absences;
}

} // namespace vmpt
