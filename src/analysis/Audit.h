//===- Audit.h - what is wrong with page tables, as data ------------------===//
//
// docs/audit.md has the rules: what a finding means, and its innocent causes.
//
#pragma once

#include "support/Address.h"
#include "support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

enum class AuditRule : uint8_t {
#define VMPT_AUDIT_RULE(Name, word, severity, sentence) Name,
#include "analysis/AuditRules.def"
};

/// The words of CVSS.
enum class AuditSeverity : uint8_t {
  Info,   ///< Legal, and worth knowing.
  Low,    ///< Odd; damage is likelier than an attack.
  Medium, ///< Somebody should look at it.
  High,   ///< No sound kernel does this.
};
inline constexpr unsigned auditSeverityCount =
    unsigned(AuditSeverity::High) + 1;

struct AuditRuleInfo {
  AuditRule rule;
  llvm::StringLiteral word; ///< "kernel-wx"
  AuditSeverity severity;   ///< Of most of its findings.
  llvm::StringLiteral sentence;
};
/// In the order of AuditRule.
llvm::ArrayRef<AuditRuleInfo> getAuditRules();
inline const AuditRuleInfo &getInfo(AuditRule rule) {
  return getAuditRules()[size_t(rule)];
}
/// "info", "low", "medium", "high"
llvm::StringRef getSeverityWord(AuditSeverity severity);
/// A UsageError for another word.
llvm::Expected<AuditRule> parseAuditRule(llvm::StringRef word);
llvm::Expected<AuditSeverity> parseAuditSeverity(llvm::StringRef word);

/// Whose address space it is; the kernel's own has no pid.
struct AuditOwner {
  std::optional<uint32_t> pid;
  std::string comm;

  bool operator==(const AuditOwner &) const = default;
};

struct AuditFinding {
  /// Of the rule's usual severity.
  AuditFinding(AuditRule r, AuditOwner o)
      : rule(r), severity(getInfo(r).severity), owner(std::move(o)) {}

  AuditRule rule;
  AuditSeverity severity;
  AuditOwner owner;
  /// What it is about; nothing where it is a process or a frame as a whole.
  std::optional<VirtAddr> first, last;
  /// The entry of the first page, and where it stands.
  std::optional<PhysAddr> entryAddress;
  std::optional<uint64_t> entry;
  std::string detail;
  std::vector<std::string> evidence;
  std::string next; ///< The command to type, without the dump: "maps --pid 7".
};

/// A rule that could not be judged, wholly or for a part of the data.
struct AuditGap {
  enum Kind : uint8_t {
    NotApplicable, ///< This machine has no such thing.
    Partial,
    NotJudged,
  };
  AuditRule rule;
  Kind kind;
  std::string reason;

  bool operator==(const AuditGap &) const = default;
};
/// The rules that one reason keeps from being judged.
struct AuditGapGroup {
  AuditGap::Kind kind;
  std::string reason, rules; ///< "kernel-wx, outside-ram"
};
/// In the order of their first gaps.
std::vector<AuditGapGroup> groupGaps(llvm::ArrayRef<AuditGap> gaps);

/// "not_applicable", "partial", "not_judged"
llvm::StringRef getGapWord(AuditGap::Kind kind);

class AuditReport {
public:
  static constexpr size_t maxFindings = 10'000; ///< Of a rule.

  AuditReport() { wanted_.fill(true); }
  /// These alone.
  void select(llvm::ArrayRef<AuditRule> rules);
  bool wants(AuditRule rule) const { return wanted_[size_t(rule)]; }

  /// Is there use in making a finding? One that there is no room for is
  /// counted.
  bool accepts(AuditRule rule) {
    if (!wants(rule))
      return false;
    if (findings_[size_t(rule)].size() < maxFindings)
      return true;
    ++dropped_[size_t(rule)];
    return false;
  }
  /// One that goes on where the last of its rule ended, and says the same of
  /// the same owner, makes that one longer.
  void add(AuditFinding finding);
  void gap(AuditRule rule, AuditGap::Kind kind, const llvm::Twine &reason);
  /// The rule does not apply, or cannot be judged, and is wanted no more.
  void leaveOut(AuditRule rule, AuditGap::Kind kind,
                const llvm::Twine &reason) {
    gap(rule, kind, reason);
    wanted_[size_t(rule)] = false;
  }

  /// To be judged anew in the light of all.
  llvm::MutableArrayRef<AuditFinding> findingsOf(AuditRule rule) {
    return findings_[size_t(rule)];
  }
  /// By rule, then in the order in which they were added.
  std::vector<AuditFinding> takeFindings();
  llvm::ArrayRef<AuditGap> gaps() const { return gaps_; }
  /// How many more than maxFindings there were.
  uint64_t dropped(AuditRule rule) const { return dropped_[size_t(rule)]; }

  /// What the kernel's own check, ptdump_check_wx(), would say of these
  /// tables: pages. Nothing if its listing cannot be made.
  std::optional<uint64_t> wxPages, notUxnPages;

private:
  static constexpr size_t ruleCount = size_t(AuditRule::MapcountMismatch) + 1;

  std::array<bool, ruleCount> wanted_;
  std::array<std::vector<AuditFinding>, ruleCount> findings_;
  std::array<uint64_t, ruleCount> dropped_ = {};
  std::vector<AuditGap> gaps_;
};

} // namespace vmpt
