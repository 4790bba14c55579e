#include "analysis/CrashRules.h"

#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

using Facts = const CrashFacts &;

bool isExecute(Facts f) { return f.access == FaultAccess::Execute; }
bool isFault(Facts f) { return f.trap == Trap::MemoryFault; }
/// The MMU had an entry and it did not allow the access.
bool isDenied(Facts f) {
  return isFault(f) && f.cause == FaultCause::Permission;
}
bool panicBegins(Facts f, llvm::StringRef text) {
  return f.panic && startsWith(*f.panic, text);
}

struct Rule {
  CrashKind kind;
  bool (*fits)(Facts);
  llvm::StringLiteral reason;
};

/// The first that fits is the verdict: what tells more stands above.
constexpr Rule rules[] = {
    {CrashKind::StackOverflow,
     [](Facts f) {
       return f.trap == Trap::StackOverflow ||
              panicBegins(f, "kernel stack overflow");
     },
     "the kernel says so"},
    {CrashKind::StackOverflow,
     [](Facts f) { return f.what == AddressClass::StackGuard && !isDenied(f); },
     "the address is in the guard page of a stack"},
    {CrashKind::Sysrq, [](Facts f) { return f.isSysrq; },
     "the handler of sysrq-c crashes the machine"},
    {CrashKind::Hung,
     [](Facts f) {
       return panicBegins(f, "hung_task") || panicBegins(f, "softlockup") ||
              panicBegins(f, "Hard LOCKUP") ||
              panicBegins(f, "Watchdog detected hard LOCKUP") ||
              panicBegins(f, "RCU Stall");
     },
     "the panic is a watchdog's"},
    {CrashKind::Hung,
     [](Facts f) { return f.isHang && !f.panic && f.trap == Trap::None; },
     "a watchdog complained, and nothing else is known to have happened"},
    {CrashKind::Divide, [](Facts f) { return f.trap == Trap::Divide; },
     "the exception is that of a division"},
    {CrashKind::Bug,
     [](Facts f) { return f.trap == Trap::Bug || f.hasBugLine; },
     "the exception is that of BUG()"},
    {CrashKind::NonCanonical,
     [](Facts f) {
       return f.what == AddressClass::NonCanonical ||
              f.what == AddressClass::BeyondLimit;
     },
     "no table translates such an address"},
    {CrashKind::ReservedBit,
     [](Facts f) { return isFault(f) && f.cause == FaultCause::ReservedBit; },
     "the fault's code says that an entry has a reserved bit"},
    {CrashKind::NullExecute,
     [](Facts f) {
       return isFault(f) && f.what == AddressClass::NullPage && isExecute(f);
     },
     "an instruction was fetched from the first page"},
    {CrashKind::NullPointer,
     [](Facts f) { return isFault(f) && f.what == AddressClass::NullPage; },
     "the address is so small that it is an offset from null"},
    {CrashKind::UserExecute,
     [](Facts f) {
       return isFault(f) && f.what == AddressClass::User && isExecute(f);
     },
     "the kernel fetched an instruction from the user half"},
    {CrashKind::UserAccess,
     [](Facts f) { return isFault(f) && f.what == AddressClass::User; },
     "the kernel accessed the user half outside its functions for that"},
    {CrashKind::ExecuteNx, [](Facts f) { return isDenied(f) && isExecute(f); },
     "the page is there and may not be executed"},
    {CrashKind::WriteReadOnly,
     [](Facts f) { return isDenied(f) && f.access == FaultAccess::Write; },
     "the page is there and may not be written"},
    {CrashKind::OutsideRam,
     [](Facts f) {
       return isFault(f) && f.what == AddressClass::DirectMapOutsideRam;
     },
     "behind the address of the direct map there is no memory"},
    {CrashKind::UnmappedDirectMap,
     [](Facts f) {
       return isFault(f) && f.what == AddressClass::DirectMap &&
              f.cause != FaultCause::Permission;
     },
     "the memory is there, and the direct map leaves it out"},
    {CrashKind::ModuleFreed,
     [](Facts f) {
       return isFault(f) && (f.what == AddressClass::ModuleFreed ||
                             (f.what == AddressClass::ModuleInit &&
                              f.cause == FaultCause::NotPresent));
     },
     "no module that is loaded has the address"},
    {CrashKind::VmallocGuard,
     [](Facts f) { return isFault(f) && f.what == AddressClass::VmallocGuard; },
     "the address is in the guard page of an area"},
    {CrashKind::VmallocFreed,
     [](Facts f) { return isFault(f) && f.what == AddressClass::VmallocFreed; },
     "no area in use has the address"},
    {CrashKind::VmemmapHole,
     [](Facts f) { return isFault(f) && f.what == AddressClass::VmemmapHole; },
     "vmemmap has no struct page there"},
    {CrashKind::Panic, [](Facts f) { return f.panic && f.trap == Trap::None; },
     "panic() was called, and no exception is behind it"},
    {CrashKind::None,
     [](Facts f) {
       return f.isAlive && !f.panic && f.trap == Trap::None && !f.hasDied;
     },
     "nothing says that the kernel died"},
    {CrashKind::Unknown, [](Facts) { return true; },
     "what is known fits no other kind"},
};

} // namespace

llvm::StringRef getCrashWord(CrashKind kind) {
  static constexpr llvm::StringLiteral words[] = {
#define VMPT_CRASH_KIND(Name, word, sentence) word,
#include "analysis/CrashKinds.def"
  };
  return words[size_t(kind)];
}

llvm::StringRef getCrashSentence(CrashKind kind) {
  static constexpr llvm::StringLiteral sentences[] = {
#define VMPT_CRASH_KIND(Name, word, sentence) sentence,
#include "analysis/CrashKinds.def"
  };
  return sentences[size_t(kind)];
}

llvm::StringRef getAddressClassWord(AddressClass what) {
  static constexpr llvm::StringLiteral words[] = {
#define VMPT_ADDRESS_CLASS(Name, word) word,
#include "analysis/AddressClasses.def"
  };
  return words[size_t(what)];
}

llvm::StringRef getAccessWord(FaultAccess access) {
  switch (access) {
  case FaultAccess::Unknown:
    return "";
  case FaultAccess::Read:
    return "read";
  case FaultAccess::Write:
    return "write";
  case FaultAccess::Execute:
    return "execute";
  }
  llvm_unreachable("not an access");
}

Verdict judge(const CrashFacts &facts) {
  for (const Rule &rule : rules)
    if (rule.fits(facts))
      return {rule.kind, rule.reason};
  llvm_unreachable("the last rule fits all");
}

} // namespace vmpt
