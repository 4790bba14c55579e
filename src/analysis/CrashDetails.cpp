#include "analysis/CrashDetails.h"

#include "support/Text.h"

namespace vmpt {

namespace {

constexpr size_t maxExcerpt = 200;

/// panic() of an oops that cannot be survived, or of a task that must not die.
constexpr llvm::StringLiteral panicsOfOops[] = {
    "Fatal exception",       "Oops",
    "kernel stack overflow", "Aiee, killing interrupt handler",
    "Attempted to kill",     "stack guard",
};

} // namespace

const OopsEvent *chooseOops(const CrashScene &scene, Crash &crash) {
  const OopsLog &log = scene.oopses();
  const OopsEvent *last = nullptr;
  for (const OopsEvent &event : log.events)
    if (!log.panic || event.firstLine < log.panicLine)
      last = &event;
  if (!last)
    return nullptr;
  if (log.panic) {
    const llvm::StringRef panic = *log.panic;
    const bool isOfOops = llvm::any_of(panicsOfOops, [&](llvm::StringRef text) {
      return startsWith(panic, text);
    });
    const bool isOther = startsWith(panic, "Attempted to kill") && last->pid &&
                         log.panicPid && last->pid != log.panicPid;
    if ((last->hasEnd && !isOfOops) || isOther) {
      crash.know("an oops came before, and the machine went on: " + last->title,
                 "the log");
      return nullptr;
    }
  }
  if (log.events.size() > 1)
    crash.know(
        llvm::Twine(log.events.size()) +
            " oopses are in the log; the first: " + log.events.front().title,
        "the log");
  return last;
}

void cutExcerpt(CrashScene &scene, const OopsEvent *event, Crash &crash) {
  const OopsLog &log = scene.oopses();
  const llvm::ArrayRef<LogLine> lines = scene.lines();
  constexpr size_t near = 100;
  std::optional<size_t> first, last;
  if (event) {
    first = event->firstLine;
    last = event->lastLine;
  }
  if (log.panic) {
    if (!first)
      for (const std::optional<size_t> &line : {log.sysrqLine, log.hangLine})
        if (line && *line < log.panicLine && log.panicLine - *line < near)
          first = *line;
    first = first.value_or(log.panicLine);
    last = std::max(last.value_or(0), log.panicLine);
    for (size_t at = log.panicLine;
         at < lines.size() && at < log.panicLine + near; ++at)
      if (startsWith(lines[at].text, "---[ end Kernel panic"))
        last = at;
  } else if (!event && log.hangLine) {
    first = last = log.hangLine;
  }
  if (!first || !last)
    return;
  for (size_t at = *first; at <= *last && at < lines.size(); ++at) {
    if (crash.logExcerpt.size() == maxExcerpt) {
      crash.logExcerpt.push_back("(" + std::to_string(*last + 1 - at) +
                                 " further lines)");
      break;
    }
    crash.logExcerpt.push_back(lines[at].text);
  }
}

void describeCpus(CrashScene &scene, Crash &crash) {
  const auto &cpus = scene.machine().cpus;
  for (size_t i = 0; i < cpus.size(); ++i) {
    CrashCpu cpu;
    cpu.number = scene.cpuNumber(i);
    if (auto ip = cpus[i].find(scene.arch().ipRegister)) {
      cpu.ip = VirtAddr(*ip);
      cpu.isUserCode = scene.isUserCode(cpus[i]);
      if (!cpu.isUserCode)
        cpu.ipSymbol = scene.names().print(*cpu.ip);
    }
    if (const Task *task = scene.taskOnCpu(cpu.number)) {
      cpu.pid = task->pid;
      cpu.comm = task->comm;
    }
    crash.cpus.push_back(std::move(cpu));
  }
  if (cpus.empty())
    crash.miss("registers", "the dump has no registers of CPUs",
               !scene.hasLog());
}

} // namespace vmpt
