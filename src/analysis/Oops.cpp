#include "analysis/Oops.h"

#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

/// More are not looked at: a log can be made of nothing else.
constexpr size_t maxEvents = 1000, maxRegisters = 64;

using Captures = llvm::SmallVector<llvm::StringRef, 3>;

/// The characters of a capture, taken off \p line; nothing if it has none.
std::optional<llvm::StringRef> takeCapture(char kind, llvm::StringRef rest,
                                           llvm::StringRef &line) {
  llvm::StringRef taken;
  if (kind == 'x') {
    line.consume_front("0x");
    taken = line.take_while(llvm::isHexDigit);
  } else if (kind == 'd') {
    taken = line.take_while(llvm::isDigit);
  } else {
    // Up to where what follows in the pattern is met first.
    const llvm::StringRef stop =
        rest.take_until([](char c) { return c == '%'; });
    const size_t end = stop.empty() ? line.size() : line.find(stop);
    if (end == llvm::StringRef::npos)
      return std::nullopt;
    taken = line.take_front(end);
    line = line.drop_front(end);
    return taken;
  }
  if (taken.empty())
    return std::nullopt;
  line = line.drop_front(taken.size());
  return taken;
}

std::optional<uint64_t> parseHex(llvm::StringRef text) {
  uint64_t value;
  if (text.size() > 16 || text.getAsInteger(16, value))
    return std::nullopt;
  return value;
}

std::optional<uint32_t> parseDecimal(llvm::StringRef text) {
  uint32_t value;
  if (text.getAsInteger(10, value))
    return std::nullopt;
  return value;
}

template <class T, class U> void keepFirst(T &slot, const U &value) {
  if (!slot && value)
    slot = *value;
}

void keepFirst(std::string &slot, llvm::StringRef value) {
  if (slot.empty())
    slot = value.str();
}

/// "busybox Kdump: loaded Tainted: G": a name may hold any of these words, so
/// it ends at the last of them.
std::string commOf(llvm::StringRef text) {
  size_t end = std::max(int64_t(text.rfind(" Tainted: ")),
                        int64_t(text.rfind(" Not tainted ")));
  if (end != llvm::StringRef::npos)
    text = text.take_front(end);
  text.consume_back(" Kdump: loaded");
  return text.str();
}

class Parser {
public:
  Parser(llvm::ArrayRef<LogLine> lines, llvm::ArrayRef<OopsRule> rules)
      : lines_(lines), rules_(rules) {}

  OopsLog parse() {
    for (size_t at = 0; at < lines_.size(); ++at)
      take(at, llvm::StringRef(lines_[at].text).ltrim());
    close();
    return std::move(log_);
  }

private:
  void take(size_t at, llvm::StringRef line);
  bool takeCommon(size_t at, llvm::StringRef line);
  void takeWho(llvm::StringRef line);
  bool takeRule(size_t at, llvm::StringRef line, const OopsRule &rule);
  void takeWalk(size_t at, llvm::StringRef line);
  void takeFact(OopsFact fact, llvm::StringRef text);
  bool takeNumbered(llvm::StringRef line);
  bool takePairs(llvm::StringRef line);
  OopsEvent &open(size_t at, llvm::StringRef line);
  void close();

  llvm::ArrayRef<LogLine> lines_;
  llvm::ArrayRef<OopsRule> rules_;
  OopsLog log_;
  OopsEvent event_;
  bool isOpen_ = false;
  bool hasWho_ = false;
  size_t walkAt_ = 0;
  unsigned nextNumber_ = 0;       ///< Of takeNumbered(); 0: nothing goes on.
  std::optional<size_t> cutHere_; ///< "------------[ cut here ]------------"
};

void Parser::close() {
  if (!isOpen_)
    return;
  isOpen_ = false;
  if (event_.isWarning)
    ++log_.warnings;
  else if (log_.events.size() < maxEvents)
    log_.events.push_back(std::move(event_));
  else
    log_.events.back() = std::move(event_); // the last says the most
}

/// A sentence that opens goes on with an event that has not said its CPU.
OopsEvent &Parser::open(size_t at, llvm::StringRef line) {
  if (isOpen_ && (hasWho_ || event_.hasEnd || event_.isWarning))
    close();
  if (!isOpen_) {
    event_ = OopsEvent();
    event_.firstLine = cutHere_ && *cutHere_ + 1 == at ? *cutHere_ : at;
    event_.title = line.rtrim().str();
    isOpen_ = true;
    hasWho_ = false;
  }
  event_.lastLine = at;
  return event_;
}

void Parser::takeWho(llvm::StringRef line) {
  auto found = matchOopsPattern("CPU: %d PID: %d Comm: %s", line);
  if (!found) // 6.12 and later
    if ((found = matchOopsPattern("CPU: %d UID: %d PID: %d Comm: ", line))) {
      const llvm::StringRef pid = (*found)[2];
      const size_t comm = line.find(" Comm: ");
      found = Captures{(*found)[0], pid, line.drop_front(comm + 7)};
    }
  if (!found)
    return;
  if (isOpen_ && !event_.hasEnd) {
    if (!hasWho_) {
      event_.cpu = parseDecimal((*found)[0]);
      event_.pid = parseDecimal((*found)[1]);
      event_.comm = commOf((*found)[2]);
    }
    hasWho_ = true;
  }
  if (log_.panic && !log_.panicCpu) {
    log_.panicCpu = parseDecimal((*found)[0]);
    log_.panicPid = parseDecimal((*found)[1]);
    log_.panicComm = commOf((*found)[2]);
  }
}

bool Parser::takeCommon(size_t at, llvm::StringRef line) {
  if (startsWith(line, "------------[ cut here ]------------")) {
    cutHere_ = at;
    return true;
  }
  if (line.consume_front("Kernel panic - not syncing: ")) {
    // The first: what follows it is the way down.
    if (!log_.panic) {
      log_.panic = line.str();
      log_.panicLine = at;
    }
    close();
    return true;
  }
  if (startsWith(line, "WARNING: CPU: ")) {
    close();
    open(at, line).isWarning = true;
    return true;
  }
  if (startsWith(line, "kernel BUG at ")) {
    OopsEvent &event = open(at, line);
    event.trap = Trap::Bug;
    event.hasBugLine = true;
    return true;
  }
  if (startsWith(line, "---[ end trace ")) {
    if (isOpen_) {
      event_.hasEnd = true;
      event_.lastLine = at;
    }
    return true;
  }
  if (startsWith(line, "sysrq: Trigger a crash") ||
      startsWith(line, "sysrq: SysRq : Trigger a crash") ||
      startsWith(line, "SysRq : Trigger a crash")) {
    log_.sysrqLine = at;
    return true;
  }
  if ((startsWith(line, "INFO: task ") &&
       line.contains(" blocked for more ")) ||
      startsWith(line, "watchdog: BUG: soft lockup") ||
      startsWith(line, "NMI watchdog: BUG: soft lockup") ||
      startsWith(line, "BUG: soft lockup") ||
      line.contains("Watchdog detected hard LOCKUP") ||
      line.contains("detected stalls on CPUs/tasks") ||
      line.contains("self-detected stall on CPU"))
    log_.hangLine = at;
  const size_t unloaded = line.find(" [last unloaded: ");
  if (startsWith(line, "Modules linked in:") &&
      unloaded != llvm::StringRef::npos)
    log_.lastUnloadedModule =
        line.drop_front(unloaded + 17)
            .take_until([](char c) { return c == ']' || c == '('; })
            .str();
  return false;
}

void Parser::takeFact(OopsFact fact, llvm::StringRef text) {
  const auto address = [&]() -> std::optional<VirtAddr> {
    if (std::optional<uint64_t> value = parseHex(text))
      return VirtAddr(*value);
    return std::nullopt;
  };
  switch (fact) {
  case OopsFact::Skip:
    return;
  case OopsFact::Address:
    return keepFirst(event_.address, address());
  case OopsFact::Code:
    return keepFirst(event_.code, parseHex(text));
  case OopsFact::Ip:
    return keepFirst(event_.ip, text.rtrim());
  case OopsFact::Number:
    if (std::optional<uint32_t> number = parseDecimal(text))
      event_.number = *number;
    return;
  case OopsFact::Message:
    return keepFirst(event_.message, text);
  case OopsFact::Space:
    if (event_.space == FaultSpace::Unknown)
      event_.space = text == "kernel" ? FaultSpace::Kernel
                     : text == "user" ? FaultSpace::User
                                      : FaultSpace::Unknown;
    return;
  case OopsFact::Root:
    return keepFirst(event_.root, parseHex(text));
  case OopsFact::StackFirst:
    return keepFirst(event_.stackFirst, address());
  case OopsFact::StackEnd:
    return keepFirst(event_.stackEnd, address());
  }
}

/// Registers by their numbers alone: s390x "Krnl GPRS: " and four values, then
/// lines of nothing but values; Power "GPR04: " and values.
bool Parser::takeNumbered(llvm::StringRef line) {
  constexpr unsigned most = 32;
  constexpr size_t digits = 16;
  unsigned number = nextNumber_;
  nextNumber_ = 0;
  if (line.consume_front("Krnl GPRS:"))
    number = 0;
  else if (line.size() > 6 && startsWith(line, "GPR") && line[5] == ':' &&
           !line.substr(3, 2).getAsInteger(10, number))
    line = line.drop_front(6);
  else if (!number)
    return false;
  llvm::SmallVector<llvm::StringRef, 8> words;
  line.split(words, ' ', -1, false);
  const bool fits = llvm::all_of(words, [](llvm::StringRef word) {
    return word.size() == digits && llvm::all_of(word, llvm::isHexDigit);
  });
  if (!fits || words.empty() || number + words.size() > most)
    return false;
  for (llvm::StringRef word : words) {
    const std::string name = "r" + std::to_string(number++);
    if (!event_.findRegister(name))
      event_.registers.emplace_back(name, *parseHex(word));
  }
  nextNumber_ = number;
  return true;
}

/// Registers without a colon: "pc 90000000040f4b60 ra 900000000436e558"
/// (LoongArch).
bool Parser::takePairs(llvm::StringRef line) {
  constexpr size_t digits = 16, most = 8, longestName = 3;
  llvm::SmallVector<llvm::StringRef, most> words;
  line.split(words, ' ', -1, false);
  if (words.size() < 4 || words.size() > most || words.size() % 2)
    return false;
  for (size_t i = 0; i < words.size(); i += 2)
    if (words[i].size() > longestName || !llvm::isAlpha(words[i][0]) ||
        words[i + 1].size() != digits ||
        !llvm::all_of(words[i + 1], llvm::isHexDigit))
      return false;
  for (size_t i = 0; i < words.size(); i += 2)
    if (!event_.findRegister(words[i]))
      event_.registers.emplace_back(words[i].str(), *parseHex(words[i + 1]));
  return true;
}

/// "BAD" is a line of its own, right behind the others.
void Parser::takeWalk(size_t at, llvm::StringRef line) {
  const bool isBad = startsWith(line, "BAD");
  if (isBad && line.rtrim() != "BAD")
    return;
  if (event_.walkLine.empty())
    event_.walkLine = line.str();
  else if (isBad && walkAt_ + 1 == at)
    event_.walkLine += line.rtrim();
  walkAt_ = at;
}

bool Parser::takeRule(size_t at, llvm::StringRef line, const OopsRule &rule) {
  if (!rule.opens && (!isOpen_ || event_.isWarning))
    return false;
  const auto found = matchOopsPattern(rule.pattern, line);
  if (!found)
    return false;
  if (rule.opens)
    open(at, line);
  if (event_.trap == Trap::None ||
      (event_.trap == Trap::Other && rule.trap != Trap::None))
    event_.trap = rule.trap;
  if (rule.isWalkHeader)
    keepFirst(event_.walkHeader, line);
  if (rule.isWalk)
    takeWalk(at, line);
  for (size_t i = 0; i < found->size() && i < rule.facts.size(); ++i)
    takeFact(rule.facts[i], (*found)[i]);
  return true;
}

void Parser::take(size_t at, llvm::StringRef line) {
  takeWho(line);
  if (takeCommon(at, line))
    return;
  // One line of a kernel is one sentence: the first rule that fits.
  const auto *rule = llvm::find_if(
      rules_, [&](const OopsRule &each) { return takeRule(at, line, each); });
  if (!isOpen_ || event_.hasEnd)
    return;
  event_.lastLine = at;
  if (event_.isWarning || event_.registers.size() >= maxRegisters)
    return;
  // s390x has tables of the names of registers: "R3:".
  const bool isWalk = rule != rules_.end() && rule->isWalk;
  if (!takeNumbered(line) && !takePairs(line.rtrim()) && !isWalk)
    parseRegisters(line, event_.registers);
}

} // namespace

std::optional<uint64_t> OopsEvent::findRegister(llvm::StringRef name) const {
  for (const auto &[known, value] : registers)
    if (known == name)
      return value;
  return std::nullopt;
}

std::optional<Captures> matchOopsPattern(llvm::StringRef pattern,
                                         llvm::StringRef line) {
  Captures captures;
  while (!pattern.empty()) {
    if (pattern[0] == '%' && pattern.size() > 1) {
      const char kind = pattern[1];
      pattern = pattern.drop_front(2);
      std::optional<llvm::StringRef> taken = takeCapture(kind, pattern, line);
      if (!taken)
        return std::nullopt;
      captures.push_back(*taken);
    } else if (line.empty() || line[0] != pattern[0]) {
      return std::nullopt;
    } else if (pattern[0] == ' ') {
      pattern = pattern.drop_front();
      line = line.ltrim(' ');
    } else {
      pattern = pattern.drop_front();
      line = line.drop_front();
    }
  }
  return captures;
}

void parseRegisters(llvm::StringRef line,
                    std::vector<std::pair<std::string, uint64_t>> &registers) {
  const auto isName = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (size_t colon = line.find(':'); colon != llvm::StringRef::npos;
       colon = line.find(':', colon + 1)) {
    const llvm::StringRef before = line.take_front(colon).rtrim(' ');
    size_t start = before.size();
    while (start && isName(before[start - 1]))
      --start;
    llvm::StringRef name = before.drop_front(start);
    llvm::StringRef after = line.drop_front(colon + 1).ltrim(' ');
    // "RSP: 0018:ffff...": a selector before it.
    llvm::StringRef digits = after.take_while(llvm::isHexDigit);
    if (digits.size() == 4 && startsWith(after.drop_front(4), ":")) {
      after = after.drop_front(5);
      digits = after.take_while(llvm::isHexDigit);
    }
    const bool ends =
        digits.size() == after.size() || !isName(after[digits.size()]);
    if (name.empty() || name.size() > 6 || !llvm::isAlpha(name[0]) || !ends ||
        (digits.size() != 16 && digits.size() != 8))
      continue;
    std::string known = name.lower();
    if (known == "code") // s390x: the address of instructions
      continue;
    if (known.size() == 3 && known[0] == 'r' && known[1] == '0')
      known.erase(1, 1); // "R08"
    const bool isThere = llvm::any_of(
        registers, [&](const auto &entry) { return entry.first == known; });
    if (!isThere)
      registers.emplace_back(std::move(known), *parseHex(digits));
  }
}

OopsLog parseOopses(llvm::ArrayRef<LogLine> lines,
                    llvm::ArrayRef<OopsRule> rules) {
  return Parser(lines, rules).parse();
}

} // namespace vmpt
