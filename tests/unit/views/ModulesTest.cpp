#include "views/Modules.h"

#include "gmock/gmock.h"

using namespace vmpt;
using ::testing::HasSubstr;

namespace {

std::string write(OutputFormat format, const ModuleList &list) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(format, "modules", os);
  writeModules(*writer, list);
  writer->finish({});
  os.flush();
  return text;
}

ModuleList makeList() {
  Module module;
  module.address = VirtAddr(0xffffffffc0003000);
  module.name = "virtio_blk";
  module.sizeBytes = 0x3000;
  module.base = VirtAddr(0xffffffffc0000000);
  module.references = 1;
  module.users = {"one", "two"};
  module.taints = bit(12) | bit(13) | bit(9);
  module.ranges = {{ModulePart::Text, module.base, 0x1000},
                   {ModulePart::Rodata, module.base + 0x1000, 0x2000}};
  ModuleList list;
  list.modules.push_back(module);
  list.problems = {"torn"};
  return list;
}

TEST(ModulesViewTest, Taints) {
  EXPECT_EQ(taintLetters(0), "");
  EXPECT_EQ(taintLetters(0x3001), "POE");
  EXPECT_EQ(taintLetters(bit(9)), ""); // of the kernel, not of a module
}

TEST(ModulesViewTest, Text) {
  const std::string text = write(OutputFormat::Text, makeList());
  EXPECT_THAT(text, HasSubstr("virtio_blk"));
  EXPECT_THAT(text, HasSubstr("Live"));
  EXPECT_THAT(text, HasSubstr("0xffffffffc0001000-0xffffffffc0002fff"));
  EXPECT_THAT(text, HasSubstr("one,two\n"));
}

TEST(ModulesViewTest, Json) {
  const std::string text = write(OutputFormat::JsonLines, makeList());
  EXPECT_THAT(text, HasSubstr("\"record\":\"module\""));
  EXPECT_THAT(text, HasSubstr("\"taints\":\"OE\""));
  EXPECT_THAT(text, HasSubstr("\"used_by\":[\"one\",\"two\"]"));
  EXPECT_THAT(text, HasSubstr("{\"part\":\"rodata\",\"first\":"
                              "\"0xffffffffc0001000\",\"last\":"
                              "\"0xffffffffc0002fff\",\"bytes\":8192}"));
}

} // namespace
