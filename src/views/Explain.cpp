#include "views/Explain.h"

#include "support/Styles.h"
#include "support/Text.h"
#include "views/Words.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

constexpr unsigned titleColumn = 12;

/// "Who         CPU 1, busybox (pid 109)"
void printField(llvm::raw_ostream &os, llvm::StringRef title,
                const llvm::Twine &text) {
  os << title;
  os.indent(unsigned(titleColumn - std::min<size_t>(title.size(), 11)));
  os << printable(text.str()) << '\n';
}

void beginSection(llvm::raw_ostream &os, const llvm::Twine &title) {
  os << '\n' << styled(os, Style::Heading, printable(title.str())) << '\n';
}

std::string whoText(const Crash &crash) {
  std::string text;
  if (crash.cpu)
    text = "CPU " + std::to_string(*crash.cpu);
  if (!crash.pid)
    return text;
  if (!text.empty())
    text += ", ";
  return text + crash.comm + " (pid " + std::to_string(*crash.pid) + ")";
}

std::string whatText(const Crash &crash) {
  std::string text;
  if (crash.access != FaultAccess::Unknown)
    text = crash.access == FaultAccess::Read    ? "read of "
           : crash.access == FaultAccess::Write ? "write to "
                                                : "fetch from ";
  text += hex(*crash.address);
  if (!crash.region.description.empty())
    text += ": " + crash.region.description;
  return text;
}

std::string whereText(const Crash &crash) {
  std::string text = crash.ipSymbol;
  if (crash.ip && text != hex(*crash.ip))
    text += (text.empty() ? "" : " at ") + hex(*crash.ip);
  return text;
}

void printHead(llvm::raw_ostream &os, const Crash &crash) {
  os << styled(os, crash.kind == CrashKind::None ? Style::Plain : Style::Danger,
               getCrashWord(crash.kind))
     << ": " << getCrashSentence(crash.kind) << '\n';
  if (!crash.title.empty())
    os << "  " << printable(crash.title) << '\n';
  if (crash.address || crash.cpu || crash.pid || crash.panic)
    os << '\n';
  if (crash.address)
    printField(os, "What", whatText(crash));
  if (!crash.codeSentence.empty())
    printField(os, "Code",
               llvm::Twine(hex(*crash.code)) + ": " + crash.codeSentence);
  if (crash.cpu || crash.pid)
    printField(os, "Who", whoText(crash));
  if (crash.ip || !crash.ipSymbol.empty())
    printField(os, "Where", whereText(crash));
  if (crash.panic && !crash.panic->empty())
    printField(os, "Panic", *crash.panic);
  if (crash.hasSurvived)
    printField(os, "Panic", "none: the machine went on");
}

void printWalk(llvm::raw_ostream &os, const Crash &crash) {
  if (!crash.walk)
    return;
  beginSection(os, "Page tables (" + crash.walkSource + ")");
  // The kernel's own line ends with a blank where it ends early.
  if (!crash.walkHeader.empty())
    os << "  " << printable(crash.walkHeader) << '\n';
  if (!crash.walkLine.empty())
    os << "  " << printable(crash.walkLine) << '\n';
  if (crash.walk->absent)
    os << "  and no further: the entry at physical "
       << hex(crash.walk->absent->address) << " is not in the dump ("
       << getAbsenceName(crash.walk->absent->absence) << ")\n";
  if (crash.tablesChanged())
    os << "  the log has another line, so the tables have changed since:\n  "
       << printable(crash.walkLineInLog) << '\n';
  else if (!crash.walkLineInLog.empty())
    os << "  as the log has it\n";
  const PagingMode &mode = *crash.walkMode;
  for (const TranslationStep &step : crash.walk->steps) {
    os << "  " << getLevelName(mode, step.level)
       << llvm::format(" [%4u] at ",
                       mode.indexOf(crash.walk->address, step.level))
       << hex(step.entryAddress) << ": "
       << llvm::format_hex_no_prefix(step.entry, mode.entryBytes * 2u);
    for (llvm::StringRef name : getFlagNames(mode, step.entry, step.level))
      os << ' ' << name;
    os << '\n';
  }
}

void printRegisters(llvm::raw_ostream &os, const Crash &crash) {
  if (crash.registers.empty())
    return;
  beginSection(os, "Registers (" + crash.registersSource + ")");
  unsigned column = 0;
  for (const auto &[name, value] : crash.registers) {
    os << (column ? "  " : "  ") << llvm::right_justify(name, 8) << ' '
       << llvm::format_hex_no_prefix(value, 16);
    if (++column == 3) {
      os << '\n';
      column = 0;
    }
  }
  if (column)
    os << '\n';
}

std::string cpuText(const CrashCpu &cpu) {
  std::string text;
  if (!cpu.ip)
    text = "no instruction pointer in the notes";
  else if (cpu.isUserCode)
    text = "user code at " + hex(*cpu.ip);
  else
    text = cpu.ipSymbol == hex(*cpu.ip) ? hex(*cpu.ip)
                                        : cpu.ipSymbol + " at " + hex(*cpu.ip);
  if (cpu.pid)
    text += *cpu.pid
                ? ", " + cpu.comm + " (pid " + std::to_string(*cpu.pid) + ")"
                : ", idle (" + cpu.comm + ")";
  return text;
}

void printCpus(llvm::raw_ostream &os, const Crash &crash) {
  if (crash.cpus.empty())
    return;
  beginSection(os, "CPUs when the dump was made");
  for (const CrashCpu &cpu : crash.cpus)
    os << "  CPU " << cpu.number << ": " << printable(cpuText(cpu)) << '\n';
}

void printText(llvm::raw_ostream &os, const Crash &crash) {
  printHead(os, crash);
  printWalk(os, crash);
  printRegisters(os, crash);
  if (!crash.trace.empty()) {
    beginSection(os, "Stack (what may be return addresses)");
    for (const std::string &entry : crash.trace)
      os << "  " << printable(entry) << '\n';
  }
  printCpus(os, crash);
  if (!crash.logExcerpt.empty()) {
    beginSection(os, "Log");
    for (const std::string &line : crash.logExcerpt)
      os << "  | " << printable(line) << '\n';
  }
  beginSection(os, "How it is known");
  for (const CrashEvidence &known : crash.evidence)
    os << "  " << printable(known.statement) << "  (" << printable(known.source)
       << ")\n";
  if (crash.missing.empty())
    return;
  beginSection(os, "What is missing");
  for (const MissingSource &missing : crash.missing)
    os << "  " << printable(missing.sentence) << '\n';
}

Array makeWalk(const Crash &crash) {
  Array steps;
  if (!crash.walk)
    return steps;
  const PagingMode &mode = *crash.walkMode;
  for (const TranslationStep &step : crash.walk->steps) {
    const unsigned index = mode.indexOf(crash.walk->address, step.level);
    Record record;
    record.add("level", getLevelName(mode, step.level))
        .add("table", step.entryAddress - uint64_t(index) * mode.entryBytes)
        .add("index", index)
        .add("entry_address", step.entryAddress)
        .add("value", Value::Hex{step.entry})
        .add("flags", makeArray(getFlagNames(mode, step.entry, step.level)));
    steps.push_back(std::move(record));
  }
  return steps;
}

Array makeEvidence(const Crash &crash) {
  Array evidence;
  for (const CrashEvidence &known : crash.evidence) {
    Record record;
    record.add("statement", known.statement).add("source", known.source);
    evidence.push_back(std::move(record));
  }
  return evidence;
}

Array makeRegisters(const Crash &crash) {
  Array registers;
  for (const auto &[name, value] : crash.registers) {
    Record record;
    record.add("name", name).add("value", Value::Hex{value});
    registers.push_back(std::move(record));
  }
  return registers;
}

Array makeCpus(const Crash &crash) {
  Array cpus;
  for (const CrashCpu &cpu : crash.cpus) {
    Record record;
    record.add("cpu", uint64_t(cpu.number))
        .add("ip", Value(cpu.ip))
        .add("ip_symbol", textOrNull(cpu.ipSymbol))
        .add("pid", cpu.pid)
        .add("comm", textOrNull(cpu.comm));
    cpus.push_back(std::move(record));
  }
  return cpus;
}

llvm::StringRef getCauseWord(FaultCause cause) {
  switch (cause) {
  case FaultCause::Unknown:
    return "";
  case FaultCause::NotPresent:
    return "not_present";
  case FaultCause::Permission:
    return "permission";
  case FaultCause::ReservedBit:
    return "reserved_bit";
  case FaultCause::Other:
    return "other";
  }
  llvm_unreachable("not a cause");
}

} // namespace

Record makeCrashRecord(const Crash &crash) {
  Record record;
  const auto word = [](llvm::StringRef text) {
    return text.empty() ? Value() : Value(text);
  };
  record.add("kind", getCrashWord(crash.kind));
  record.add("sentence", getCrashSentence(crash.kind));
  record.add("title", textOrNull(crash.title));
  record.add("address", Value(crash.address));
  record.add("access", word(getAccessWord(crash.access)));
  record.add("cause", word(getCauseWord(crash.cause)));
  record.add("code", crash.code ? Value(Value::Hex{*crash.code}) : Value());
  record.add("code_sentence", textOrNull(crash.codeSentence));
  record.add("cpu", crash.cpu);
  record.add("pid", crash.pid);
  record.add("comm", textOrNull(crash.comm));
  record.add("ip", Value(crash.ip));
  record.add("ip_symbol", textOrNull(crash.ipSymbol));
  record.add("region", crash.address
                           ? Value(getAddressClassWord(crash.region.what))
                           : Value());
  record.add("region_sentence", textOrNull(crash.region.description));
  record.add("panic", Value(crash.panic));
  record.add("survived", crash.hasSurvived);
  record.add("walk_source", textOrNull(crash.walkSource));
  record.add("walk_header", textOrNull(crash.walkHeader));
  record.add("walk_line", textOrNull(crash.walkLine));
  record.add("walk_header_in_log", textOrNull(crash.walkHeaderInLog));
  record.add("walk_line_in_log", textOrNull(crash.walkLineInLog));
  record.add("tables_changed", crash.tablesChanged());
  record.add("walk", makeWalk(crash));
  record.add("registers", makeRegisters(crash));
  record.add("registers_source", textOrNull(crash.registersSource));
  record.add("stack", makeArray(crash.trace));
  record.add("cpu_states", makeCpus(crash));
  record.add("log_excerpt", makeArray(crash.logExcerpt));
  record.add("evidence", makeEvidence(crash));
  return record;
}

void writeCrash(RecordWriter &writer, const Crash &crash) {
  if (llvm::raw_ostream *os = writer.text())
    return printText(*os, crash);
  writeMembers(writer, makeCrashRecord(crash));
}

} // namespace vmpt
