//===- KernelFile.h - a vmcore of a kernel that a test builds, as a file --===//
#pragma once

#include "BuiltKernel.h"
#include "dump/writer/ElfCoreWriter.h"
#include "output/OutputFile.h"
#include "paging/modes/RiscV64.h"

#include "gtest/gtest.h"

#include <filesystem>
#include <fstream>

namespace vmpt::testing {

/// A folder of the test's own, gone with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = ::testing::TempDir() + "vmpt-XXXXXX";
    EXPECT_TRUE(::mkdtemp(name.data()));
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  std::string operator/(const std::string &name) const {
    return (path_ / name).string();
  }
  std::string write(const std::string &name, const std::string &content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return *this / name;
  }

private:
  std::filesystem::path path_;
};

/// A riscv64 kernel, whose root needs no more than VMCOREINFO.
inline BuiltKernel makeRiscV64Kernel() {
  return BuiltKernel(riscv64::sv39, VirtAddr(0xffffffff80000000),
                     PhysAddr(0x80200000));
}

/// Writes the memory of \p built with its VMCOREINFO.
inline void writeKernelFile(const BuiltKernel &built, const std::string &path) {
  const std::string info = built.info("6.1.176");
  CoreContents contents;
  contents.arch = Arch::RiscV64;
  contents.notes = {makeNote("VMCOREINFO", 0, info)};
  contents.segments = makeSegments(built.memory->ranges());
  OutputRequest request;
  request.path = path;
  auto file = valueOf(OutputFile::create(request));
  Diagnostics silent;
  EXPECT_EQ(textOf(writeElfCore(*file, contents, *built.memory, silent)), "");
}

} // namespace vmpt::testing
