// Symbols and types from real dumps, against what the kernel itself said.

#include "kernel/image/DebugData.h"
#include "debuginfo/DebugFiles.h"
#include "dump/OpenDump.h"
#include "kernel/find/KernelImage.h"
#include "kernel/image/KallsymsFinder.h"

#include "memory/RecordingMemory.h"
#include "support/Expected.h"
#include "support/Truth.h"

#include <fstream>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Each SIZE() and OFFSET() of VMCOREINFO was computed by the compiler.
void expectVmcoreinfosLayouts(const TypeSource &types,
                              const Vmcoreinfo &vmcoreinfo) {
  unsigned compared = 0;
  llvm::SmallVector<llvm::StringRef> lines;
  vmcoreinfo.text().split(lines, '\n', -1, false);
  for (llvm::StringRef line : lines) {
    auto [key, text] = line.split('=');
    uint64_t value;
    if (text.getAsInteger(10, value) || !key.consume_back(")"))
      continue;
    if (key.consume_front("SIZE(")) {
      EXPECT_EQ(types.findSizeBytes(key), value) << line.str();
      ++compared;
    } else if (key.consume_front("OFFSET(")) {
      auto [type, path] = key.split('.');
      auto member = types.findMember(type, path);
      ASSERT_TRUE(member) << line.str();
      EXPECT_EQ(member->offsetBytes(), value) << line.str();
      ++compared;
    }
  }
  EXPECT_GT(compared, 20u);
}

/// /proc/kallsyms without the symbols of modules and BPF programs.
std::vector<std::string> getKernelSymbols(const TruthCase &truth) {
  std::string text =
      unpack("zstd", truth.directory / "sys/kallsyms.zst").value_or("");
  std::vector<std::string> lines;
  llvm::SmallVector<llvm::StringRef> all;
  llvm::StringRef(text).split(all, '\n', -1, false);
  for (llvm::StringRef line : all)
    if (!line.contains('['))
      lines.push_back(line.str());
  return lines;
}

/// From _stext on; no kernel image is longer.
constexpr uint64_t imageBytes = uint64_t(256) << 20;

class DebugDataTruth : public ::testing::TestWithParam<TruthCase> {
protected:
  void SetUp() override {
    if (GetParam().dump.empty())
      GTEST_SKIP() << "no unpacked dump of this case: set VMPT_DUMPS";
    dump = valueOf(openDump(GetParam().dump, {}, diagnostics));
    auto found = findKernel(*dump, *dump->memory, {}, diagnostics);
    if (!found)
      GTEST_SKIP() << "no kernel: " << llvm::toString(found.takeError());
    kernel = std::move(*found);
    memory.emplace(kernel->addressSpace(*dump->memory));
    auto stext = kernel->vmcoreinfo.symbol("_stext");
    if (!stext)
      GTEST_SKIP() << "VMCOREINFO is not in this dump";
    image = memory->mappedRuns(VirtAddr(*stext),
                               VirtAddr(*stext + (imageBytes - 1)));
  }

  std::string lineOf(const Symbol &symbol) const {
    char address[24];
    std::snprintf(address, sizeof address,
                  kernel->wordBytes() == 4 ? "%08llx" : "%016llx",
                  static_cast<unsigned long long>(symbol.address.value));
    return std::string(address) + ' ' + symbol.type + ' ' + symbol.name;
  }
  void expectWanted(const Kallsyms &kallsyms) {
    auto wanted = getKernelSymbols(GetParam());
    ASSERT_FALSE(wanted.empty()) << "sys/kallsyms.zst cannot be read";
    ASSERT_EQ(kallsyms.size(), wanted.size());
    size_t index = 0;
    kallsyms.forEach([&](const Symbol &symbol) {
      EXPECT_EQ(lineOf(symbol), wanted[index++]);
      return !HasFailure();
    });
  }

  Diagnostics diagnostics;
  std::optional<Dump> dump;
  std::optional<KernelImage> kernel;
  std::optional<AddressSpace> memory;
  std::vector<MappedRun> image;
};

TEST_P(DebugDataTruth, KallsymsIsWhatProcKallsymsSaid) {
  auto kallsyms = valueOf(readKallsyms(*memory, kernel->vmcoreinfo, image));
  ASSERT_TRUE(kallsyms);
  expectWanted(*kallsyms);
}

TEST_P(DebugDataTruth, KallsymsIsFoundByStructureAlone) {
  std::vector<VirtualRange> ranges;
  for (const MappedRun &run : image)
    ranges.push_back({run.start, run.size});
  KallsymsMachine machine;
  machine.wordBytes = kernel->wordBytes();
  auto read = makeReader(*memory);
  auto kallsyms = valueOf(findKallsyms(read, ranges, machine));
  ASSERT_TRUE(kallsyms);
  expectWanted(*kallsyms);
}

TEST_P(DebugDataTruth, BtfAgreesWithVmcoreinfo) {
  auto types = readBtf(*memory, nullptr, image);
  if (!types) {
    auto config = unpack("zstd", GetParam().directory / "sys/config.zst");
    ASSERT_TRUE(config &&
                config->find("CONFIG_DEBUG_INFO_BTF=y") == std::string::npos)
        << llvm::toString(types.takeError());
    llvm::consumeError(types.takeError());
    GTEST_SKIP() << "this kernel was built without BTF";
  }
  expectVmcoreinfosLayouts(**types, kernel->vmcoreinfo);
}

/// The first task's name is in every kernel the same.
TEST_P(DebugDataTruth, TypesAndSymbolsLeadToTheFirstTask) {
  auto kallsyms = valueOf(readKallsyms(*memory, kernel->vmcoreinfo, image));
  ASSERT_TRUE(kallsyms);
  auto types = readBtf(*memory, kallsyms.get(), image);
  auto task = kallsyms->find("init_task");
  if (!types || !task) {
    llvm::consumeError(types ? llvm::Error::success() : types.takeError());
    GTEST_SKIP() << "no BTF or no data symbols in this kernel";
  }
  auto comm = (*types)->findMember("task_struct", "comm");
  ASSERT_TRUE(comm);
  EXPECT_EQ(valueOf(memory->readString(task->address + comm->offsetBytes(),
                                       comm->sizeBytes()))
                .substr(0, 7),
            "swapper");
}

/// What a recording has seen is enough to do the same again, and it has seen
/// little more than the tables.
TEST_P(DebugDataTruth, OnlyTheTablesAreRecorded) {
  RecordingMemory recording(*dump->memory);
  AddressSpace recorded = kernel->addressSpace(recording);
  auto kallsyms = readKallsyms(recorded, Vmcoreinfo(), image);
  ASSERT_TRUE(bool(kallsyms)) << llvm::toString(kallsyms.takeError());
  uint64_t perSymbol = recording.getPages().size() *
                       RecordingMemory::pageBytes / (*kallsyms)->size();
  EXPECT_GT(perSymbol, 8u);
  EXPECT_LT(perSymbol, 48u);
}

//===--- vmlinux, where a case has one ------------------------------------===//

void expectTypes(const DebugFile &file, const Vmcoreinfo &vmcoreinfo) {
  ASSERT_FALSE(file.types.empty());
  for (const auto &types : file.types) {
    SCOPED_TRACE(types->describe());
    expectVmcoreinfosLayouts(*types, vmcoreinfo);
  }
}

/// Names that occur once in /proc/kallsyms and so mean one symbol.
void expectSymbols(const DebugFile &file, const TruthCase &truth) {
  ASSERT_TRUE(file.symbols);
  llvm::StringMap<std::pair<uint64_t, unsigned>> wanted; // address, how often
  const auto lines = getKernelSymbols(truth);
  for (llvm::StringRef line : lines) {
    uint64_t address;
    auto [digits, rest] = line.split(' ');
    ASSERT_FALSE(digits.getAsInteger(16, address)) << line.str();
    auto &entry = wanted[rest.drop_front(2)];
    entry = {address, entry.second + 1};
  }
  std::vector<llvm::StringRef> names;
  for (const auto &entry : wanted)
    if (entry.second.second == 1)
      names.push_back(entry.first());
  ASSERT_GT(names.size(), 10000u);
  auto found = file.symbols->findAll(names);
  for (size_t i = 0; i < names.size(); ++i) {
    ASSERT_TRUE(found[i]) << names[i].str();
    EXPECT_EQ(hex(found[i]->address), hex(wanted[names[i]].first))
        << names[i].str();
  }
}

class VmlinuxTruth : public ::testing::TestWithParam<TruthCase> {
protected:
  void TearDown() override { std::remove(path.c_str()); }

  const std::string path =
      ::testing::TempDir() + "vmlinux-" + std::to_string(::getpid());
};

TEST_P(VmlinuxTruth, AgreesWithTheDump) {
  const auto packed = GetParam().directory / "vmlinux.xz";
  if (!std::filesystem::exists(packed) || GetParam().dump.empty())
    GTEST_SKIP() << "no vmlinux.xz, or no unpacked dump (VMPT_DUMPS)";
  auto content = unpack("xz", packed);
  ASSERT_TRUE(content) << "xz -dc failed";
  std::ofstream(path, std::ios::binary) << *content;

  Diagnostics diagnostics;
  auto dump = valueOf(openDump(GetParam().dump, {}, diagnostics));
  auto vmcoreinfo = Vmcoreinfo::parse(dump.vmcoreinfo.value_or(""));
  auto stext = vmcoreinfo.symbol("_stext");
  auto buildId = vmcoreinfo.find("BUILD-ID");
  ASSERT_TRUE(stext && buildId) << "this test needs a VMCOREINFO note";

  auto file = valueOf(openDebugFile(path, VirtAddr(*stext)));
  EXPECT_EQ(file.buildId.value_or("none"), buildId->str());
  expectTypes(file, vmcoreinfo);
  expectSymbols(file, GetParam());
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VmlinuxTruth);
INSTANTIATE_TEST_SUITE_P(Truth, VmlinuxTruth,
                         ::testing::ValuesIn(findTruthCases()), testNameOf);

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DebugDataTruth);
INSTANTIATE_TEST_SUITE_P(Truth, DebugDataTruth,
                         ::testing::ValuesIn(findTruthCases()), testNameOf);

} // namespace
