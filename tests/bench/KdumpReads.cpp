//===- KdumpReads.cpp - pages per second from a kdump file ----------------===//
//
// Each pass opens the file anew (not timed). `random` and `sequential` read
// every page once, so that no page comes from a cache; `drawn` reads as many
// pages, each drawn from all; `Walk` reads the kernel's page tables, each once.
// libkdumpfile does the same, where it is installed. VMPT_BENCH_KDUMP names the
// file; without it, one is made, which has no kernel.
//
#include "DumpBuilder.h"
#include "dump/OpenDump.h"
#include "kernel/find/KernelImage.h"
#ifdef VMPT_HAVE_LIBKDUMPFILE
#include "KdumpFile.h"
#endif

#include <benchmark/benchmark.h>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unordered_set>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t pageSize = 4096;

/// 64 MiB of what random images are made of, as makedumpfile -c would write.
std::string makeFile() {
  auto path = std::filesystem::temp_directory_path() /
              ("vmpt-bench-" + std::to_string(::getpid()) + ".kdump");
  MemoryImage image = randomImage(1, {{0, 16384}}, pageSize, {0, 0, 0});
  FileBytes bytes = writeKdump(image, {.timestampMicroseconds = 1});
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             std::streamsize(bytes.size()));
  return path.string();
}

const std::string &getPath() {
  static struct File {
    bool isMade = !std::getenv("VMPT_BENCH_KDUMP");
    std::string path = isMade ? makeFile() : std::getenv("VMPT_BENCH_KDUMP");
    ~File() {
      if (isMade)
        std::filesystem::remove(path);
    }
  } file;
  return file.path;
}

Dump openFile() {
  Diagnostics diagnostics;
  return llvm::cantFail(openDump(getPath(), {}, diagnostics));
}

enum Order { Sequential, Random, Drawn };

/// Every page that the file has; with Drawn, some more than once.
std::vector<PhysAddr> listPages(Order order) {
  std::vector<PhysAddr> pages;
  Dump dump = openFile();
  for (const MemoryRange &range : dump.memory->ranges())
    for (uint64_t done = 0; !range.absence && done < range.size;
         done += pageSize)
      pages.push_back(range.start + done);
  if (order == Random)
    std::shuffle(pages.begin(), pages.end(), std::mt19937_64(1));
  if (order == Drawn) {
    std::mt19937_64 random(1);
    std::vector<PhysAddr> all = pages;
    for (PhysAddr &page : pages)
      page = all[random() % all.size()];
  }
  return pages;
}

/// Calls `read(thread, page)` for all pages, in equal shares.
template <class Read>
void readPages(llvm::ArrayRef<PhysAddr> pages, size_t threadCount, Read read) {
  std::vector<std::thread> threads;
  for (size_t t = 0; t < threadCount; ++t) {
    size_t first = pages.size() * t / threadCount;
    size_t last = pages.size() * (t + 1) / threadCount;
    threads.emplace_back([=] {
      for (PhysAddr page : pages.slice(first, last - first))
        read(t, page);
    });
  }
  for (std::thread &thread : threads)
    thread.join();
}

using Registered = benchmark::internal::Benchmark;

void onOneThread(Registered *reads) {
  reads->ArgName("threads")->Arg(1)->MeasureProcessCPUTime()->UseRealTime();
  reads->Unit(benchmark::kMillisecond);
}
void onTwoThreads(Registered *reads) {
  onOneThread(reads);
  reads->Arg(2);
}
void byTableAndByEntry(Registered *walk) {
  walk->ArgName("bytes")->Arg(4096)->Arg(8)->Unit(benchmark::kMicrosecond);
}

void countPages(benchmark::State &state, size_t pages) {
  state.SetItemsProcessed(state.iterations() * int64_t(pages));
  state.SetBytesProcessed(state.iterations() * int64_t(pages * pageSize));
}

void vmptReads(benchmark::State &state, Order order) {
  const std::vector<PhysAddr> pages = listPages(order);
  const auto threadCount = size_t(state.range(0));
  std::vector<std::vector<uint8_t>> buffers(threadCount,
                                            std::vector<uint8_t>(pageSize));
  for (auto _ : state) {
    state.PauseTiming();
    Dump dump = openFile();
    state.ResumeTiming();
    readPages(pages, threadCount, [&](size_t thread, PhysAddr page) {
      if (dump.memory->tryRead(page, buffers[thread]))
        std::abort();
    });
  }
  countPages(state, pages.size());
}

/// Reads the table at \p at and all below it that are not in \p seen yet:
/// \p readBytes at a time, which is a whole table or one entry.
template <class Read>
void walkTables(const PagingMode &mode, PhysAddr at, unsigned level,
                size_t readBytes, std::unordered_set<uint64_t> &seen,
                Read &read) {
  if (!seen.insert(at.value).second)
    return;
  std::vector<uint8_t> table(mode.tableBytes(level));
  const size_t step = std::min(readBytes, table.size());
  for (size_t done = 0; done < table.size(); done += step)
    if (!read(at + done, llvm::MutableArrayRef(table).slice(done, step)))
      return;
  if (level == mode.lastLevel())
    return;
  const Bytes entries(table, ByteOrder::little);
  for (unsigned i = 0; i < mode.entryCount(level); ++i) {
    uint64_t entry = mode.entryBytes == 8 ? entries.at<uint64_t>(i * 8)
                                          : entries.at<uint32_t>(i * 4);
    if (const DecodedEntry decoded = mode.decode(entry, level);
        decoded.isTable())
      walkTables(mode, decoded.address, level + 1, readBytes, seen, read);
  }
}

/// `open()` gives what reads: a function of an address and a buffer.
template <class Open> void walkKernel(benchmark::State &state, Open open) {
  Diagnostics diagnostics;
  Dump dump = openFile();
  auto kernel = findKernel(dump, *dump.memory, {}, diagnostics);
  if (!kernel) {
    llvm::consumeError(kernel.takeError());
    return state.SkipWithError("no kernel: let VMPT_BENCH_KDUMP name a file "
                               "that has one");
  }
  std::unordered_set<uint64_t> seen;
  for (auto _ : state) {
    state.PauseTiming();
    {
      auto read = open();
      seen.clear();
      state.ResumeTiming();
      walkTables(kernel->mode, kernel->root, 0, size_t(state.range(0)), seen,
                 read);
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * int64_t(seen.size()));
  state.counters["tables"] = double(seen.size());
}

void vmptWalk(benchmark::State &state) {
  walkKernel(state, [] {
    return
        [dump = openFile()](PhysAddr at, llvm::MutableArrayRef<uint8_t> out) {
          return !dump.memory->tryRead(at, out);
        };
  });
}
BENCHMARK(vmptWalk)->Apply(byTableAndByEntry);

#ifdef VMPT_HAVE_LIBKDUMPFILE
void libkdumpfileWalk(benchmark::State &state) {
  walkKernel(state, [] {
    return [file = std::make_unique<KdumpFile>(getPath())](
               PhysAddr at, llvm::MutableArrayRef<uint8_t> out) {
      return file->read(at, out) == KDUMP_OK;
    };
  });
}
BENCHMARK(libkdumpfileWalk)->Apply(byTableAndByEntry);

void libkdumpfileReads(benchmark::State &state, Order order) {
  const std::vector<PhysAddr> pages = listPages(order);
  const auto threadCount = size_t(state.range(0));
  std::vector<std::vector<uint8_t>> buffers(threadCount,
                                            std::vector<uint8_t>(pageSize));
  for (auto _ : state) {
    state.PauseTiming();
    KdumpFile file(getPath());
    std::vector<std::unique_ptr<KdumpFile>> clones;
    for (size_t i = 0; i < threadCount; ++i)
      clones.push_back(std::make_unique<KdumpFile>(file, 0));
    state.ResumeTiming();
    readPages(pages, threadCount, [&](size_t thread, PhysAddr page) {
      if (clones[thread]->read(page, buffers[thread]) != KDUMP_OK)
        std::abort();
    });
  }
  countPages(state, pages.size());
}
BENCHMARK_CAPTURE(libkdumpfileReads, drawn, Drawn)->Apply(onTwoThreads);
BENCHMARK_CAPTURE(libkdumpfileReads, random, Random)->Apply(onTwoThreads);
BENCHMARK_CAPTURE(libkdumpfileReads, sequential, Sequential)
    ->Apply(onOneThread);
#endif

BENCHMARK_CAPTURE(vmptReads, drawn, Drawn)->Apply(onTwoThreads);
BENCHMARK_CAPTURE(vmptReads, random, Random)->Apply(onTwoThreads);
BENCHMARK_CAPTURE(vmptReads, sequential, Sequential)->Apply(onTwoThreads);

} // namespace

BENCHMARK_MAIN();
