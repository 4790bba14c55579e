// The test program itself is the sample: it is built with debug information,
// and the compiler knows what is right.

#include "debuginfo/DebugFiles.h"

#include "debuginfo/DwarfTypes.h"
#include "debuginfo/ElfSymbols.h"
#include "debuginfo/SystemMap.h"
#include "dump/storage/FileAccess.h"
#include "support/BtfBuilder.h"
#include "support/Expected.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

// Outside of namespaces, as in C. All are used, or they would not be described.
struct vmptSampleList {
  struct vmptSampleList *next, *prev;
};
typedef const volatile int vmpt_sample_int;
enum vmpt_sample_enum { VMPT_SAMPLE_FIRST = 7, VMPT_SAMPLE_NEGATIVE = -5 };
enum { VMPT_SAMPLE_ANONYMOUS = 0x89abcdef };
// Compilers describe what is used; clang wants more than the enumerator.
[[gnu::used]] static decltype(VMPT_SAMPLE_ANONYMOUS) vmptSampleAnonymous =
    VMPT_SAMPLE_ANONYMOUS;
struct vmptSample {
  char first;
  union {
    struct vmptSampleList *pointer;
    struct {
      long a, b;
    };
  };
  struct vmptSampleList list;
  unsigned plain;
  unsigned low : 3, high : 7;
  vmpt_sample_int typed;
  enum vmpt_sample_enum choice;
  double real;
  short grid[3][5];
  int flexible[];
};
typedef struct vmptSample vmpt_sample_t;

extern "C" {
extern const unsigned vmptSampleConstant;
const unsigned vmptSampleConstant = VMPT_SAMPLE_ANONYMOUS;
int vmptSampleVariable = VMPT_SAMPLE_FIRST;
int vmptSampleFunction(vmpt_sample_t *sample);
int vmptSampleFunction(vmpt_sample_t *sample) {
  return int(sample->low) + sample->choice + vmptSampleVariable;
}
}

namespace {

const char *const self = "/proc/self/exe";

std::shared_ptr<ElfFile> openSelf() { return valueOf(ElfFile::open(self)); }

/// In the directory for temporary files; \p name is used once.
std::string writeFile(const std::string &name, const std::string &text) {
  std::string path = ::testing::TempDir() + "vmpt-debugfiles-" +
                     std::to_string(::getpid()) + "-" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

//===--- DWARF ------------------------------------------------------------===//

class DwarfOfThisProgram : public ::testing::Test {
protected:
  void SetUp() override {
    types = valueOf(DwarfTypes::create(openSelf(), "DWARF of the test"));
    ASSERT_TRUE(types);
  }
  Member member(const char *path) {
    auto found = types->findMember("vmptSample", path);
    EXPECT_TRUE(found) << path;
    return found.value_or(Member());
  }
  std::unique_ptr<DwarfTypes> types;
};

TEST_F(DwarfOfThisProgram, OffsetsAreTheCompilers) {
  EXPECT_EQ(member("first").offsetBytes(), offsetof(vmptSample, first));
  EXPECT_EQ(member("pointer").offsetBytes(), offsetof(vmptSample, pointer));
  EXPECT_EQ(member("b").offsetBytes(), offsetof(vmptSample, b));
  EXPECT_EQ(member("list.prev").offsetBytes(), offsetof(vmptSample, list.prev));
  EXPECT_EQ(member("grid").offsetBytes(), offsetof(vmptSample, grid));
  EXPECT_EQ(types->findSizeBytes("vmptSample"), sizeof(vmptSample));
  EXPECT_EQ(types->findSizeBytes("vmpt_sample_t"), sizeof(vmptSample));
  EXPECT_EQ(types->findSizeBytes("vmpt_sample_int"), sizeof(int));
  EXPECT_EQ(types->findMember("vmpt_sample_t", "list.prev")->offsetBytes(),
            offsetof(vmptSample, list.prev));
}

TEST_F(DwarfOfThisProgram, KindsAndSizes) {
  EXPECT_EQ(member("pointer").kind, TypeKind::Pointer);
  EXPECT_EQ(member("pointer").sizeBytes(), sizeof(void *));
  EXPECT_EQ(member("list").kind, TypeKind::Struct);
  EXPECT_EQ(member("list").typeName, "vmptSampleList");
  EXPECT_EQ(member("typed").kind, TypeKind::Integer);
  EXPECT_EQ(member("typed").typeName, "int");
  EXPECT_EQ(member("choice").kind, TypeKind::Enum);
  EXPECT_EQ(member("real").kind, TypeKind::Float);
  EXPECT_EQ(member("grid").kind, TypeKind::Array);
  EXPECT_EQ(member("grid").sizeBytes(), sizeof(vmptSample::grid));
  EXPECT_EQ(member("flexible").bitSize, 0u);
}

TEST_F(DwarfOfThisProgram, BitFields) {
  Member low = member("low"), high = member("high");
  EXPECT_TRUE(low.isBitField && high.isBitField);
  EXPECT_FALSE(member("plain").isBitField);
  EXPECT_EQ(low.bitSize, 3u);
  EXPECT_EQ(high.bitSize, 7u);
  EXPECT_EQ(low.bitOffset, (offsetof(vmptSample, plain) + 4) * 8);
  EXPECT_EQ(high.bitOffset, low.bitOffset + 3);
}

TEST_F(DwarfOfThisProgram, Enumerators) {
  EXPECT_EQ(types->findEnumConstant("VMPT_SAMPLE_FIRST"), 7u);
  EXPECT_EQ(types->findEnumConstant("VMPT_SAMPLE_NEGATIVE"), uint64_t(-5));
  EXPECT_EQ(types->findEnumConstant("VMPT_SAMPLE_ANONYMOUS"), 0x89abcdefu);
  EXPECT_FALSE(types->findEnumConstant("VMPT_SAMPLE_NONE"));
}

TEST_F(DwarfOfThisProgram, WhatIsNowhereIsNotFound) {
  EXPECT_FALSE(types->findSizeBytes("vmptNoSuchStruct"));
  EXPECT_FALSE(types->findMember("vmptSample", "nothing"));
  EXPECT_EQ(member("first").offsetBytes(), 0u); // and all else still is
}

//===--- symbols ----------------------------------------------------------===//

TEST(ElfSymbols, AddressesLettersAndSizesOfThisProgram) {
  auto symbols = valueOf(ElfSymbols::create(openSelf(), "test"));
  ASSERT_TRUE(symbols);
  auto found = symbols->findAll({"vmptSampleFunction", "vmptSampleVariable",
                                 "vmptSampleConstant", "vmptNoSuchSymbol"});
  ASSERT_TRUE(found[0] && found[1] && found[2]);
  EXPECT_FALSE(found[3]);
  EXPECT_EQ(found[0]->type, 'T');
  EXPECT_EQ(found[1]->type, 'D');
  EXPECT_EQ(found[2]->type, 'R');
  // AddressSanitizer adds a red zone.
  EXPECT_GE(found[1]->sizeBytes, sizeof vmptSampleVariable);
  EXPECT_LE(found[1]->sizeBytes, sizeof vmptSampleVariable + 64);
  // The program is loaded somewhere else, but in one piece.
  EXPECT_EQ(found[1]->address - found[0]->address,
            uint64_t(&vmptSampleVariable) - uint64_t(&vmptSampleFunction));
}

const char *const mapText = "0000000000000000 A __per_cpu_start\n"
                            "0000000000001000 A fixed_percpu_data\n"
                            "ffffffff81000000 T _stext\n"
                            "ffffffff81000000 T _text\n"
                            "garbage\n"
                            "\n"
                            "ffffffff81000040 t sample\n"
                            "ffffffffc0000000 t sample\t[module]\n"
                            "ffffffff82000000 D last";

std::unique_ptr<SystemMap> openMap(const std::string &text) {
  auto path = writeFile("System.map", text);
  return valueOf(SystemMap::create(valueOf(readWhole(path)), "map"));
}

TEST(SystemMap, FindsNamesAndMovesOnlyKernelAddresses) {
  auto map = openMap(mapText);
  ASSERT_TRUE(map);
  map->relocate({0x1000000});
  auto found = map->findAll({"sample", "fixed_percpu_data", "last", "garbage"});
  ASSERT_TRUE(found[0] && found[1] && found[2]);
  EXPECT_EQ(found[0]->address, VirtAddr(0xffffffff82000040));
  EXPECT_EQ(found[0]->type, 't');
  EXPECT_EQ(found[1]->address, VirtAddr(0x1000));
  EXPECT_EQ(found[2]->address, VirtAddr(0xffffffff83000000));
  EXPECT_FALSE(found[3]);
}

/// s390x: the image is linked to 1 MiB and placed near the top.
TEST(SystemMap, AnImageThatIsLinkedLowMovesAsAWhole) {
  auto map = openMap("00000000000ff000 D below\n"
                     "0000000000100000 T _stext\n"
                     "00000000006aac00 D init_task\n"
                     "00000000006ab000 A absolute\n");
  ASSERT_TRUE(map);
  map->relocate({0x3ffff874000, VirtAddr(0x100000)});
  EXPECT_EQ(map->find("init_task")->address, VirtAddr(0x3fffff1ec00));
  EXPECT_EQ(map->find("below")->address, VirtAddr(0xff000));
  EXPECT_EQ(map->find("absolute")->address, VirtAddr(0x6ab000));
}

TEST(SystemMap, ThirtyTwoBitAddressesWrapAtThirtyTwoBits) {
  auto map = openMap("c1000000 T _stext\nc1000100 T sample\n");
  ASSERT_TRUE(map);
  map->relocate({uint64_t(0) - 0x1000000});
  EXPECT_EQ(map->find("sample")->address, VirtAddr(0xc0000100));
  map->relocate({0xffffffff});
  EXPECT_EQ(map->find("sample")->address, VirtAddr(0xc10000ff));
}

//===--- files ------------------------------------------------------------===//

TEST(DebugFiles, AnElfFileOffersSymbolsAndTypes) {
  auto file = valueOf(openDebugFile(self, std::nullopt));
  EXPECT_EQ(file.kind, "ELF");
  ASSERT_TRUE(file.symbols);
  EXPECT_EQ(file.symbols->describe(), "symbol table of exe");
  ASSERT_EQ(file.types.size(), 1u);
  EXPECT_EQ(file.types[0]->findSizeBytes("vmptSample"), sizeof(vmptSample));
  ASSERT_TRUE(file.buildId);
  EXPECT_GE(file.buildId->size(), 32u);
}

TEST(DebugFiles, ASystemMapIsMovedToWhereTheDumpHasStext) {
  auto path = writeFile("map", mapText);
  auto file = valueOf(openDebugFile(path, VirtAddr(0xffffffffa2000000)));
  EXPECT_EQ(file.kind, "System.map");
  ASSERT_TRUE(file.symbols);
  EXPECT_EQ(file.symbols->find("sample")->address,
            VirtAddr(0xffffffffa2000040));
}

TEST(DebugFiles, ARawBtfBlobOffersTypes) {
  BtfBuilder btf;
  uint32_t i32 = btf.integer("int", 4);
  btf.structure("sample", 8, {{"x", i32, 32}});
  auto blob = btf.build();
  auto path = writeFile("btf", std::string(blob.begin(), blob.end()));
  auto file = valueOf(openDebugFile(path, std::nullopt));
  EXPECT_EQ(file.kind, "BTF");
  ASSERT_EQ(file.types.size(), 1u);
  EXPECT_EQ(file.types[0]->findMember("sample", "x")->offsetBytes(), 4u);
  blob.resize(blob.size() - 1);
  path = writeFile("btf", std::string(blob.begin(), blob.end()));
  EXPECT_THAT(textOf(openDebugFile(path, std::nullopt)),
              HasSubstr("BTF string section"));
}

TEST(DebugFiles, OtherFilesAreRefused) {
  EXPECT_THAT(
      textOf(openDebugFile(writeFile("text", "hello world\n"), std::nullopt)),
      HasSubstr("neither an ELF file, nor BTF, nor a System.map"));
  EXPECT_NE(textOf(openDebugFile(writeFile("elf", "\x7f"
                                                  "ELF"),
                                 std::nullopt)),
            "");
  EXPECT_NE(textOf(openDebugFile("/nonexistent", std::nullopt)), "");
}

TEST(DebugFiles, TheBuildIdDecidesNotTheName) {
  namespace fs = std::filesystem;
  fs::path root = fs::path(::testing::TempDir()) /
                  ("vmpt-debugfiles-" + std::to_string(::getpid()));
  fs::remove_all(root);
  fs::create_directories(root / "boot");
  fs::copy_file(self, root / "boot/vmlinux-6.1.0-test");
  std::string id = openSelf()->findBuildId().value_or("");
  std::string other = (id[0] == 'a' ? 'b' : 'a') + id.substr(1);
  EXPECT_EQ(findDebugFile("6.1.0-test", id, root.string()),
            (root / "boot/vmlinux-6.1.0-test").string());
  EXPECT_FALSE(findDebugFile("6.1.0-test", other, root.string()));
  EXPECT_FALSE(findDebugFile("6.1.0-test", "", root.string()));
  EXPECT_FALSE(findDebugFile("6.1.0-none", id, root.string()));

  fs::path byId = root / "usr/lib/debug/.build-id" / id.substr(0, 2);
  fs::create_directories(byId);
  fs::copy_file(self, byId / (id.substr(2) + ".debug"));
  EXPECT_EQ(findDebugFile("", id, root.string()),
            (byId / (id.substr(2) + ".debug")).string());
  fs::remove_all(root);

  EXPECT_EQ(compareBuildIds(id, id), BuildIdMatch::Same);
  EXPECT_EQ(compareBuildIds(id, other), BuildIdMatch::Different);
  EXPECT_EQ(compareBuildIds(std::nullopt, id), BuildIdMatch::Unknown);
}

TEST(DebugFiles, NamesFromTheDumpDoNotLeadElsewhere) {
  EXPECT_TRUE(getDebugFilePaths("../../etc/passwd", "../../../x").empty());
  EXPECT_TRUE(getDebugFilePaths("..", "ab").empty());
  EXPECT_EQ(getDebugFilePaths("6.1", "ABCD").front(),
            "/usr/lib/debug/.build-id/ab/cd.debug");
}

} // namespace
