#include "fleet/Workers.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define VMPT_IS_SANITIZED true
#elif defined(__has_feature)
#define VMPT_IS_SANITIZED                                                      \
  (__has_feature(address_sanitizer) || __has_feature(memory_sanitizer))
#else
#define VMPT_IS_SANITIZED false
#endif

namespace vmpt {

namespace {

/// What a process ends with that got no more memory.
constexpr int outOfMemoryStatus = 77;

sigset_t makeWatchedSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaddset(&signals, signal);
  return signals;
}

[[noreturn]] void endWithoutMemory() { ::_exit(outOfMemoryStatus); }

void limitMemory(uint64_t bytes) {
  std::set_new_handler(endWithoutMemory);
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { endWithoutMemory(); });
  // A sanitizer's shadow is memory of the process, too.
  if (!bytes || VMPT_IS_SANITIZED)
    return;
  const rlimit limit = {rlim_t(bytes), rlim_t(bytes)};
  // Since Linux 4.7 of all private writable mappings. RLIMIT_AS would count
  // the dump.
  ::setrlimit(RLIMIT_DATA, &limit);
}

/// Nothing of ours is left open but \p fd, which becomes the number that is
/// returned.
int keepOnly(int fd) {
  constexpr int kept = 3;
  if (fd != kept)
    ::dup2(fd, kept);
  const int null = ::open("/dev/null", O_RDWR);
  for (int stream = 0; stream < kept; ++stream)
    ::dup2(null, stream);
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, unsigned(kept + 1), ~0u, 0u) == 0)
    return kept;
#endif
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t most = 1 << 20;
  for (int other = kept + 1; rlim_t(other) < std::min(files.rlim_cur, most);
       ++other)
    ::close(other);
  return kept;
}

[[noreturn]] void runWork(int fd, pid_t parent, const WorkLimits &limits,
                          const std::function<void(int fd)> &work) {
  // The terminal's Ctrl-C is for the parent, which then ends us.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent)
    ::_exit(1);
  const rlimit noCore = {0, 0}; // It would have the dump's secrets.
  ::setrlimit(RLIMIT_CORE, &noCore);
  fd = keepOnly(fd);
  limitMemory(limits.memoryBytes);
  work(fd);
  ::_exit(0);
}

uint64_t millisecondsOf(const timeval &time) {
  return uint64_t(time.tv_sec) * 1000 + uint64_t(time.tv_usec) / 1000;
}

} // namespace

InterruptWatch::InterruptWatch() {
  const sigset_t signals = makeWatchedSignals();
  descriptor_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ >= 0)
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

InterruptWatch::~InterruptWatch() {
  if (descriptor_ < 0)
    return;
  isInterrupted(); // What came is answered.
  ::close(descriptor_);
  const sigset_t signals = makeWatchedSignals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool InterruptWatch::isInterrupted() {
  signalfd_siginfo info;
  while (descriptor_ >= 0 &&
         ::read(descriptor_, &info, sizeof info) == ssize_t(sizeof info))
    isInterrupted_ = true;
  return isInterrupted_;
}

Workers::~Workers() {
  for (Process &process : running_) {
    ::kill(process.pid, SIGKILL);
    reap(process);
  }
}

llvm::Error Workers::start(size_t job,
                           const std::function<void(int fd)> &work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return llvm::make_error<UsageError>(std::string("no pipe is to be had: ") +
                                        std::strerror(errno));
  ::signal(SIGCHLD, SIG_DFL); // Ignored, there is nothing to wait for.
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0)
    runWork(ends[1], parent, limits_, work);
  const int error = errno;
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return llvm::make_error<UsageError>(
        std::string("no process is to be had: ") + std::strerror(error));
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  Process process;
  process.pid = pid;
  process.fd = ends[0];
  process.begin = Clock::now();
  process.result.job = job;
  running_.push_back(std::move(process));
  return llvm::Error::success();
}

bool Workers::readOutput(Process &process) {
  std::string &output = process.result.output;
  constexpr size_t step = 64 << 10;
  for (;;) {
    const size_t size = output.size();
    output.resize(size + step);
    const ssize_t got = ::read(process.fd, output.data() + size, step);
    output.resize(size + size_t(std::max(got, ssize_t(0))));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN)
      return true;
    if (got <= 0)
      return false;
    if (output.size() > limits_.outputBytes) {
      process.result.end = WorkResult::End::Output;
      return false;
    }
  }
}

/// The output has ended, and so has the process, or it is hostile.
WorkResult Workers::reap(Process &process) {
  WorkResult &result = process.result;
  ::close(process.fd);
  ::kill(process.pid, SIGKILL);
  int status = 0;
  rusage usage = {};
  while (::wait4(process.pid, &status, 0, &usage) < 0 && errno == EINTR)
    ;
  result.wallMilliseconds =
      uint64_t(std::chrono::duration_cast<std::chrono::milliseconds>(
                   Clock::now() - process.begin)
                   .count());
  result.cpuMilliseconds =
      millisecondsOf(usage.ru_utime) + millisecondsOf(usage.ru_stime);
  result.peakBytes = uint64_t(usage.ru_maxrss) * 1024;
  if (result.end == WorkResult::End::Done && WIFSIGNALED(status)) {
    result.end = WorkResult::End::Signal;
    result.number = WTERMSIG(status);
  } else if (result.end == WorkResult::End::Done && WEXITSTATUS(status)) {
    result.number = WEXITSTATUS(status);
    result.end = result.number == outOfMemoryStatus ? WorkResult::End::Memory
                                                    : WorkResult::End::Status;
  }
  return std::move(result);
}

std::vector<WorkResult> Workers::wait() {
  std::vector<pollfd> watched;
  auto next = Clock::time_point::max();
  for (const Process &process : running_) {
    watched.push_back({process.fd, POLLIN, 0});
    if (process.result.end == WorkResult::End::Done)
      next = std::min(next, process.begin + limits_.time);
  }
  watched.push_back({watch_.descriptor(), POLLIN, 0});
  int timeout = -1;
  if (next != Clock::time_point::max())
    timeout = int(std::clamp<int64_t>(
        std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now())
            .count(),
        0, 1 << 30));
  ::poll(watched.data(), watched.size(), timeout);
  std::vector<WorkResult> ended;
  std::vector<Process> left;
  for (Process &process : running_) {
    const bool goesOn = readOutput(process);
    if (goesOn && process.result.end == WorkResult::End::Done &&
        Clock::now() >= process.begin + limits_.time) {
      // One that the kernel does not let go of yet holds its place, not us.
      ::kill(process.pid, SIGKILL);
      process.result.end = WorkResult::End::Time;
    }
    if (goesOn)
      left.push_back(std::move(process));
    else
      ended.push_back(reap(process));
  }
  running_ = std::move(left);
  return ended;
}

} // namespace vmpt
