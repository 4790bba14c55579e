#include "views/Info.h"

#include "dump/storage/ExtentMemory.h"

#include "gtest/gtest.h"

#include <functional>

using namespace vmpt;

namespace {

std::string written(OutputFormat format,
                    const std::function<void(RecordWriter &)> &use) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(format, "info", os);
  use(*writer);
  writer->finish({});
  return os.str();
}

Dump makeDump() {
  Dump dump;
  dump.format = "ELF64 core";
  dump.facts.push_back({"compression", "zlib"});
  dump.quirks.push_back("odd\nbut sound");
  dump.dumpLevel = 1 | 8;
  auto memory = std::make_unique<ExtentMemory>();
  static const uint8_t page[0x1000] = {};
  memory->addData(PhysAddr(0x100000), page);
  memory->addAbsent(PhysAddr(0x101000), 0x2000, Absence::Excluded);
  memory->finish();
  dump.memory = std::move(memory);
  return dump;
}

TEST(Info, ContainerInLines) {
  const Dump dump = makeDump();
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeContainer(w, dump); }),
            "Container\n"
            "  format                ELF64 core\n"
            "  compression           zlib\n"
            "  dump level            9: zero and user pages left out\n"
            "  note                  odd?but sound\n");
  EXPECT_EQ(written(OutputFormat::JsonLines,
                    [&](RecordWriter &w) { writeContainer(w, dump); }),
            R"({"schema":1,"record":"info","container":{"format":"ELF64 core",)"
            R"("producer":null,"trimmed":false,"dump_level":9,)"
            R"("left_out":["zero","user"],)"
            R"("facts":[{"name":"compression","value":"zlib"}],)"
            R"("notes":["odd\u000abut sound"]}})"
            "\n");
}

TEST(Info, MemoryInBlocksAndInAll) {
  const Dump dump = makeDump();
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeMemory(w, dump); }),
            "Physical memory\n"
            "  0x0000000000100000-0x0000000000103000  4K present, 8K excluded\n"
            "  in all                4K present, 8K excluded\n"
            "  pages of 4K           1 present, 2 excluded\n");
  EXPECT_EQ(written(OutputFormat::JsonLines,
                    [&](RecordWriter &w) {
                      writeMemory(w, dump);
                      writeBlocks(w, dump);
                    }),
            R"({"schema":1,"record":"info","memory":{"page_bytes":4096,)"
            R"("present_bytes":4096,"known_zero_bytes":0,)"
            R"("absent_bytes":{"excluded":8192}}})"
            "\n"
            R"({"schema":1,"record":"block","first":"0x100000",)"
            R"("last":"0x102fff","bytes":12288,"present_bytes":4096,)"
            R"("absent_bytes":{"excluded":8192}})"
            "\n");
}

TEST(Info, ATrimmedDumpSaysSoFirstAndClaimsNoMoreThanItHas) {
  Dump dump = makeDump();
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeTrimmed(w, dump); }),
            "");
  MemoryBlock block;
  block.start = PhysAddr(0x100000);
  block.size = block.presentBytes = 0xc000000;
  dump.isTrimmed = true;
  dump.isTrimmedWithTasks = false;
  dump.wholeBlocks = {block};
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeTrimmed(w, dump); }),
            "Trimmed\n"
            "  by vmpt trim          4K are left of 192M; the container below "
            "is that of the whole dump\n"
            "  with                  what info and kernel read\n");
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeMemory(w, dump); })
                .find("192M"),
            std::string::npos);
  EXPECT_EQ(written(OutputFormat::JsonLines,
                    [&](RecordWriter &w) { writeMemory(w, dump); }),
            R"({"schema":1,"record":"info","memory":{"page_bytes":4096,)"
            R"("present_bytes":4096,"known_zero_bytes":0,)"
            R"("absent_bytes":{"excluded":8192},"whole":{)"
            R"("present_bytes":201326592,"known_zero_bytes":0,)"
            R"("absent_bytes":{}}}})"
            "\n");
}

TEST(Info, WhatReadingGave) {
  const Dump dump = makeDump();
  VerifiedBytes bytes;
  bytes.present = 0x3000;
  bytes.zero = 0x1000;
  bytes.absent[unsigned(Absence::Corrupt)] = 0x1000;
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeVerified(w, dump, bytes); }),
            "  read, pages of 4K     3 present (1 of zeros), 1 corrupt\n");
}

TEST(Info, RegistersOfEachCpu) {
  Machine machine;
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeCpus(w, machine); }),
            "CPUs\n  registers             none in the dump\n");
  CpuRegisters cpu;
  cpu.general = {{"rip", 0x1234}, {"r15", 1}};
  cpu.system = {{"cr3", 0x5000}};
  cpu.pid = 7;
  machine.cpus = {cpu};
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeCpus(w, machine); }),
            "CPUs\n  CPU 0                 rip 0x1234  cr3 0x5000  pr_pid 7\n");
  EXPECT_EQ(written(OutputFormat::JsonLines,
                    [&](RecordWriter &w) { writeCpus(w, machine); }),
            R"({"schema":1,"record":"cpu","cpu":0,"pr_pid":7,)"
            R"("general":{"rip":"0x1234","r15":"0x1"},)"
            R"("system":{"cr3":"0x5000"}})"
            "\n");
}

TEST(Info, FactsAndWhatWasTried) {
  Evidence evidence;
  evidence.add("root", "0x1000", "VMCOREINFO");
  evidence.tried("a scan");
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeKernelFacts(w, evidence); }),
            "Kernel\n"
            "  root                  0x1000  (VMCOREINFO)\n"
            "  tried                 a scan\n");
  EXPECT_EQ(written(OutputFormat::JsonLines,
                    [&](RecordWriter &w) { writeKernelFacts(w, evidence); }),
            R"({"schema":1,"record":"kernel_fact","name":"root",)"
            R"("value":"0x1000","source":"VMCOREINFO"})"
            "\n"
            R"({"schema":1,"record":"kernel_fact","name":"tried",)"
            R"("value":"a scan","source":null})"
            "\n");
}

TEST(Info, SectionsStayOnTheirLines) {
  const AddressMarker marker{0xff800000, "Fix\nmap", 0};
  EXPECT_EQ(written(OutputFormat::Text,
                    [&](RecordWriter &w) { writeSections(w, marker, 4); }),
            "Address space\n  0xff800000  Fix?map\n");
  EXPECT_EQ(written(OutputFormat::JsonLines,
                    [&](RecordWriter &w) { writeSections(w, marker, 4); }),
            R"({"schema":1,"record":"section","start":"0xff800000",)"
            R"("name":"Fix\u000amap"})"
            "\n");
}

} // namespace
