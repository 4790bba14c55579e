//===- Listings.cpp - what a listing costs, and what its tables cost ------===//
//
// Each thing at several sizes, so that growth shows: what one costs stays the
// same. For tables that are alike, in the order of RAM and shuffled, of 1 MiB
// to 1 GiB (the argument is the largest, in MiB; 256 without one): the listing,
// after the kernel is found, beside a program that reads the same bytes of the
// same mapped file in the same order and compares the masked neighbours
// ("limit"). Then tables of which each entry is a line, and roots that share a
// half. Both run by turns, and the fastest of each counts: CPU time of one
// thread. TMPDIR takes as much as there are tables.
//
// Pages of kdumps likewise.
//
//   bench-listings [LARGEST_MIB [ROW [TURNS]]]
//
// Instructions where the machine counts them; growth.py has callgrind count
// those of each row where it does not.
//
#include "DumpBuilder.h"
#include "dump/OpenDump.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/find/KernelArch.h"
#include "listing/Plan.h"
#include "support/SparseTables.h"

#include "llvm/Support/Format.h"

#include <ctime>
#include <filesystem>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

struct Cost {
  uint64_t nanoseconds = ~uint64_t(0);
  uint64_t instructions = 0; ///< 0: not counted here.
};

/// Of this thread, in user space.
class Meter {
public:
  Meter() {
    perf_event_attr attributes = {};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
    attributes.exclude_kernel = attributes.exclude_hv = 1;
    counter_ = int(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
  }
  ~Meter() {
    if (counter_ >= 0)
      ::close(counter_);
  }
  template <class Run> void measure(Cost &least, Run run) {
    const uint64_t time = now(), count = instructions();
    run();
    Cost cost{now() - time, instructions() - count};
    if (cost.nanoseconds < least.nanoseconds)
      least = cost;
  }

private:
  static uint64_t now() {
    timespec time;
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return uint64_t(time.tv_sec) * 1'000'000'000 + uint64_t(time.tv_nsec);
  }
  uint64_t instructions() const {
    uint64_t count = 0;
    return counter_ >= 0 && ::read(counter_, &count, sizeof count) > 0 ? count
                                                                       : 0;
  }
  int counter_ = -1;
};

/// The dump of some tables, open, in a file that is gone afterwards.
class Case {
public:
  explicit Case(const SparseTables &tables)
      : path_((std::filesystem::temp_directory_path() /
               ("vmpt-bench-" + std::to_string(::getpid())))
                  .string()) {
    if (!tables.write(path_)) {
      llvm::errs() << path_ << " cannot be written\n";
      std::exit(1);
    }
    Diagnostics silent;
    dump_ = llvm::cantFail(openDump(path_, {}, silent));
    ::unlink(path_.c_str());
    image_.arch = findKernelArch(Arch::X86_64);
    image_.mode = x86_64::fourLevel;
    image_.root = SparseTables::root;
    image_.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=6.1.0\n");
    image_.markers = {{0, "User Space", 0},
                      {SparseTables::start.value, "Tables", 0}};
  }
  ListingPlan plan() const { return llvm::cantFail(planKernelListing(image_)); }
  const PhysicalMemory &memory() const { return *dump_.memory; }
  ListingResult list(ListedTables *known = nullptr) const {
    const ListingPlan plan = this->plan();
    TextPrinter printer(plan.wording, plan.context, llvm::nulls());
    return llvm::cantFail(
        runListing(plan, memory(), printer, ~uint64_t(0), known));
  }

private:
  std::string path_;
  Dump dump_;
  KernelImage image_;
};

/// Entries of the tables from \p table down that differ from their neighbours.
uint64_t readTables(const PhysicalMemory &memory, uint64_t mask, PhysAddr table,
                    unsigned level) {
  const uint8_t *bytes = memory.tryView(table, SparseTables::tableBytes);
  uint64_t entries[SparseTables::entryCount], differing = 0;
  if (level == x86_64::fourLevel.lastLevel()) {
    for (unsigned i = 8; i < SparseTables::tableBytes; i += 8)
      differing |= (loadUnaligned<uint64_t>(bytes + i, ByteOrder::little) ^
                    loadUnaligned<uint64_t>(bytes + i - 8, ByteOrder::little)) &
                   mask;
    return differing != 0;
  }
  std::memcpy(entries, bytes, sizeof entries);
  for (uint64_t entry : entries)
    if (entry & 1)
      differing += readTables(memory, mask, PhysAddr(entry & ~uint64_t(0xfff)),
                              level + 1);
  return differing;
}

void printRow(const llvm::Twine &what, uint64_t units, const Cost &cost,
              const Cost &limit) {
  llvm::outs() << llvm::left_justify(what.str(), 30)
               << llvm::format("%10llu %12.1f", (unsigned long long)units,
                               double(cost.nanoseconds) / double(units));
  if (cost.instructions)
    llvm::outs() << llvm::format(" %12.1f",
                                 double(cost.instructions) / double(units));
  else
    llvm::outs() << "            -";
  if (limit.nanoseconds != Cost().nanoseconds)
    llvm::outs() << llvm::format(
        " %12.1f %6.2f", double(limit.nanoseconds) / double(units),
        double(cost.nanoseconds) / double(limit.nanoseconds));
  llvm::outs() << '\n';
  llvm::outs().flush();
}

struct Choice {
  llvm::StringRef row; ///< Its name, or the part up to the comma.
  unsigned turns = 7;
  bool has(llvm::StringRef name) const {
    return row.empty() || name == row || name.split(',').first == row;
  }
};

void benchAlike(Meter &meter, const Choice &choice, uint64_t mebibytes,
                bool isShuffled) {
  const std::string name = ("table, " + llvm::Twine(mebibytes) + " MiB" +
                            (isShuffled ? ", shuffled" : ""))
                               .str();
  if (!choice.has(name))
    return;
  const SparseTables tables{.tableCount = mebibytes * 256,
                            .isShuffled = isShuffled};
  const Case made(tables);
  const uint64_t mask = made.plan().rules.attributeMask;
  Cost limit, listing;
  uint64_t differing = 0;
  for (unsigned turn = 0; turn < choice.turns; ++turn) {
    meter.measure(limit, [&] {
      differing += readTables(made.memory(), mask, SparseTables::root, 0);
    });
    meter.measure(listing, [&] { made.list(); });
  }
  if (differing)
    llvm::errs() << "the tables are not alike\n";
  printRow(name, tables.tableCount, listing, limit);
}

void benchLines(Meter &meter, const Choice &choice, uint64_t mebibytes) {
  const std::string name =
      ("line, " + llvm::Twine(mebibytes) + " MiB of tables").str();
  if (!choice.has(name))
    return;
  const SparseTables tables{.tableCount = mebibytes * 256,
                            .entries = SparseTables::Entries::Differing};
  const Case made(tables);
  Cost cost;
  for (unsigned turn = 0; turn < choice.turns; ++turn)
    meter.measure(cost, [&] { made.list(); });
  printRow(name, tables.tableCount * SparseTables::entryCount, cost, {});
}

/// As `vmpt task --all` of processes without tables of their own.
void benchTasks(Meter &meter, const Choice &choice, unsigned taskCount) {
  const std::string name =
      ("task, of " + llvm::Twine(taskCount) + ", 4 MiB shared").str();
  if (!choice.has(name))
    return;
  const Case made(SparseTables{.tableCount = 1024});
  Cost cost;
  for (unsigned turn = 0; turn < choice.turns; ++turn)
    meter.measure(cost, [&] {
      ListedTables known;
      for (unsigned task = 0; task < taskCount; ++task)
        made.list(&known);
    });
  printRow(name, taskCount, cost, {});
}

/// As `vmpt info --verify` of a kdump with zlib.
void benchPages(Meter &meter, const Choice &choice, uint64_t mebibytes) {
  const std::string name =
      ("page, " + llvm::Twine(mebibytes) + " MiB of kdump").str();
  if (!choice.has(name))
    return;
  const uint64_t pageCount = mebibytes * 256;
  const FileBytes file = writeKdump(
      randomImage(1, {{0, pageCount}}, 4096, {0, 0, 0}), KdumpShape());
  Cost cost;
  Diagnostics silent;
  silent.setThreads(1);
  for (unsigned turn = 0; turn < choice.turns; ++turn) {
    const Dump dump = llvm::cantFail(openDump(Bytes(file), {}));
    meter.measure(cost, [&] { verifyBytes(*dump.memory, 4096, silent); });
  }
  printRow(name, pageCount, cost, {});
}

} // namespace

int main(int argc, char **argv) {
  const uint64_t largest = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 256;
  Meter meter;
  llvm::outs() << "                                    units      ns each "
                  "instructions     limit ns  ratio\n";
  Choice choice;
  if (argc > 2)
    choice.row = argv[2];
  if (argc > 3)
    choice.turns = unsigned(std::max(1, std::atoi(argv[3])));
  for (bool isShuffled : {false, true})
    for (uint64_t size = 1; size <= std::min<uint64_t>(largest, 1024);
         size *= 4)
      benchAlike(meter, choice, size, isShuffled);
  for (uint64_t size = 1; size <= std::min<uint64_t>(largest, 16); size *= 4)
    benchLines(meter, choice, size);
  for (uint64_t size = 1; size <= std::min<uint64_t>(largest, 64); size *= 4)
    benchPages(meter, choice, size);
  for (unsigned count : {100, 400, 1600})
    benchTasks(meter, choice, count);
  return 0;
}
