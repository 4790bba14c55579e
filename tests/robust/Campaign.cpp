// robust: damages real dumps and looks at what vmpt makes of them.
//
//   robust [--minutes M | --count N] [--seed S] [--whole-every N] PATH...
//   robust --seed S --dump NAME --index I PATH...      one mutant again
//
// PATH is a dump or a folder of them (.zst are unpacked). A seed is a number,
// or "date", the day of the month as 20261126. A worker does the work, and
// another takes its place when one dies; so a crash, a hang or too much work is
// one failed mutant. Exit status 1 if any failed.

#include "Checks.h"
#include "CountingStream.h"
#include "Limits.h"
#include "WholeRun.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
extern "C" void __sanitizer_set_report_fd(void *);
#define VMPT_SET_REPORT_FD(fd) __sanitizer_set_report_fd((void *)(long)(fd))
#endif
#endif
#ifndef VMPT_SET_REPORT_FD
#define VMPT_SET_REPORT_FD(fd) (void)(fd)
#endif

using namespace vmpt;
using namespace vmpt::robust;

/// The first thing that UBSan sees ends the mutant, as with AddressSanitizer.
extern "C" const char *__ubsan_default_options();
const char *__ubsan_default_options() {
  return "halt_on_error=1:print_stacktrace=1";
}

/// Short stacks of who allocated, and less memory that waits: most of what a
/// mutant costs is malloc.
extern "C" const char *__asan_default_options();
const char *__asan_default_options() {
  return "malloc_context_size=2:quarantine_size_mb=16";
}

namespace {

enum Kind : unsigned { TableNear, TableWhole, Tasks, Areas, Commands };
constexpr unsigned kindCount = 5;
constexpr const char *kindNames[kindCount] = {
    "table, listing around it", "table, whole listing", "task list",
    "memory areas", "commands"};

/// What worker and parent both see.
struct Shared {
  uint64_t next = 0; ///< The mutant after the one that is being worked on.
  uint64_t done[kindCount] = {};
  uint64_t status[partCount][3] = {};
  /// Exit status 0 of `kernel`, and another text than the whole dump's.
  uint64_t otherText[partCount] = {};
  uint64_t failed = 0, output = 0;
  Cost most;
};

struct Options {
  double minutes = 0;
  uint64_t count = ~uint64_t(0), seed = 1, wholeEvery = 64;
  std::string dump;
  std::optional<uint64_t> index;
  std::vector<std::string> paths;
};

class Campaign {
public:
  explicit Campaign(Options options);
  int run();

private:
  void addDump(const std::filesystem::path &path, const std::string &name);
  void work();
  void runMutant(uint64_t index);
  void runWhole(Specimen &specimen, Random &random, uint64_t index);
  void fail(const Specimen &specimen, uint64_t index, const std::string &what);
  Specimen &specimenOf(uint64_t index) {
    constexpr uint64_t turn = 64; // mutants of one dump
    return *specimens_[index / turn % specimens_.size()];
  }
  bool isOver(uint64_t index) const {
    return index >= options_.count ||
           (options_.minutes > 0 && std::chrono::steady_clock::now() >= end_);
  }
  void report() const;

  const Options options_;
  std::vector<std::unique_ptr<Specimen>> specimens_;
  std::vector<uint64_t> texts_; ///< Of `kernel` on the undamaged dumps.
  Shared *shared_;
  std::chrono::steady_clock::time_point end_;
  int messages_ = STDERR_FILENO;
};

Campaign::Campaign(Options options) : options_(std::move(options)) {
  void *memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    std::abort();
  shared_ = new (memory) Shared;
  // Warnings of the dumps go nowhere.
  messages_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  VMPT_SET_REPORT_FD(messages_);
  int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nowhere, STDERR_FILENO);
  ::dup2(nowhere, STDIN_FILENO);
  namespace fs = std::filesystem;
  for (const fs::path path : options_.paths) {
    if (!fs::is_directory(path)) {
      addDump(path, path.filename().string());
      continue;
    }
    std::vector<fs::path> found;
    for (const auto &entry : fs::recursive_directory_iterator(path))
      if (entry.path().filename().string().rfind("dump.", 0) == 0)
        found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    for (const fs::path &file : found)
      addDump(file, fs::relative(file.parent_path(), path).string());
  }
}

void Campaign::addDump(const std::filesystem::path &path,
                       const std::string &name) {
  if (!options_.dump.empty() && options_.dump != name)
    return;
  auto file = DumpFile::open(name, path.string());
  auto specimen =
      file ? Specimen::create(std::move(*file))
           : llvm::Expected<std::unique_ptr<Specimen>>(file.takeError());
  if (!specimen) {
    std::printf("%s: %s\n", name.c_str(),
                llvm::toString(specimen.takeError()).c_str());
    shared_->failed++;
    return;
  }
  texts_.push_back(runKernelCommand(**specimen).text);
  specimens_.push_back(std::move(*specimen));
}

void Campaign::fail(const Specimen &specimen, uint64_t index,
                    const std::string &what) {
  ++shared_->failed;
  std::printf("FAIL --seed %llu --dump %s --index %llu: %s\n",
              static_cast<unsigned long long>(options_.seed),
              const_cast<Specimen &>(specimen).file().name().c_str(),
              static_cast<unsigned long long>(index), what.c_str());
  std::fflush(stdout);
}

void Campaign::runWhole(Specimen &specimen, Random &random, uint64_t index) {
  WholeResult result = runDamaged(specimen, random);
  const unsigned part = unsigned(result.part);
  for (const CommandResult &command : result.commands)
    ++shared_->status[part][command.status];
  const CommandResult &kernel = result.commands.front();
  const uint64_t text = texts_[size_t(
      std::find_if(specimens_.begin(), specimens_.end(),
                   [&](const auto &own) { return own.get() == &specimen; }) -
      specimens_.begin())];
  if (kernel.status == 0 && kernel.text != text) {
    ++shared_->otherText[part];
    if (!result.mayChangeListing)
      fail(specimen, index,
           "exit status 0 and another listing, by damage to " +
               getPartName(result.part).str() + ": " + result.damage);
    else if (options_.index)
      std::printf("another listing, exit status 0: %s\n",
                  result.damage.c_str());
  }
  if (options_.index)
    for (const CommandResult &command : result.commands)
      std::printf("%s: exit status %d; %s\n", command.command.c_str(),
                  command.status, result.damage.c_str());
}

void Campaign::runMutant(uint64_t index) {
  Specimen &specimen = specimenOf(index);
  Random random(options_.seed * 0x2545f4914f6cdd1d ^ index);
  const bool isWhole = index % options_.wholeEvery == 0;
  const uint64_t choice = random.below(128);
  // Bounded by the file, and by the lines that commands are allowed.
  const uint64_t size = specimen.file().size();
  startCounting({500'000'000 + 500 * size, (256 << 20) + 16 * size});
  CheckResult result;
  Kind kind = TableNear;
  if (isWhole) {
    kind = Commands;
    runWhole(specimen, random, index);
  } else if (choice == 0) {
    kind = TableWhole;
    result = checkTable(specimen, random, true);
  } else if (choice < 4 && specimen.kernel()) {
    kind = choice < 3 ? Tasks : Areas;
    result = kind == Tasks ? checkTasks(specimen, random)
                           : checkAreas(specimen, random);
  }
  if (kind == TableNear || (!isWhole && result.damage.empty())) {
    kind = TableNear;
    result = checkTable(specimen, random, false);
  }
  const Cost cost = stopCounting();
  shared_->most.operations =
      std::max(shared_->most.operations, cost.operations);
  shared_->most.bytes = std::max(shared_->most.bytes, cost.bytes);
  shared_->output = std::max(shared_->output, CountingStream::most());
  ++shared_->done[kind];
  if (options_.index)
    std::printf("%s: %s\n", kindNames[kind], result.damage.c_str());
  if (result.fault)
    fail(specimen, index,
         std::string(kindNames[kind]) + ": " + result.damage + ": " +
             *result.fault);
}

/// Until the end, or the end of the process.
void Campaign::work() {
  constexpr time_t clockSeconds = 120; // of this process, not of the wall
  for (uint64_t index = shared_->next; !isOver(index); ++index) {
    shared_->next = index + 1;
    const itimerval clock = {{}, {clockSeconds, 0}};
    ::setitimer(ITIMER_PROF, &clock, nullptr);
    runMutant(index);
  }
}

int Campaign::run() {
  if (specimens_.empty())
    return 2;
  if (options_.index) {
    runMutant(*options_.index);
    return shared_->failed != 0;
  }
  end_ = std::chrono::steady_clock::now() +
         std::chrono::milliseconds(int64_t(options_.minutes * 60'000));
  while (!isOver(shared_->next)) {
    std::fflush(stdout);
    const pid_t worker = ::fork();
    if (worker == 0) {
      VMPT_SET_REPORT_FD(messages_); // of this process
      work();
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    if (worker < 0 || ::waitpid(worker, &status, 0) != worker)
      return 2;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    // The worker's copy of the bytes is everybody's.
    const uint64_t index = shared_->next - 1;
    Specimen &specimen = specimenOf(index);
    specimen.file().truncate(specimen.file().size());
    specimen.file().write(0, specimen.file().pristine());
    specimen.file().restore();
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    fail(specimen, index,
         WIFSIGNALED(status)
             ? (WTERMSIG(status) == SIGPROF
                    ? std::string("does not end")
                    : "signal " + std::to_string(WTERMSIG(status)))
         : code == TooManyOperations ? "too many operations"
         : code == TooMuchMemory     ? "too much memory"
         : code == CountingStream::tooMuchOutput
             ? "too much output"
             : "sanitizer, exit status " + std::to_string(code));
  }
  report();
  return shared_->failed != 0;
}

void Campaign::report() const {
  using Number = unsigned long long;
  std::printf("%zu dumps, seed %llu, %llu mutants, %llu failed\n",
              specimens_.size(), Number(options_.seed), Number(shared_->next),
              Number(shared_->failed));
  for (unsigned i = 0; i < kindCount; ++i)
    std::printf("  %-26s %10llu\n", kindNames[i], Number(shared_->done[i]));
  for (unsigned i = 0; i < partCount; ++i)
    std::printf("  damage to %-10s exit status 0: %llu, 1: %llu, 2: %llu; 0 "
                "and another listing: %llu\n",
                getPartName(Part(i)).data(), Number(shared_->status[i][0]),
                Number(shared_->status[i][1]), Number(shared_->status[i][2]),
                Number(shared_->otherText[i]));
  std::printf("  most of one mutant: %llu operations%s, %llu bytes%s, %llu "
              "bytes of output\n",
              Number(shared_->most.operations),
              countsOperations() ? "" : " (not counted in this build)",
              Number(shared_->most.bytes),
              countsMemory() ? "" : " (not counted in this build)",
              Number(shared_->output));
}

uint64_t dateSeed() {
  const std::time_t now = std::time(nullptr);
  std::tm day = {};
  ::gmtime_r(&now, &day);
  return uint64_t(day.tm_year + 1900) * 10000 + uint64_t(day.tm_mon + 1) * 100 +
         uint64_t(day.tm_mday);
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      options.paths.push_back(word);
      continue;
    }
    if (++i == argc)
      return 2;
    const std::string value = argv[i];
    const bool isDate = word == "--seed" && value == "date";
    const uint64_t number = std::strtoull(value.c_str(), nullptr, 0);
    if (word == "--minutes")
      options.minutes = std::strtod(value.c_str(), nullptr);
    else if (word == "--count")
      options.count = number;
    else if (word == "--seed")
      options.seed = isDate ? dateSeed() : number;
    else if (word == "--whole-every")
      options.wholeEvery = std::max<uint64_t>(number, 1);
    else if (word == "--dump")
      options.dump = value;
    else if (word == "--index")
      options.index = number;
    else
      return 2;
  }
  if (options.minutes <= 0 && options.count == ~uint64_t(0))
    options.count = 1000;
  return Campaign(std::move(options)).run();
}
