#include "analysis/Explainer.h"

#include "analysis/AddressClassifier.h"
#include "analysis/CrashDetails.h"
#include "analysis/CrashRules.h"
#include "analysis/KernelWalk.h"
#include "support/Text.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

constexpr size_t maxTrace = 1024, maxShownTrace = 64;

/// Functions of the stack that say what happened, where no log does.
constexpr llvm::StringLiteral deathFunctions[] = {
    "panic",       "die",           "__die",     "oops_end",
    "crash_kexec", "__crash_kexec", "nmi_panic", "vpanic"};
constexpr llvm::StringLiteral sysrqFunctions[] = {"sysrq_handle_crash",
                                                  "__handle_sysrq"};
constexpr llvm::StringLiteral hangFunctions[] = {
    "watchdog_timer_fn",         "watchdog_overflow_callback",
    "watchdog_hardlockup_check", "check_hung_uninterruptible_tasks",
    "print_cpu_stall",           "check_cpu_stall"};

class Explainer {
public:
  Explainer(const Kernel &kernel, const Machine &machine)
      : kernel_(kernel), scene_(kernel, machine, crash_) {}

  Crash explain();

private:
  void takeEvent();
  void takePanic();
  void findCpu();
  void readTrace();
  void readSavedRegisters();
  void takeSaved(const SavedRegisters &saved);
  void findTrapOnStack();
  void findFailedFetch();
  void decodeInstruction();
  void findFaultRegister();
  void takeNotes();
  void decodeCode();
  std::optional<VirtAddr> stackPointer() const;
  void describeAddress();
  void completeCause();
  void compareWalk();
  void nameIp();
  void conclude();

  std::string cpuText() const {
    return "CPU " + (crash_.cpu ? std::to_string(*crash_.cpu) : "?");
  }
  const CpuRegisters *cpuNotes() const {
    return scene_.registersOf(crash_.cpu);
  }

  const Kernel &kernel_;
  Crash crash_;
  CrashScene scene_;
  const OopsEvent *event_ = nullptr;
  std::optional<SavedRegisters> saved_; ///< On the stack.
  bool hasDied_ = false;
  bool isAlive_ = false; ///< By the stacks of all CPUs.
};

void Explainer::takeEvent() {
  if (!event_)
    return;
  crash_.title = event_->title;
  crash_.trap = event_->trap;
  crash_.address = event_->address;
  crash_.space = event_->space;
  crash_.code = event_->code;
  crash_.cpu = event_->cpu;
  crash_.pid = event_->pid;
  crash_.comm = event_->comm;
  crash_.ipSymbol = event_->ip;
  crash_.registers = event_->registers;
  crash_.registersSource = "the log";
  crash_.walkLineInLog = event_->walkLine;
  crash_.walkHeaderInLog = event_->walkHeader;
  crash_.know(event_->title, "the log");
  if (event_->address)
    crash_.know("the address is " + hex(*event_->address), "the log");
  if (event_->stackFirst && event_->stackEnd)
    crash_.know("the task's stack is " + hex(*event_->stackFirst) + "-" +
                    hex(*event_->stackEnd - 1),
                "the log");
  crash_.hasSurvived = event_->hasEnd && !scene_.oopses().panic;
  hasDied_ = !crash_.hasSurvived;
  if (crash_.hasSurvived)
    crash_.know(
        "the machine went on after the oops: its end is in the log, and "
        "no panic",
        "the log");
}

void Explainer::takePanic() {
  const OopsLog &log = scene_.oopses();
  crash_.panic = log.panic;
  if (log.panic) {
    hasDied_ = true;
    crash_.know("panic: " + *log.panic, "the log");
    if (crash_.title.empty())
      crash_.title = "Kernel panic - not syncing: " + *log.panic;
    if (!event_) {
      crash_.cpu = log.panicCpu;
      crash_.pid = log.panicPid;
      crash_.comm = log.panicComm;
    }
  }
  if (log.hangLine && !log.panic)
    crash_.know(scene_.lines()[*log.hangLine].text, "the log");
  if (scene_.panicCpu() && *scene_.panicCpu() != -1) {
    hasDied_ = true;
    crash_.know("panic() runs on CPU " + llvm::Twine(*scene_.panicCpu()),
                "panic_cpu");
  } else if (scene_.panicCpu()) {
    crash_.know("no CPU called panic()", "panic_cpu");
  }
}

/// Where the log does not say it: panic_cpu, or the CPU whose stack goes
/// through panic().
void Explainer::findCpu() {
  const auto &cpus = scene_.machine().cpus;
  if (!crash_.cpu && scene_.panicCpu() && *scene_.panicCpu() >= 0)
    crash_.cpu = uint32_t(*scene_.panicCpu());
  if (!crash_.cpu && !scene_.hasLog()) {
    isAlive_ = !cpus.empty();
    for (size_t i = 0; i < cpus.size() && !crash_.cpu; ++i) {
      crash_.cpu = scene_.cpuNumber(i);
      readTrace();
      isAlive_ &= scene_.isUserCode(cpus[i]) || !crash_.trace.empty();
      if (hasFunction(crash_.trace, deathFunctions)) {
        hasDied_ = true;
        crash_.know("the stack of " + cpuText() + " leads back to panic()",
                    "the stack; its size: " +
                        llvm::Twine(scene_.stackBytesSource()));
      } else {
        crash_.cpu.reset();
        crash_.trace.clear();
      }
    }
    isAlive_ &= !hasDied_;
    if (isAlive_)
      crash_.know("no CPU's stack leads back to panic()", "the stacks");
  }
  if (crash_.pid || !crash_.cpu)
    return;
  const Task *task = scene_.taskOnCpu(*crash_.cpu);
  if (!task)
    return;
  crash_.pid = task->pid;
  crash_.comm = task->comm;
  crash_.know("on " + cpuText() + " runs " + task->comm + " (pid " +
                  llvm::Twine(task->pid) + ")",
              "task_struct.on_cpu");
}

void Explainer::readTrace() {
  const CpuRegisters *notes = cpuNotes();
  const std::optional<uint64_t> sp =
      notes ? notes->find(scene_.arch().spRegister) : std::nullopt;
  if (!sp || !crash_.trace.empty())
    return;
  // Stacks are aligned to their size (linux THREAD_ALIGN), where they lie in
  // vmalloc space at least.
  const VirtAddr end(alignDown(*sp, scene_.stackBytes()) + scene_.stackBytes());
  crash_.trace = readStackNames(kernel_, VirtAddr(alignDown(*sp, 8)), end,
                                scene_.names(), maxTrace);
}

void Explainer::takeSaved(const SavedRegisters &saved) {
  crash_.ip = saved.ip;
  saved_ = saved;
  if (saved.address && !crash_.address) {
    crash_.address = saved.address;
    crash_.know("the address is " + hex(*saved.address),
                "the registers saved at " + hex(saved.at));
  }
  if (saved.code && !crash_.code)
    crash_.code = saved.code;
  if (crash_.trap == Trap::None && saved.trap != Trap::None) {
    crash_.trap = saved.trap;
    crash_.know("the exception went to " + saved.handler,
                "the stack, below the saved registers");
  }
  crash_.know("instruction " + scene_.names().print(saved.ip) +
                  ", stack pointer " + hex(saved.sp),
              "the registers saved at " + hex(saved.at));
}

/// The registers of the fault, below the stack pointer of then; without a log
/// the outermost on the stack: what came later is of the way down.
void Explainer::readSavedRegisters() {
  if (event_ ? crash_.trap == Trap::None : scene_.hasLog())
    return;
  llvm::Expected<SavedRegistersReader> reader =
      SavedRegistersReader::create(kernel_);
  if (!reader)
    return crash_.miss("saved-registers",
                       "registers on the stack cannot be read: " +
                           llvm::toString(reader.takeError()),
                       !event_);
  if (event_) {
    // A log names it as a register or, on x86, as such.
    std::optional<uint64_t> sp = event_->findRegister(scene_.arch().spRegister);
    if (!sp)
      sp = event_->findRegister("sp");
    if (sp)
      if (auto saved = reader->findBelow(VirtAddr(*sp)))
        takeSaved(*saved);
    return;
  }
  const CpuRegisters *notes = cpuNotes();
  const std::optional<uint64_t> sp =
      notes && hasDied_ ? notes->find(scene_.arch().spRegister) : std::nullopt;
  if (!sp)
    return;
  const VirtAddr end(alignDown(*sp, scene_.stackBytes()) + scene_.stackBytes());
  // kdump's notes are of the fault, and the registers right below.
  std::vector<SavedRegisters> found;
  if (auto saved = reader->findBelow(VirtAddr(*sp), scene_.names()))
    found.push_back(std::move(*saved));
  else
    found = reader->findAll(VirtAddr(alignDown(*sp, 8)), end, scene_.names());
  if (!found.empty())
    takeSaved(found.back());
}

/// Where the stack does not tell an exception by its registers' place, a
/// function on it may.
void Explainer::findTrapOnStack() {
  const CrashArch &arch = scene_.arch();
  if (scene_.hasLog() || !hasDied_)
    return;
  for (const std::string &entry : crash_.trace)
    for (const HandlerTrap &row : arch.handlers)
      // A stack that overflowed was left for another one.
      if (crash_.trap == Trap::None && row.function == functionOf(entry) &&
          (!arch.saved.hasHandlerBelow || row.trap == Trap::StackOverflow)) {
        crash_.trap = row.trap;
        crash_.know("the stack leads back to " + row.function, "the stack");
      }
}

/// An instruction that cannot be executed was being fetched. CR2 may be of a
/// later fault then: the kernel tries to print the code there.
void Explainer::findFailedFetch() {
  if (event_ || crash_.trap != Trap::MemoryFault || crash_.address || !saved_)
    return;
  const Translation code = kernel_.memory().find(saved_->ip);
  if (code.isMapped() && code.rights(kernel_.memory().mode()).executable)
    return;
  crash_.address = saved_->ip;
  crash_.access = FaultAccess::Execute;
  crash_.know("the instruction's own address cannot be executed",
              "the page tables");
}

/// arm64 keeps no FAR: the instruction says what it accesses.
void Explainer::decodeInstruction() {
  if (crash_.trap != Trap::MemoryFault || crash_.address || !saved_ ||
      !scene_.arch().decodeAccess)
    return;
  llvm::Expected<uint32_t> instruction =
      kernel_.memory().readNumber<uint32_t>(saved_->ip);
  if (!instruction)
    return llvm::consumeError(instruction.takeError());
  auto decoded = scene_.arch().decodeAccess(*instruction, saved_->general,
                                            saved_->sp.value);
  if (!decoded)
    return;
  crash_.address = decoded->address;
  crash_.access = decoded->access;
  crash_.know("instruction " + hex(*instruction) + " is a " +
                  getAccessWord(decoded->access) + " of " +
                  hex(decoded->address),
              "the code, and the registers saved at " + hex(saved_->at));
}

/// x86's CR2, where no sentence has the address.
void Explainer::findFaultRegister() {
  const llvm::StringLiteral name = scene_.arch().faultRegister;
  if (crash_.address || name.empty() ||
      (crash_.trap != Trap::MemoryFault && crash_.trap != Trap::StackOverflow))
    return;
  const CpuRegisters *notes = cpuNotes();
  std::optional<uint64_t> value;
  std::string source = "the log";
  if (event_)
    value = event_->findRegister(name);
  if (!value && notes) {
    value = notes->find(name);
    source = "the registers of " + cpuText() + " when the dump was made";
  }
  if (!value)
    return;
  crash_.address = VirtAddr(*value);
  crash_.know(name + llvm::Twine(" is ") + hex(*value), source);
}

void Explainer::takeNotes() {
  const CpuRegisters *notes = cpuNotes();
  if (!notes || !crash_.registers.empty())
    return;
  crash_.registers = notes->general;
  crash_.registers.insert(crash_.registers.end(), notes->system.begin(),
                          notes->system.end());
  crash_.registersSource =
      "the notes: " + cpuText() + " when the dump was made";
}

void Explainer::decodeCode() {
  if (!crash_.code ||
      (crash_.trap != Trap::MemoryFault && !scene_.arch().codeNamesException))
    return;
  FaultCode fault = scene_.arch().decodeCode(*crash_.code);
  crash_.access = fault.access;
  crash_.cause = fault.cause;
  crash_.codeSentence = fault.sentence;
  if (crash_.space == FaultSpace::Unknown)
    crash_.space = fault.space;
  crash_.know("code " + hex(*crash_.code) + ": " + fault.sentence,
              event_ && event_->code ? "the log" : "the stack");
  if (crash_.address || !fault.address)
    return;
  crash_.address = fault.address;
  crash_.know("the page of the address is " + hex(*fault.address),
              "the same code");
}

/// The stack pointer of the code that faulted.
std::optional<VirtAddr> Explainer::stackPointer() const {
  for (const llvm::StringRef name :
       {llvm::StringRef(scene_.arch().spRegister), llvm::StringRef("sp")})
    if (event_)
      if (std::optional<uint64_t> sp = event_->findRegister(name))
        return VirtAddr(*sp);
  if (saved_)
    return saved_->sp;
  return std::nullopt;
}

void Explainer::describeAddress() {
  if (!crash_.address)
    return;
  judgeSpace(scene_, event_ ? "the log" : "the code of the fault", crash_);
  const Task *task = scene_.findTask(crash_.pid);
  crash_.region =
      classifyAddress(scene_, *crash_.address, task, stackPointer(), crash_);
  // Where there was no page fault, the kernel prints no way: it guessed the
  // address from the instruction.
  if (crash_.region.what == AddressClass::NonCanonical &&
      crash_.trap != Trap::MemoryFault)
    return;
  addWalk(scene_, event_, crash_);
  completeCause();
  compareWalk();
}

/// Where the code does not tell, the tables do.
void Explainer::completeCause() {
  if (crash_.access == FaultAccess::Unknown && crash_.ip == crash_.address &&
      crash_.trap == Trap::MemoryFault) {
    crash_.access = FaultAccess::Execute;
    crash_.know("the address is that of the instruction: it was being fetched",
                "the registers");
  }
  if (crash_.cause != FaultCause::Unknown || !crash_.walk ||
      crash_.walk->absent || crash_.trap != Trap::MemoryFault)
    return;
  const AddressSpace space(kernel_.memory().physical(), *crash_.walkMode,
                           crash_.walk->root, kernel_.image().order());
  const bool isMapped = space.find(*crash_.address).isMapped();
  crash_.cause = isMapped ? FaultCause::Permission : FaultCause::NotPresent;
  crash_.know(isMapped ? "the address is mapped, so it was not allowed"
                       : "the address is not mapped",
              "the page tables");
  if (crash_.access != FaultAccess::Unknown || !isMapped ||
      crash_.region.what == AddressClass::User)
    return;
  crash_.access = FaultAccess::Write;
  crash_.know("of a page that the kernel has, only writes can be refused",
              "the page tables");
}

void Explainer::compareWalk() {
  // A kernel without the line in its log, which should have it, has none.
  if (crash_.walkLine.empty())
    return;
  if (crash_.walkLineInLog.empty()) {
    crash_.know("the way through " + crash_.walkSource +
                    "; the log has none to compare",
                "the page tables");
    return;
  }
  crash_.know(crash_.tablesChanged()
                  ? "the way through " + llvm::Twine(crash_.walkSource) +
                        " is not that of the log: the tables have changed "
                        "since"
                  : "the way through " + llvm::Twine(crash_.walkSource) +
                        " is that of the log",
              "the page tables");
}

void Explainer::nameIp() {
  llvm::StringRef text = crash_.ipSymbol;
  uint64_t number = 0;
  if (!crash_.ip && text.consume_front("0x") && !text.empty() &&
      !text.take_while(llvm::isHexDigit).getAsInteger(16, number))
    crash_.ip = VirtAddr(number);
  if (crash_.ip && crash_.ipSymbol.empty())
    crash_.ipSymbol = scene_.names().print(*crash_.ip);
  if (!crash_.ip && !crash_.ipSymbol.empty())
    if (auto at = scene_.names().locate(crash_.ipSymbol)) {
      crash_.ip = *at;
      crash_.know("instruction at " + hex(*at),
                  "the symbol " + crash_.ipSymbol);
    }
  const CpuRegisters *notes = cpuNotes();
  const std::optional<uint64_t> inNotes =
      notes ? notes->find(scene_.arch().ipRegister) : std::nullopt;
  if (crash_.ip || !inNotes)
    return;
  // kdump's notes are of the fault: where they agree with the log, they say
  // what it does not.
  const std::string name = scene_.names().print(VirtAddr(*inNotes));
  if (crash_.ipSymbol.empty() || crash_.ipSymbol == name) {
    crash_.ip = VirtAddr(*inNotes);
    crash_.ipSymbol = name;
    crash_.know("instruction " + name,
                "the registers of " + cpuText() + " in the notes");
  }
}

void Explainer::conclude() {
  const OopsLog &log = scene_.oopses();
  CrashFacts facts;
  facts.trap = crash_.trap;
  facts.access = crash_.access;
  facts.cause = crash_.cause;
  facts.what = crash_.region.what;
  facts.hasAddress = crash_.address.has_value();
  facts.hasBugLine = event_ && event_->hasBugLine;
  facts.panic = log.panic;
  facts.isSysrq = (log.panic && startsWith(*log.panic, "sysrq triggered")) ||
                  startsWith(crash_.ipSymbol, "sysrq_handle_crash") ||
                  (!scene_.hasLog() && hasDied_ &&
                   hasFunction(crash_.trace, sysrqFunctions));
  facts.isHang =
      log.hangLine.has_value() || (!scene_.hasLog() && hasDied_ &&
                                   hasFunction(crash_.trace, hangFunctions));
  facts.hasDied = hasDied_;
  if (!scene_.hasLog() && hasDied_ && !facts.panic && !facts.isSysrq &&
      !facts.isHang && facts.trap == Trap::None &&
      hasFunction(crash_.trace, {"panic", "vpanic"}))
    facts.panic = "";
  facts.isAlive = scene_.isLogWhole() || scene_.panicCpu() == -1 || isAlive_;
  const Verdict verdict = judge(facts);
  crash_.kind = verdict.kind;
  crash_.know((getCrashWord(verdict.kind) + ": " + verdict.reason).str(),
              "the rules");
  if (verdict.kind == CrashKind::None && scene_.hasLog())
    crash_.know("no oops and no panic among " +
                    llvm::Twine(scene_.lines().size()) + " lines",
                "the log");
}

Crash Explainer::explain() {
  event_ = chooseOops(scene_, crash_);
  takeEvent();
  takePanic();
  findCpu();
  if (!scene_.hasLog())
    readTrace();
  readSavedRegisters();
  if (hasDied_ || event_) {
    findTrapOnStack();
    findFailedFetch();
    findFaultRegister();
    takeNotes();
    decodeCode();
    decodeInstruction();
    nameIp();
  }
  describeAddress();
  cutExcerpt(scene_, event_, crash_);
  describeCpus(scene_, crash_);
  conclude();
  crash_.trace.resize(std::min(crash_.trace.size(), maxShownTrace));
  return std::move(crash_);
}

} // namespace

Crash explainCrash(const Kernel &kernel, const Machine &machine) {
  return Explainer(kernel, machine).explain();
}

} // namespace vmpt
