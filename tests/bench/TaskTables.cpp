//===- TaskTables.cpp - the tables of a thousand processes ----------------===//
//
// Each process has 11 tables below its root, and four areas of 200 pages, as
// small programs have them. Instructions per table, for NAME kernel
// or tasks/list (tasks/count: 'vmpt::countTableUse(*'):
//
//   valgrind --tool=callgrind --toggle-collect='vmpt::runListing(*'
//     build/tests/bench/bench-task-tables --benchmark_filter=NAME
//
#include "listing/Plan.h"
#include "paging/TableUse.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltListing.h"

#include <benchmark/benchmark.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr unsigned processCount = 1000;
constexpr VirtAddr areas[] = {VirtAddr(0x400000), VirtAddr(0x555555554000),
                              VirtAddr(0x7ffff7c00000),
                              VirtAddr(0x7fffffe00000)};

class Processes : public BuiltListing {
public:
  Processes() : BuiltListing(x86_64::fourLevel, "6.1.0") {
    for (unsigned i = 0; i < processCount; ++i) {
      PageTableBuilder process(memory, x86_64::fourLevel,
                               PhysAddr(0x10000000 + i * uint64_t(0x20000)));
      addAreas(process);
      roots.push_back(process.root());
    }
    addAreas(tables);
  }

  std::vector<PhysAddr> roots;

private:
  /// Eight pages read-only, eight writable, and so on: runs are short.
  static void addAreas(PageTableBuilder &process) {
    for (VirtAddr area : areas)
      for (uint64_t i = 0; i < 200; ++i)
        process.map(area + i * 4096, PhysAddr(0x200000 + i * 4096),
                    process.leafBits(3) | bit(2) | (i / 8 % 2 ? bit(1) : 0), 3);
  }
};

Processes &processes() {
  static Processes made;
  return made;
}

/// Counts the text, and writes it nowhere.
uint64_t listRoot(const ListingPlan &plan, uint64_t &textBytes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  TextPrinter printer(plan.wording, plan.context, os);
  ListingResult result =
      llvm::cantFail(runListing(plan, processes().memory, printer, 20000000));
  textBytes += os.str().size();
  return result.tableCount;
}

void listKernel(benchmark::State &state) {
  uint64_t tables = 0, bytes = 0;
  const ListingPlan plan = llvm::cantFail(planKernelListing(processes().image));
  for (auto _ : state)
    tables += listRoot(plan, bytes);
  state.counters["tables"] = double(tables) / double(state.iterations());
  state.SetBytesProcessed(int64_t(bytes));
}

void listTasks(benchmark::State &state) {
  uint64_t tables = 0, bytes = 0;
  for (auto _ : state)
    for (PhysAddr root : processes().roots)
      tables +=
          listRoot(llvm::cantFail(planTaskListing(
                       processes().image, processes().memory, root, false)),
                   bytes);
  state.counters["tables"] = double(tables) / double(state.iterations());
  state.SetBytesProcessed(int64_t(bytes));
}

void countTasks(benchmark::State &state) {
  uint64_t tables = 0;
  for (auto _ : state)
    for (PhysAddr root : processes().roots)
      tables += countTableUse(processes().memory, x86_64::fourLevel, root,
                              VirtAddr(0), VirtAddr(0x7fffffffefff))
                    .tables;
  state.counters["tables"] = double(tables) / double(state.iterations());
}

BENCHMARK(listKernel)->Name("kernel");
BENCHMARK(listTasks)->Name("tasks/list");
BENCHMARK(countTasks)->Name("tasks/count");

} // namespace

BENCHMARK_MAIN();
