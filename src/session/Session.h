//===- Session.h - one opened dump ----------------------------------------===//
//
// A request goes in; the dump, its kernel, symbols and types come out, each
// when it is first asked for. A session owns what it found and tells one
// listener, so several dumps can be open at once.
//
#pragma once

#include "kernel/find/TopTables.h"
#include "kernel/tasks/TaskList.h"
#include "memory/LiveMemory.h"
#include "session/Request.h"

#include "llvm/Support/raw_ostream.h"

#include <utility>

namespace vmpt {

class Session {
public:
  /// Errors carry the file's name. \p out outlives the session. What is found
  /// and how far long work is goes to \p onFinding and \p onProgress, which may
  /// be called from several threads, but one at a time.
  static llvm::Expected<std::unique_ptr<Session>>
  open(Request request, llvm::raw_ostream &out,
       Diagnostics::Handler onFinding = {},
       Diagnostics::ProgressHandler onProgress = {});

  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  /// Where results go.
  llvm::raw_ostream &out() { return out_; }
  Diagnostics &diagnostics() { return *diagnostics_; }
  /// What was found so far is passed on again when it is found again: for who
  /// asks several questions.
  void forgetFindings() {
    diagnostics_.emplace(onFinding_, onProgress_);
    diagnostics_->setFile(fileName());
    diagnostics_->setThreads(request_.threads);
    explainedFilter_ = explainedTrim_ = false;
  }
  const Request &request() const { return request_; }
  const Dump &dump() const { return dump_; }
  /// The same after all of the file was looked at, which may take its time.
  const Dump &wholeDump() {
    if (auto describe = std::exchange(dump_.describeWhole, nullptr))
      describe(dump_);
    return dump_;
  }
  const PhysicalMemory &memory() const { return *dump_.memory; }

  /// The dump's kernel, looked for at the first call.
  llvm::Expected<const KernelImage &> image();
  /// Its symbols and types, from the dump and from what the request names.
  llvm::Expected<const Kernel &> kernel();
  /// Judges what the request says of symbols and types, whether or not a result
  /// needs it. No error where there is no kernel.
  llvm::Error judgeDebugInputs();

  /// The CPUs as far as they may run that kernel: of several in one memory, not
  /// those that surely run another.
  Machine machineOf(const KernelImage &kernel) const;
  /// image() will look for all kernels, even where one proves itself.
  void lookForAllKernels() { request_.kernel.listsKernels = true; }
  /// All kernels of this memory, looked for again if image() was asked before
  /// lookForAllKernels(); it stays what it is. No kernel: none.
  llvm::ArrayRef<FoundKernel> allKernels();

  /// The same through a decorator of the dump's memory, and not kept.
  llvm::Expected<KernelImage> findKernel(const PhysicalMemory &memory);
  llvm::Expected<std::unique_ptr<Kernel>>
  createKernel(const KernelImage &image, const PhysicalMemory &memory);

  /// Its tasks; the error names the file, and says where it was cut without
  /// them.
  llvm::Expected<TaskList> readTasks(const Kernel &kernel,
                                     TaskListOptions options);
  /// Is the table at \p root, which an option names, one of a task? If not, an
  /// error; with --force a gap.
  llvm::Error checkRoot(const KernelImage &kernel, PhysAddr root);
  /// Where no kernel is found, looks at all of memory for the table at \p root,
  /// which an option names, and for the kernel that it leads to. The error is
  /// that of image().
  llvm::Error findKernelBy(PhysAddr root);
  /// Contradicts --arch what the kernel is, or, where none is found, what the
  /// container says? An error, or with --force a gap.
  llvm::Error judgeArch();
  /// Top tables in all of memory; no kernel is needed, but one that is found
  /// tells more of them.
  TopTables findTopTables(bool asksKernel = true);
  /// What was tried where image() failed.
  const Evidence &tried() const { return tried_; }

  /// All that was found, once nothing more is to be read; compares live memory
  /// before.
  std::vector<Finding> finalFindings();
  /// Compares what was read of a machine that runs with what is there now; what
  /// changed is a gap.
  void compareLiveMemory();

  /// Findings about this dump.
  void warn(llvm::StringRef kind, const llvm::Twine &sentence,
            Subject subject = {});
  void gap(llvm::StringRef kind, const llvm::Twine &sentence,
           Subject subject = {});
  /// An error that ends only a part of the work. File names become the
  /// subject's, where they stand in front.
  void gap(llvm::StringRef kind, llvm::Error error, Subject subject = {});
  /// "'vmcore': " in front of the message, the class of the error kept. An
  /// error that names a file stays as it is.
  llvm::Error withFileName(llvm::Error error) const;
  /// The same of the error that ends the command.
  llvm::Error endWith(llvm::Error error);
  /// Is \p error about the command line? Then it is the user's to mend, and no
  /// property of the dump.
  static bool isUsageError(llvm::Error &error);
  /// The message of an error, without this dump's name in front.
  std::string takeMessage(llvm::Error error) const;

private:
  Session(Request request, llvm::raw_ostream &out,
          Diagnostics::Handler onFinding,
          Diagnostics::ProgressHandler onProgress)
      : request_(std::move(request)), out_(out),
        onFinding_(std::move(onFinding)), onProgress_(std::move(onProgress)) {
    forgetFindings();
  }
  llvm::Error openFiles();
  void explainFilter(llvm::StringRef sentence);
  void explainTrim(llvm::StringRef sentence);
  llvm::Error placeRaw();
  llvm::Error judgePlacement();
  llvm::Error judgePieces(const KernelImage &kernel);
  void reportLoss();
  void extendMemory(const KernelImage &kernel);
  /// The dump, or the first of raw pieces that have none.
  const std::string &fileName() const;

  Request request_;
  llvm::raw_ostream &out_;
  const Diagnostics::Handler onFinding_;
  const Diagnostics::ProgressHandler onProgress_;
  std::optional<Diagnostics> diagnostics_; ///< Always there.
  Dump dump_;
  /// In the dump's memory, if that is of a machine that runs.
  const LiveMemory *live_ = nullptr;
  bool isCompared_ = false;
  Evidence tried_;
  std::unique_ptr<KernelImage> image_;
  std::optional<std::vector<FoundKernel>> kernels_; ///< What image_ lacks.
  bool explainedFilter_ = false, explainedTrim_ = false;
  std::unique_ptr<Kernel> kernel_;
};

} // namespace vmpt
