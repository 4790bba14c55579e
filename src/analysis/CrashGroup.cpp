#include "analysis/CrashGroup.h"

#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

/// The way from a fault or a panic to where its stack is printed: of no crash
/// in particular. Names of functions, or how they begin.
constexpr llvm::StringLiteral wayDown[] = {"dump_stack",
                                           "dump_stack_lvl",
                                           "dump_backtrace",
                                           "show_stack",
                                           "__show_regs",
                                           "show_regs",
                                           "show_trace_log_lvl",
                                           "panic",
                                           "vpanic",
                                           "nmi_panic",
                                           "__warn",
                                           "report_bug",
                                           "handle_bug",
                                           "bug_handler",
                                           "__die",
                                           "__die_body",
                                           "__die_header",
                                           "die",
                                           "die_addr",
                                           "oops_end",
                                           "oops_exit",
                                           "crash_kexec",
                                           "__crash_kexec",
                                           "machine_kexec",
                                           "page_fault_oops",
                                           "kernelmode_fixup_or_oops",
                                           "bad_area",
                                           "__bad_area",
                                           "no_context",
                                           "die_kernel_fault",
                                           "__do_kernel_fault",
                                           "do_mem_abort",
                                           "do_translation_fault",
                                           "do_page_fault",
                                           "__do_page_fault",
                                           "do_kern_addr_fault",
                                           "do_user_addr_fault",
                                           "do_bad_area",
                                           "do_trap",
                                           "do_error_trap",
                                           "do_invalid_op",
                                           "general_protection",
                                           "fixup_exception",
                                           "handle_exception",
                                           "search_extable"};
constexpr llvm::StringLiteral wayDownPrefixes[] = {
    "exc_", "asm_exc_", "el1h_", "el1_", "el0_", "do_trap_"};

/// The name in "wr.cold+0x5/0x17 [lab_crash]"; empty where it is a number.
llvm::StringRef nameIn(llvm::StringRef entry) {
  const llvm::StringRef name =
      entry.take_until([](char c) { return c == '+' || c == ' '; });
  return startsWith(name, "0x") ? llvm::StringRef() : name;
}

/// A compiler's pieces of a function: "wr.cold", "wr.part.0".
llvm::StringRef withoutSuffix(llvm::StringRef name) {
  const size_t dot = name.find('.');
  return dot == 0 ? name : name.take_front(dot);
}

std::string functionIn(llvm::StringRef entry) {
  std::string text = withoutSuffix(nameIn(entry)).str();
  const size_t module = entry.find(" [");
  if (!text.empty() && module != llvm::StringRef::npos) {
    // Some kernels have a build-id or taints behind the name.
    const llvm::StringRef name =
        entry.drop_front(module + 2).take_until([](char c) {
          return c == ']' || c == ' ' || c == '(';
        });
    text += " [" + name.str() + "]";
  }
  return text;
}

bool isWayDown(llvm::StringRef entry) {
  const llvm::StringRef name = withoutSuffix(nameIn(entry));
  // panic() does not return: what lies behind its call may be the next
  // function.
  return name.empty() || entry.contains("+0x0/") ||
         llvm::is_contained(wayDown, name) ||
         llvm::any_of(wayDownPrefixes, [&](llvm::StringRef prefix) {
           return startsWith(name, prefix);
         });
}

/// The calls of the log's first trace, innermost first. Without \p doubtful
/// only those that the kernel's unwinder was sure of.
std::vector<llvm::StringRef> callsInLog(const Crash &crash, bool doubtful) {
  std::vector<llvm::StringRef> calls;
  bool isIn = false;
  for (const std::string &text : crash.logExcerpt) {
    llvm::StringRef line = trimBlanks(text);
    if (!isIn) {
      isIn = line.take_front(11).equals_insensitive("call trace:");
      continue;
    }
    const bool isMark = startsWith(line, "<") || startsWith(line, "[");
    const bool isDoubtful = line.consume_front("? ");
    if (!isMark && line.find("+0x") == llvm::StringRef::npos)
      break;
    if (!isMark && (doubtful || !isDoubtful))
      calls.push_back(line);
  }
  return calls;
}

/// Who called what died.
std::string findCaller(const Crash &crash, bool doubtful) {
  for (const llvm::StringRef call : callsInLog(crash, doubtful))
    if (!isWayDown(call) && call != crash.ipSymbol)
      return call.str();
  for (const std::string &call : crash.trace)
    if (!isWayDown(call) && call != crash.ipSymbol)
      return call;
  return {};
}

/// Numbers are of one machine: "pid 109" -> "pid N".
std::string withoutNumbers(llvm::StringRef text) {
  std::string out;
  while (!text.empty()) {
    const bool isHex = startsWith(text, "0x");
    const llvm::StringRef digits =
        isHex ? text.take_front(
                    2 + text.drop_front(2).take_while(llvm::isHexDigit).size())
              : text.take_while(llvm::isDigit);
    if (digits.empty()) {
      out += text.front();
      text = text.drop_front();
      continue;
    }
    out += 'N';
    text = text.drop_front(digits.size());
  }
  return out;
}

} // namespace

CrashSite findCrashSite(const Crash &crash) {
  CrashSite site;
  if (crash.kind == CrashKind::None || crash.kind == CrashKind::Sysrq)
    return site; // Nobody's fault: all that were asked for are alike.
  const bool isFetch = crash.access == FaultAccess::Execute;
  // Registers of the notes are of the panic's last loop then.
  const bool hasFaulted = crash.trap != Trap::None;
  if (!isFetch && hasFaulted && !nameIn(crash.ipSymbol).empty())
    site.place = crash.ipSymbol;
  else
    site.place = findCaller(crash, isFetch);
  if (site.place.empty() && hasFaulted && !nameIn(crash.ipSymbol).empty())
    site.place = crash.ipSymbol;
  site.function = functionIn(site.place);
  return site;
}

std::string makeGroupKey(const Crash &crash) {
  if (crash.kind == CrashKind::None)
    return {};
  const std::string function = findCrashSite(crash).function;
  const llvm::StringRef region =
      crash.address ? getAddressClassWord(crash.region.what) : "";
  std::string site = function;
  if (site.empty() && crash.kind == CrashKind::Panic && crash.panic)
    site = withoutNumbers(*crash.panic);
  // Nothing by which two of them would be the same.
  if (crash.kind == CrashKind::Unknown && site.empty() && region.empty())
    return {};
  const auto orDash = [](llvm::StringRef text) {
    return text.empty() ? llvm::StringRef("-") : text;
  };
  return (getCrashWord(crash.kind) + "|" + orDash(site) + "|" + orDash(region))
      .str();
}

} // namespace vmpt
