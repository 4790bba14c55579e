//===- OpenedDump.h - one dump, asked again and again ---------------------===//
//
// A command asks once and prints all that was noticed. A library is asked many
// times: what was noticed while the dump was opened and its kernel found holds
// for every answer, what else was noticed for the one that it came with.
//
#pragma once

#include "lib/Document.h"
#include "reports/SpaceChoice.h"
#include "session/Session.h"

#include <mutex>

namespace vmpt {

/// Findings, each once.
class FindingList {
public:
  void add(const Finding &finding);
  llvm::ArrayRef<Finding> all() const { return findings_; }
  bool hasGap() const { return hasGap_; }

private:
  std::vector<Finding> findings_;
  bool hasGap_ = false;
};

class OpenedDump {
public:
  static llvm::Expected<std::shared_ptr<OpenedDump>> open(Request request);

  Session &session() { return *session_; }
  const FindingList &standing() const { return standing_; }

  /// The kernel, with its symbols and types.
  llvm::Expected<const Kernel &> kernel();
  /// The same where only the table at \p root leads to it.
  llvm::Expected<const Kernel &> kernelBy(PhysAddr root);
  /// Its image alone. Where there is none, it is for the question to say why.
  void lookForImage();

private:
  friend class Question;
  /// What is noticed in \p find holds for every answer, if that succeeds.
  llvm::Error note(llvm::function_ref<llvm::Error()> find);

  std::recursive_mutex mutex_; ///< Callbacks may ask again.
  FindingList standing_;
  FindingList *target_ = &standing_; ///< Where findings go.
  std::unique_ptr<Session> session_;
};

/// One question, which has the dump for itself as long as this object lives.
class Question {
public:
  explicit Question(OpenedDump &dump);
  ~Question() { dump_.target_ = outer_; }
  Question(const Question &) = delete;

  OpenedDump &dump() { return dump_; }
  Session &session() { return dump_.session(); }
  /// VMPT_GAPS if the answer lacks something. Nothing is read after this.
  int status();
  /// Ends \p document, and gives it to \p result, which may be null.
  int finish(Document &document, vmpt_result **result);

private:
  OpenedDump &dump_;
  std::lock_guard<std::recursive_mutex> lock_;
  FindingList *const outer_;
  FindingList own_;
};

} // namespace vmpt

// The handles of vmpt.h.

struct vmpt_dump {
  std::shared_ptr<vmpt::OpenedDump> dump;
};

struct vmpt_result {
  vmpt::Value value;
};

/// The translator is for one thread; a space has a lock of its own, so that
/// several work side by side.
struct vmpt_space {
  std::shared_ptr<vmpt::OpenedDump> dump;
  vmpt::SpaceChoice choice;
  std::mutex mutex; ///< Of `space`.
  vmpt::ChosenSpace space;
};
