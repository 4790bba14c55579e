//===- Commands.cpp - what looks at all of a dump: its cost, its threads --===//
//
// Each question beside a program that does the least that it takes ("limit"),
// by turns, the fastest of each: CPU time, user and system, of a process of its
// own for each turn. Then with two threads: the CPU time of both together, and
// how many times less the one that worked longest took than one thread alone
// ("gain"; 2 is all that two can give). So figures hold on a machine that has
// other work.
//
//   VMPT_BENCH_DUMP=ELF VMPT_BENCH_KDUMP=KDUMP
//     build/tests/bench/bench-commands [TURNS [ROW]]
//
// Without the variables: a kdump that is made, and what needs no file.
//
#include "DumpBuilder.h"
#include "analysis/ReverseMap.h"
#include "dump/OpenDump.h"
#include "dump/storage/Decompress.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/find/VmcoreinfoScan.h"
#include "kernel/tasks/TaskTables.h"
#include "listing/Plan.h"
#include "listing/Wording.h"
#include "paging/TableUse.h"
#include "paging/modes/X86_64.h"
#include "session/Convert.h"
#include "session/Trim.h"
#include "support/BuiltKernel.h"
#include "support/Parallel.h"

#include "llvm/Support/Format.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

struct Cost {
  double seconds = 1e9; ///< Of all threads.
  double longest = 1e9; ///< Of the one that worked longest, of two.
};

double readClock(clockid_t clock) {
  timespec time;
  ::clock_gettime(clock, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

/// In a process of its own, which starts with nothing that an earlier turn
/// left; keeps the least of each.
void measure(Cost &least, const std::function<void()> &run) {
  int ends[2];
  if (::pipe(ends) != 0)
    std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    const double before = readClock(CLOCK_PROCESS_CPUTIME_ID);
    run();
    // Of the caller's thread; what is left was the other one's.
    const double own = readClock(CLOCK_THREAD_CPUTIME_ID) - before;
    const double all = readClock(CLOCK_PROCESS_CPUTIME_ID) - before;
    const double seen[] = {all, std::max(own, all - own)};
    ::_exit(::write(ends[1], seen, sizeof seen) == sizeof seen ? 0 : 1);
  }
  double seen[2];
  if (::read(ends[0], seen, sizeof seen) != sizeof seen)
    std::abort();
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  least.seconds = std::min(least.seconds, seen[0]);
  least.longest = std::min(least.longest, seen[1]);
}

/// A program, from its start to its end.
void measureProgram(Cost &least, const std::vector<const char *> &words) {
  int status = 0;
  rusage use;
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char *> arguments;
    for (const char *word : words)
      arguments.push_back(const_cast<char *>(word));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  if (::wait4(child, &status, 0, &use) != child || status != 0)
    std::abort();
  auto secondsOf = [](const timeval &time) {
    return double(time.tv_sec) + double(time.tv_usec) * 1e-6;
  };
  least.seconds = std::min(least.seconds,
                           secondsOf(use.ru_utime) + secondsOf(use.ru_stime));
}

struct Row {
  std::string name, unit;
  uint64_t units = 1;
  std::function<void(unsigned threads)> run;
  std::function<void(Cost &)> limit = {};
};

void printRow(const Row &row, unsigned turns) {
  Cost one, two, limit;
  for (unsigned turn = 0; turn < turns; ++turn) {
    measure(one, [&] { row.run(1); });
    measure(two, [&] { row.run(2); });
    if (row.limit)
      row.limit(limit);
  }
  const double perUnit = 1e9 / double(row.units);
  llvm::outs() << llvm::left_justify(row.name, 24)
               << llvm::right_justify(std::to_string(row.units), 9) << ' '
               << llvm::left_justify(row.unit, 8)
               << llvm::format("%9.1f %9.1f", one.seconds * 1e3,
                               one.seconds * perUnit);
  if (row.limit)
    llvm::outs() << llvm::format(" %9.1f %6.2f", limit.seconds * 1e3,
                                 one.seconds / limit.seconds);
  else
    llvm::outs() << "         -      -";
  llvm::outs() << llvm::format(" %9.1f %6.2f\n", two.seconds * 1e3,
                               one.seconds / two.longest);
  llvm::outs().flush();
}

std::unique_ptr<Session> open(const std::string &path, unsigned threads) {
  Request request;
  request.path = path;
  request.threads = threads;
  return llvm::cantFail(Session::open(std::move(request), llvm::nulls()));
}

std::string scratchPath(const char *name) {
  return (std::filesystem::temp_directory_path() /
          ("vmpt-bench-" + std::to_string(::getpid()) + "-" + name))
      .string();
}

/// A session's output, gone afterwards.
template <class Write>
void writeOutput(Session &session, const std::string &path, Write write) {
  Output output =
      llvm::cantFail(createOutput(session.request(), path, /*force=*/true));
  llvm::cantFail(write(output));
}

/// Of a kdump file of 64-bit headers: all that there is to decompress, in the
/// order of the file's pages. No lookup, no copy, no check.
class CompressedPages {
public:
  explicit CompressedPages(const std::string &path)
      : file_(llvm::cantFail(FileSource::open(path))) {
    const Bytes all = file_->bytes();
    const uint64_t block = all.at<uint32_t>(428);
    const uint64_t bitmapAt = block * (1 + all.at<uint32_t>(432));
    const uint64_t bitmapBytes = block * all.at<uint32_t>(436);
    for (uint64_t i = bitmapBytes / 2; i < bitmapBytes; ++i)
      count_ += unsigned(std::popcount(all.at<uint8_t>(bitmapAt + i)));
    descriptorsAt_ = bitmapAt + bitmapBytes;
    blockBytes_ = block;
  }
  uint64_t size() const { return count_; }
  void decompress() const {
    const Bytes all = file_->bytes();
    std::vector<uint8_t> out(blockBytes_ + spareOutput);
    for (uint64_t i = 0; i < count_; ++i) {
      const uint64_t at = descriptorsAt_ + i * 24;
      const uint64_t offset = all.at<uint64_t>(at);
      const uint32_t bytes = all.at<uint32_t>(at + 8);
      auto kind = parseCompression(all.at<uint32_t>(at + 12));
      const auto in = all.array().slice(
          offset, std::min<uint64_t>(bytes + spareInput, all.size() - offset));
      if (*kind == PageCompression::None)
        std::memcpy(out.data(), in.data(), bytes);
      else if (!decompressPage(*kind, in, bytes, out, blockBytes_))
        std::abort();
    }
  }

private:
  std::shared_ptr<FileSource> file_;
  uint64_t count_ = 0, descriptorsAt_ = 0, blockBytes_ = 0;
};

void verify(const std::string &path, unsigned threads) {
  auto session = open(path, threads);
  verifyBytes(session->memory(), 4096, session->diagnostics());
}

void convert(const std::string &path, unsigned threads) {
  auto session = open(path, threads);
  writeOutput(*session, scratchPath("out"),
              [&](Output &output) { return convertDump(*session, output); });
}

void addKdumpRows(std::vector<Row> &rows, const std::string &path) {
  auto pages = std::make_shared<CompressedPages>(path);
  auto limit = [pages](Cost &least) {
    measure(least, [&] { pages->decompress(); });
  };
  rows.push_back({"info --verify, kdump", "pages", pages->size(),
                  [=](unsigned threads) { verify(path, threads); }, limit});
  rows.push_back({"convert, kdump", "pages", pages->size(),
                  [=](unsigned threads) { convert(path, threads); }, limit});
  rows.push_back({"scan, kdump", "pages", pages->size(),
                  [=](unsigned threads) {
                    auto session = open(path, threads);
                    scanPagesForVmcoreinfo(session->memory(),
                                           session->diagnostics());
                  },
                  limit});
}

void addElfRows(std::vector<Row> &rows, const std::string &path) {
  const uint64_t pages = std::filesystem::file_size(path) / 4096;
  rows.push_back({"info --verify, ELF", "pages", pages,
                  [=](unsigned threads) { verify(path, threads); }});
  rows.push_back({"convert, ELF", "pages", pages,
                  [=](unsigned threads) { convert(path, threads); },
                  [=](Cost &least) {
                    const std::string copy = scratchPath("out");
                    std::filesystem::remove(copy);
                    measureProgram(least, {"cp", path.c_str(), copy.c_str()});
                  }});
  rows.push_back(
      {"trim --tasks --pages", "pages", pages, [=](unsigned threads) {
         auto session = open(path, threads);
         writeOutput(*session, scratchPath("out"), [&](Output &output) {
           return trimDump(*session, output, {.tasks = true, .pages = true});
         });
       }});
  rows.push_back({"roots", "pages", pages, [=](unsigned threads) {
                    open(path, threads)->findTopTables();
                  }});
}

/// Processes whose tables differ, as those of small programs do.
class Processes {
public:
  Processes() {
    built.dump.vmcoreinfo = built.info(
        "6.12.0", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n");
    image = valueOf(built.find());
    kernel = valueOf(Kernel::create(image, *built.memory, {}, silent_));
    constexpr VirtAddr areas[] = {VirtAddr(0x400000), VirtAddr(0x555555554000),
                                  VirtAddr(0x7ffff7c00000),
                                  VirtAddr(0x7fffffe00000)};
    for (unsigned i = 0; i < count; ++i) {
      PageTableBuilder tables(*built.memory, x86_64::fourLevel,
                              PhysAddr(0x10000000 + i * uint64_t(0x20000)));
      tables.setTableBits(7);
      for (VirtAddr area : areas)
        for (unsigned page = 0; page < 200; ++page)
          tables.map(area + page * 4096,
                     PhysAddr(0x400000 + (i * 200 + page) * uint64_t(4096)),
                     page / 8 % 2 ? 0x67 : 0x25, 3);
      Task task;
      task.pid = task.tgid = i + 1;
      task.mm = VirtAddr((i + 1) * 0x1000);
      task.root = tables.root();
      tasks.tasks.push_back(task);
    }
  }

  static constexpr unsigned count = 1000;
  BuiltKernel built{x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(0x1000000)};
  KernelImage image;
  std::unique_ptr<Kernel> kernel;
  TaskList tasks;

private:
  Diagnostics silent_;
};

/// What reports/TaskListing.cpp does for `vmpt task --all`, to nowhere.
void listAll(const Processes &made, unsigned threads) {
  std::vector<ListedTables> known(threads);
  countInOrder<std::string>(
      made.count, threads,
      [&](unsigned worker, size_t i, std::string &text) {
        const ListingPlan plan = valueOf(
            planTaskListing(made.image, *made.built.memory,
                            *made.tasks.tasks[i].root, /*userOnly=*/false));
        llvm::raw_string_ostream os(text);
        TextPrinter printer(plan.wording, plan.context, os);
        valueOf(runListing(plan, *made.built.memory, printer, ~uint64_t(0),
                           &known[worker]));
      },
      [&](size_t, const std::string &text) {
        llvm::nulls() << text;
        return true;
      });
}

void addTaskRows(std::vector<Row> &rows) {
  auto made = std::make_shared<Processes>();
  rows.push_back(
      {"rmap, one page", "tasks", made->count, [=](unsigned threads) {
         ReverseMap map(*made->kernel, made->tasks, threads);
         map.find({PhysicalRange{PhysAddr(0x400000), PhysAddr(0x400fff)}}, 1000,
                  [](auto &, auto &) {});
       }});
  rows.push_back(
      {"rmap --duplicates", "tasks", made->count, [=](unsigned threads) {
         ReverseMap(*made->kernel, made->tasks, threads).findDuplicates();
       }});
  rows.push_back(
      {"tables, split by hand", "tasks", made->count, [=](unsigned threads) {
         // Nothing is shared or waited for: what threads gain at best, here
         // and now. (Cores of a virtual machine may be two halves of one.)
         auto count = [&](unsigned first) {
           for (unsigned i = first; i < made->count; i += threads)
             countTableUse(*made->built.memory, x86_64::fourLevel,
                           *made->tasks.tasks[i].root, VirtAddr(0),
                           VirtAddr(lowBits(47)));
         };
         std::vector<std::thread> others;
         for (unsigned other = 1; other < threads; ++other)
           others.emplace_back(count, other);
         count(0);
         for (std::thread &other : others)
           other.join();
       }});
  rows.push_back({"tasks", "tasks", made->count, [=](unsigned threads) {
                    Diagnostics silent;
                    silent.setThreads(threads);
                    countTaskTables(made->tasks, made->image,
                                    *made->built.memory, silent);
                  }});
  rows.push_back({"task --all, the listings", "tasks", made->count,
                  [=](unsigned threads) { listAll(*made, threads); }});
}

/// 64 MiB of what random images are made of, as makedumpfile -c would write.
std::string makeKdump() {
  const std::string path = scratchPath("kdump");
  const FileBytes bytes = writeKdump(randomImage(1, {{0, 16384}}, 4096, {}),
                                     {.timestampMicroseconds = 1});
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             std::streamsize(bytes.size()));
  return path;
}

} // namespace

int main(int argc, char **argv) {
  const unsigned turns = argc > 1 ? unsigned(std::atoi(argv[1])) : 5;
  const llvm::StringRef only = argc > 2 ? argv[2] : "";
  const char *elf = std::getenv("VMPT_BENCH_DUMP"),
             *kdump = std::getenv("VMPT_BENCH_KDUMP");
  std::vector<Row> rows;
  const std::string made = kdump ? "" : makeKdump();
  addKdumpRows(rows, kdump ? kdump : made);
  if (elf)
    addElfRows(rows, elf);
  addTaskRows(rows);
  llvm::outs() << "                                                ms   ns "
                  "each  limit ms  ratio  two's ms   gain\n";
  for (const Row &row : rows)
    if (llvm::StringRef(row.name).contains(only))
      printRow(row, turns);
  std::error_code ignored;
  std::filesystem::remove(made, ignored);
  return 0;
}
