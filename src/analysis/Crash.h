//===- Crash.h - why a kernel died, as data -------------------------------===//
#pragma once

#include "analysis/Oops.h"
#include "kernel/find/CrashArch.h"
#include "support/Error.h"

namespace vmpt {

enum class CrashKind : uint8_t {
#define VMPT_CRASH_KIND(Name, word, sentence) Name,
#include "analysis/CrashKinds.def"
};
/// "null-pointer"
llvm::StringRef getCrashWord(CrashKind kind);
/// "the kernel used a null pointer"
llvm::StringRef getCrashSentence(CrashKind kind);

enum class AddressClass : uint8_t {
#define VMPT_ADDRESS_CLASS(Name, word) Name,
#include "analysis/AddressClasses.def"
};
/// "vmalloc_freed"
llvm::StringRef getAddressClassWord(AddressClass what);

/// "read", "write", "execute"; empty if not known.
llvm::StringRef getAccessWord(FaultAccess access);

/// Something that is known, and from where.
struct CrashEvidence {
  std::string statement, source;
};

/// A source that should have said something and could not.
struct MissingSource {
  std::string kind; ///< A stable word: "log", "areas", "walk".
  std::string sentence;
  /// Something of the answer is missing or in doubt without it.
  bool isGap = true;
};

/// What a CPU was doing when the dump was made.
struct CrashCpu {
  size_t number = 0;
  std::optional<VirtAddr> ip;
  std::string ipSymbol; ///< Empty where nothing names it.
  bool isUserCode = false;
  std::optional<uint32_t> pid; ///< 0: idle.
  std::string comm;
};

/// What the faulting address is.
struct AddressFacts {
  AddressClass what = AddressClass::Unknown;
  std::string
      description; ///< A clause: "the guard page below the stack of ..."
};

struct Crash {
  CrashKind kind = CrashKind::Unknown;
  std::string title; ///< The kernel's own first line, or the panic's; or empty.

  // What faulted. The trap is None where nothing did.
  Trap trap = Trap::None;
  std::optional<VirtAddr> address;
  FaultSpace space = FaultSpace::Unknown; ///< Where addresses do not tell.
  FaultAccess access = FaultAccess::Unknown;
  FaultCause cause = FaultCause::Unknown;
  std::optional<uint64_t> code;
  std::string codeSentence;
  AddressFacts region;

  // Who.
  std::optional<uint32_t> cpu, pid;
  std::string comm;
  std::optional<VirtAddr> ip;
  std::string ipSymbol;
  std::vector<std::pair<std::string, uint64_t>> registers;
  std::string registersSource;

  // The way through the tables, by the handler's rules.
  std::optional<KernelWalk> walk;
  std::optional<PagingMode> walkMode;
  std::string walkSource; ///< Whose table.
  std::string walkHeader, walkLine, walkHeaderInLog, walkLineInLog;

  std::optional<std::string> panic;
  bool hasSurvived = false; ///< The machine went on after its oops.
  /// Functions that the stack leads back to, innermost first.
  std::vector<std::string> trace;
  std::vector<std::string> logExcerpt;
  std::vector<CrashEvidence> evidence;
  std::vector<MissingSource> missing;
  std::vector<CrashCpu> cpus;

  /// Both lines are there, and differ.
  bool tablesChanged() const {
    return !walkLine.empty() && !walkLineInLog.empty() &&
           llvm::StringRef(walkLine).rtrim() !=
               llvm::StringRef(walkLineInLog).rtrim();
  }
  void know(const llvm::Twine &statement, const llvm::Twine &source) {
    evidence.push_back({statement.str(), source.str()});
  }
  void miss(llvm::StringRef what, const llvm::Twine &sentence,
            bool isGap = true) {
    missing.push_back({what.str(), sentence.str(), isGap});
  }
};

} // namespace vmpt
