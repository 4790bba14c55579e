// What commands do, counted: pages decompressed, pages of memory looked at. The
// numbers depend on no machine.

#include "DumpBuilder.h"
#include "analysis/ReverseMap.h"
#include "dump/formats/KdumpMemory.h"
#include "dump/writer/VerifiedRanges.h"
#include "listing/Plan.h"
#include "paging/modes/X86_64.h"
#include "session/Convert.h"

#include "support/KernelFile.h"
#include "support/ListTables.h"

#include "gmock/gmock.h"

#include <mutex>
#include <set>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// The root is read whole, to be judged, and then as a table: what is read
/// whole is kept from the second time on.
constexpr uint64_t repeated = 1;

constexpr VirtAddr area(0xffffc90000000000);

/// A kernel that maps \p tableCount tables more, full of pages that differ from
/// their neighbours, in a machine with much other RAM.
struct MappedKernel : BuiltKernel {
  MappedKernel(unsigned tableCount, uint64_t otherBytes = 32 << 20)
      : BuiltKernel(x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(0x1000000)) {
    for (unsigned i = 0; i < tableCount * 512; ++i)
      tables.map(area + i * uint64_t(4096), physical,
                 0x8000000000000061 | (i % 2 ? 2 : 0), 3);
    memory->addZeros(PhysAddr(0x10000000), otherBytes);
  }
  std::string text() const {
    return info("6.1.0", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n");
  }
};

/// All of its pages, compressed, those of zeros, too. How many these are.
size_t writeKdumpFile(const MappedKernel &built, const std::string &path) {
  MemoryImage image;
  for (const MemoryRange &range : built.memory->ranges())
    for (uint64_t done = 0; done < range.size; done += image.pageSize) {
      std::vector<uint8_t> page(image.pageSize);
      EXPECT_FALSE(built.memory->tryRead(range.start + done, page));
      image.setData((range.start + done).value / image.pageSize, page);
    }
  KdumpShape shape;
  shape.dumpLevel = 0;
  shape.notes = {vmcoreinfoNote(built.text())};
  const FileBytes bytes = writeKdump(image, shape);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             std::streamsize(bytes.size()));
  return image.pages.size();
}

class Work : public ::testing::Test {
protected:
  std::unique_ptr<Session> open(unsigned threads = 1) {
    Request request;
    request.path = folder / "dump";
    request.threads = threads;
    return valueOf(Session::open(std::move(request), llvm::nulls()));
  }
  static KdumpMemory::DecodeCounts countsOf(const Session &session) {
    return dynamic_cast<const KdumpMemory &>(session.memory())
        .getDecodeCounts();
  }

  TemporaryFolder folder;
};

TEST_F(Work, ConvertDecodesEachPageOnce) {
  const size_t pages = writeKdumpFile(MappedKernel(20), folder / "dump");
  for (unsigned threads : {1, 4}) {
    auto session = open(threads);
    Output output = valueOf(
        createOutput(session->request(), folder / "out", /*force=*/true));
    EXPECT_EQ(textOf(convertDump(*session, output)), "");
    EXPECT_LE(countsOf(*session).pages, pages + repeated)
        << threads << " threads";
    EXPECT_LE(countsOf(*session).again, repeated) << threads << " threads";
  }
}

TEST_F(Work, LookingAtAllPagesDecodesEachOnce) {
  const size_t pages = writeKdumpFile(MappedKernel(20), folder / "dump");
  for (unsigned threads : {1, 4}) {
    auto session = open(threads);
    valueOf(session->image());
    const VerifiedBytes found =
        verifyBytes(session->memory(), 4096, session->diagnostics());
    EXPECT_EQ(found.present, pages * 4096);
    EXPECT_LE(countsOf(*session).pages, pages + repeated)
        << threads << " threads";
    EXPECT_LE(countsOf(*session).again, repeated) << threads << " threads";
  }
}

TEST_F(Work, AListingDecodesEachTableOnce) {
  uint64_t decoded[2];
  const unsigned tableCounts[] = {20, 80};
  for (unsigned i = 0; i < 2; ++i) {
    writeKdumpFile(MappedKernel(tableCounts[i]), folder / "dump");
    auto session = open();
    ListingPlan plan = valueOf(planKernelListing(valueOf(session->image())));
    EXPECT_FALSE(listText(plan, session->memory()).empty());
    decoded[i] = countsOf(*session).pages;
    EXPECT_LE(countsOf(*session).again, repeated);
  }
  EXPECT_EQ(decoded[1] - decoded[0], 60u);
}

TEST_F(Work, AReverseMapDecodesEachTableOnce) {
  writeKdumpFile(MappedKernel(20), folder / "dump");
  for (unsigned threads : {1, 4}) {
    auto session = open(threads);
    const Kernel &kernel = valueOf(session->kernel());
    const TaskList none;
    ReverseMap map(kernel, none, threads);
    uint64_t found = 0;
    map.find({PhysicalRange{PhysAddr(0), PhysAddr(~uint64_t(0))}}, 100000,
             [&](const ReverseMapOwner &, const Mapping &) { ++found; });
    EXPECT_GE(found, 20u * 512);
    EXPECT_LE(countsOf(*session).again, repeated);
  }
}

/// Notes the pages that somebody asks for, be it to look through all of them.
class NotedMemory final : public PhysicalMemory {
public:
  explicit NotedMemory(const PhysicalMemory &memory) : memory_(memory) {}

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    note(at, out.size());
    return memory_.tryRead(at, out);
  }
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
    note(at, size);
    return memory_.tryView(at, size);
  }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return memory_.ranges();
  }
  size_t countPages() const { return pages_.size(); }

private:
  void note(PhysAddr at, uint64_t size) const {
    std::lock_guard lock(mutex_);
    for (uint64_t page = at.value / 4096; page <= (at.value + size - 1) / 4096;
         ++page)
      pages_.insert(page);
  }
  const PhysicalMemory &memory_;
  mutable std::mutex mutex_;
  mutable std::set<uint64_t> pages_;
};

TEST_F(Work, OfMoreRamNoMoreIsLookedAt) {
  size_t looked[2];
  for (unsigned i = 0; i < 2; ++i) {
    MappedKernel built(4, i ? 64 << 20 : 1 << 20);
    built.dump.vmcoreinfo = built.text();
    NotedMemory noted(*built.memory);
    Diagnostics silent;
    const KernelImage image =
        valueOf(findKernel(built.dump, noted, built.overrides, silent));
    listText(valueOf(planKernelListing(image)), noted);
    looked[i] = noted.countPages();
  }
  EXPECT_EQ(looked[0], looked[1]);
  EXPECT_LE(looked[0], MappedKernel::imageBytes / 4096 + 4u + 16);
}

} // namespace
