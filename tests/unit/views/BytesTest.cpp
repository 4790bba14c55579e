#include "views/Bytes.h"

#include "gtest/gtest.h"

#include <functional>
#include <numeric>

using namespace vmpt;

namespace {

std::string written(OutputFormat format,
                    const std::function<void(RecordWriter &)> &use) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(format, "read", os);
  use(*writer);
  writer->finish({});
  return os.str();
}

void writeBytes(RecordWriter &writer) {
  std::vector<uint8_t> bytes(18);
  std::iota(bytes.begin(), bytes.end(), uint8_t(0x30));
  BytesView view(writer);
  view.add(0x1000, bytes);
  view.finish();
}

TEST(Bytes, TextIsThatOfXxd) {
  EXPECT_EQ(written(OutputFormat::Text, writeBytes),
            "00001000: 3031323334353637 38393a3b3c3d3e3f  0123456789:;<=>?\n"
            "00001010: 4041                               @A\n");
}

TEST(Bytes, ARecordIsALine) {
  EXPECT_EQ(written(OutputFormat::JsonLines, writeBytes),
            R"({"schema":1,"record":"bytes","physical":"0x1000","bytes":16,)"
            R"("hex":"303132333435363738393a3b3c3d3e3f"})"
            "\n"
            R"({"schema":1,"record":"bytes","physical":"0x1010","bytes":2,)"
            R"("hex":"4041"})"
            "\n");
}

TEST(VmcoreinfoView, LinesAreKeysAndValues) {
  const llvm::StringRef text = "OSRELEASE=6.1\nBUILD-ID=a=b\n\nodd";
  const auto use = [&](RecordWriter &writer) { writeVmcoreinfo(writer, text); };
  EXPECT_EQ(written(OutputFormat::Text, use), text);
  EXPECT_EQ(written(OutputFormat::JsonLines, use),
            R"({"schema":1,"record":"entry","key":"OSRELEASE","value":"6.1"})"
            "\n"
            R"({"schema":1,"record":"entry","key":"BUILD-ID","value":"a=b"})"
            "\n"
            R"({"schema":1,"record":"entry","key":"odd","value":null})"
            "\n");
}

} // namespace
