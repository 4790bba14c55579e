//===- Translations.cpp - addresses per second, by call and by text -------===//
//
// A million addresses, drawn from what the kernel's tables map in vmalloc
// space and in the direct map, in one file and in one run:
//   vmptAsks           Translator::ask(): the page, or why there is none
//   vmptFinds          Translator::findPage(): the page alone
//   vmptTranslates     AddressSpace::find(): the tables alone
//   libkdumpfile       addrxlat_fulladdr_conv(), where it is installed. It
//                      computes the direct map without the tables
//   arithmetic         an addition, where that is right
//   vmptBrief          a process: `vmpt translate --brief`, text in, text out
// All give the same sum of physical addresses, or the bench ends with an error.
// VMPT_BENCH_DUMP names the dump, VMPT_BENCH_PROGRAM the program.
//
#include "analysis/Translator.h"
#include "paging/Walker.h"
#include "session/Session.h"
#include "support/Text.h"
#ifdef VMPT_HAVE_LIBKDUMPFILE
#include "KdumpFile.h"
#endif

#include <benchmark/benchmark.h>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vmpt;

namespace {

constexpr size_t addressCount = 1'000'000;

/// Runs of mapped pages, as a walker's sink.
struct MappedSink {
  struct State {
    bool isPage = false;
    bool operator==(const State &) const = default;
  };
  const PagingMode &mode;
  std::vector<std::pair<VirtAddr, VirtAddr>> runs = {};
  State state = {};
  VirtAddr start = {};

  uint64_t inherit(uint64_t, unsigned, uint64_t) { return 0; }
  State leafState(uint64_t, unsigned level, uint64_t entry) {
    return {mode.decode(entry, level).isPage()};
  }
  State holeState(unsigned) { return {}; }
  void note(VirtAddr at, uint64_t, const State &next) {
    if (next == state)
      return;
    if (state.isPage)
      runs.push_back({start, at - 1});
    state = next;
    start = at;
  }
  uint64_t nextBoundary() const { return ~uint64_t(0); }
  void unreadable(VirtAddr at, unsigned, PhysAddr, AbsentByte) {
    note(at, 0, State());
  }
  void emptyTable(PhysAddr) {}
  bool isFull() const { return false; }
};

/// An opened dump and the addresses; made once.
struct Input {
  std::unique_ptr<Session> session;
  const Kernel *kernel = nullptr;
  std::vector<VirtAddr> addresses;
  uint64_t sum = 0; ///< Of all physical addresses.
  std::string problem;
  const Region region;

  explicit Input(Region region) : region(region) {
    const char *path = std::getenv("VMPT_BENCH_DUMP");
    if (!path) {
      problem = "VMPT_BENCH_DUMP names no dump";
      return;
    }
    Request request;
    request.path = path;
    if (llvm::Error error = prepare(std::move(request)))
      problem = llvm::toString(std::move(error));
  }

  llvm::Error prepare(Request request) {
    auto opened = Session::open(std::move(request), llvm::nulls());
    if (!opened)
      return opened.takeError();
    session = std::move(*opened);
    llvm::Expected<const Kernel &> found = session->kernel();
    if (!found)
      return found.takeError();
    kernel = &*found;
    draw();
    return addresses.empty()
               ? llvm::make_error<LookupError>("nothing is mapped there")
               : llvm::Error::success();
  }

  void draw() {
    const AddressSpace &memory = kernel->memory();
    MappedSink sink{memory.mode()};
    Walker<MappedSink, HardwareRules> walker(
        memory.physical(), memory.mode(), HardwareRules(memory.mode()), sink);
    for (const KernelRegion &region : kernel->regions())
      if (region.region == this->region) {
        walker.walk(memory.root(), region.first, region.last, 0);
        sink.note(region.last + 1, 0, {});
      }
    std::vector<VirtAddr> pages;
    for (const auto &[first, last] : sink.runs)
      for (uint64_t done = 0; done <= last - first; done += 4096)
        pages.push_back(first + done);
    if (pages.empty())
      return;
    std::mt19937_64 random(1);
    while (addresses.size() < addressCount)
      addresses.push_back(pages[random() % pages.size()] + random() % 4096);
    for (VirtAddr at : addresses)
      sum += llvm::cantFail(memory.translate(at)).value;
  }
};

const Input &getInput(Region region = Region::Vmalloc) {
  static const Input vmalloc(Region::Vmalloc), direct(Region::DirectMap);
  return region == Region::Vmalloc ? vmalloc : direct;
}

/// `ask()` gives a physical address.
template <class Ask>
void askAll(benchmark::State &state, const Input &input, Ask ask) {
  for (auto _ : state) {
    uint64_t sum = 0;
    for (VirtAddr at : input.addresses)
      sum += ask(at);
    if (sum != input.sum)
      return state.SkipWithError("other physical addresses");
  }
  state.SetItemsProcessed(state.iterations() * int64_t(addressCount));
}

bool isReady(benchmark::State &state, const Input &input) {
  if (input.problem.empty())
    return true;
  state.SkipWithError(input.problem.c_str());
  return false;
}

void vmptAsks(benchmark::State &state, Region region) {
  const Input &input = getInput(region);
  if (!isReady(state, input))
    return;
  const Translator translator = Translator::ofKernel(*input.kernel);
  askAll(state, input, [&](VirtAddr at) {
    return translator.ask(at).physical.value_or(PhysAddr(0)).value;
  });
}

void vmptFinds(benchmark::State &state, Region region) {
  const Input &input = getInput(region);
  if (!isReady(state, input))
    return;
  const Translator translator = Translator::ofKernel(*input.kernel);
  askAll(state, input, [&](VirtAddr at) {
    return translator.findPage(at).value_or(PhysAddr(0)).value;
  });
}

void vmptTranslates(benchmark::State &state, Region region) {
  const Input &input = getInput(region);
  if (!isReady(state, input))
    return;
  const AddressSpace &memory = input.kernel->memory();
  askAll(state, input,
         [&](VirtAddr at) { return memory.find(at).address.value; });
}

void arithmetic(benchmark::State &state) {
  const Input &input = getInput(Region::DirectMap);
  if (!isReady(state, input))
    return;
  const VirtAddr first = input.addresses.front();
  const uint64_t distance =
      llvm::cantFail(input.kernel->memory().translate(first)).value -
      first.value;
  askAll(state, input, [&](VirtAddr at) { return at.value + distance; });
}

void libkdumpfile(benchmark::State &state, [[maybe_unused]] Region region) {
#ifndef VMPT_HAVE_LIBKDUMPFILE
  state.SkipWithError("libkdumpfile was not there when this was built");
#else
  const Input &input = getInput(region);
  if (!isReady(state, input))
    return;
  testing::KdumpFile file(std::getenv("VMPT_BENCH_DUMP"));
  addrxlat_ctx_t *context = nullptr;
  addrxlat_sys_t *system = nullptr;
  if (!file.isOpen() || !file.getTranslation(context, system))
    return state.SkipWithError(file.getError().c_str());
  askAll(state, input, [&](VirtAddr at) -> uint64_t {
    addrxlat_fulladdr_t address{at.value, ADDRXLAT_KVADDR};
    if (addrxlat_fulladdr_conv(&address, ADDRXLAT_MACHPHYSADDR, context,
                               system) != ADDRXLAT_OK)
      return 0;
    return address.addr;
  });
#endif
}

/// \p program with its standard input and output in files: the CPU seconds that
/// it took; negative if it failed.
double runProgram(const char *program, const char *dump, const std::string &in,
                  const std::string &out) {
  const pid_t child = ::fork();
  if (!child) {
    const int from = ::open(in.c_str(), O_RDONLY);
    const int to = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(from, STDIN_FILENO);
    ::dup2(to, STDOUT_FILENO);
    ::execl(program, "vmpt", "translate", "--brief", dump, nullptr);
    ::_exit(127);
  }
  int status = -1;
  rusage used = {};
  if (child < 0 || ::wait4(child, &status, 0, &used) != child || status)
    return -1;
  auto seconds = [](const timeval &time) {
    return double(time.tv_sec) + double(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

uint64_t sumOf(const std::string &path) {
  uint64_t sum = 0;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t blank = line.find(' ');
    if (blank != std::string::npos)
      sum += std::strtoull(line.c_str() + blank + 1, nullptr, 16);
  }
  return sum;
}

/// All of it, from the start of the process to its end: CPU time, which is in
/// the column of time.
void vmptBrief(benchmark::State &state) {
  const char *program = std::getenv("VMPT_BENCH_PROGRAM");
  if (!program)
    return state.SkipWithError("VMPT_BENCH_PROGRAM names no program");
  if (!isReady(state, getInput()))
    return;
  const std::string folder = std::filesystem::temp_directory_path() /
                             ("vmpt-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string in = folder + "/in", out = folder + "/out";
  {
    std::ofstream file(in);
    for (VirtAddr at : getInput().addresses)
      file << hex(at) << '\n';
  }
  bool isGood = true;
  for (auto _ : state) {
    const double seconds =
        runProgram(program, std::getenv("VMPT_BENCH_DUMP"), in, out);
    isGood &= seconds >= 0;
    state.SetIterationTime(std::max(seconds, 1e-9));
  }
  if (!isGood || sumOf(out) != getInput().sum)
    state.SkipWithError("the program failed, or gave other addresses");
  state.SetItemsProcessed(state.iterations() * int64_t(addressCount));
  std::filesystem::remove_all(folder);
}

#define ASKED(call)                                                            \
  BENCHMARK_CAPTURE(call, vmalloc, Region::Vmalloc)                            \
      ->Unit(benchmark::kMillisecond);                                         \
  BENCHMARK_CAPTURE(call, direct, Region::DirectMap)                           \
      ->Unit(benchmark::kMillisecond)
ASKED(vmptAsks);
ASKED(vmptFinds);
ASKED(vmptTranslates);
ASKED(libkdumpfile);
BENCHMARK(arithmetic)->Unit(benchmark::kMillisecond);
BENCHMARK(vmptBrief)->Unit(benchmark::kMillisecond)->UseManualTime();

} // namespace

BENCHMARK_MAIN();
