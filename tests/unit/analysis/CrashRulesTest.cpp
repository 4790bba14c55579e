#include "analysis/CrashRules.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

struct Case {
  const char *kind;
  CrashFacts facts;
};

CrashFacts fault(AddressClass what, FaultAccess access, FaultCause cause) {
  CrashFacts facts;
  facts.trap = Trap::MemoryFault;
  facts.what = what;
  facts.access = access;
  facts.cause = cause;
  facts.hasAddress = facts.hasDied = true;
  return facts;
}

CrashFacts with(CrashFacts facts, void (*change)(CrashFacts &)) {
  change(facts);
  return facts;
}

using What = AddressClass;
constexpr auto R = FaultAccess::Read, W = FaultAccess::Write,
               X = FaultAccess::Execute;
constexpr auto absent = FaultCause::NotPresent, denied = FaultCause::Permission;

TEST(CrashRulesTest, JudgesEachKind) {
  const Case cases[] = {
      {"null-pointer", fault(What::NullPage, R, absent)},
      {"null-execute", fault(What::NullPage, X, absent)},
      {"user-access", fault(What::User, R, denied)},
      {"user-access", fault(What::User, W, absent)},
      {"user-execute", fault(What::User, X, denied)},
      {"write-read-only", fault(What::KernelRodata, W, denied)},
      {"execute-nx", fault(What::DirectMap, X, denied)},
      {"execute-nx", fault(What::KernelStack, X, denied)},
      {"outside-ram", fault(What::DirectMapOutsideRam, R, absent)},
      {"unmapped-direct-map", fault(What::DirectMap, R, absent)},
      {"vmalloc-freed", fault(What::VmallocFreed, R, absent)},
      {"vmalloc-guard", fault(What::VmallocGuard, W, absent)},
      {"module-freed", fault(What::ModuleFreed, X, absent)},
      {"vmemmap-hole", fault(What::VmemmapHole, R, absent)},
      {"stack-overflow", fault(What::StackGuard, W, absent)},
      {"reserved-bit", fault(What::VmallocArea, R, FaultCause::ReservedBit)},
      {"unknown", fault(What::Fixmap, R, absent)},
      {"unknown", fault(What::ErrorPointer, R, absent)},
      {"none", with({}, [](CrashFacts &f) { f.isAlive = true; })},
      {"unknown", {}},
      {"unknown", with({}, [](CrashFacts &f) { f.hasDied = true; })},
      {"panic", with({}, [](CrashFacts &f) { f.panic = "asked for"; })},
      {"sysrq", with({},
                     [](CrashFacts &f) {
                       f.panic = "sysrq triggered crash";
                       f.isSysrq = true;
                     })},
      {"hung",
       with({}, [](CrashFacts &f) { f.panic = "hung_task: blocked tasks"; })},
      {"divide", with({}, [](CrashFacts &f) { f.trap = Trap::Divide; })},
      {"bug", with({}, [](CrashFacts &f) { f.trap = Trap::Bug; })},
      {"stack-overflow",
       with({}, [](CrashFacts &f) { f.trap = Trap::StackOverflow; })},
      {"non-canonical", with({},
                             [](CrashFacts &f) {
                               f.trap = Trap::GeneralProtection;
                               f.what = What::NonCanonical;
                             })},
  };
  for (const Case &test : cases)
    EXPECT_EQ(getCrashWord(judge(test.facts).kind), test.kind);
}

/// A panic that follows an oops says nothing new.
TEST(CrashRulesTest, TheFaultGoesBeforeThePanic) {
  CrashFacts facts = fault(What::NullPage, R, absent);
  facts.panic = "Fatal exception";
  EXPECT_EQ(judge(facts).kind, CrashKind::NullPointer);
  facts.what = What::Unknown;
  EXPECT_EQ(judge(facts).kind, CrashKind::Unknown);
}

TEST(CrashRulesTest, EachKindHasAWordAndASentence) {
  for (unsigned kind = 0; kind <= unsigned(CrashKind::Unknown); ++kind) {
    EXPECT_FALSE(getCrashWord(CrashKind(kind)).empty());
    EXPECT_FALSE(getCrashSentence(CrashKind(kind)).empty());
  }
}

} // namespace
