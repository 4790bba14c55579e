#include "output/RecordWriter.h"

#include "gtest/gtest.h"

#include <functional>

using namespace vmpt;

namespace {

constexpr Column columns[] = {{"pid", "PID", 5},
                              {"state", "S", -3},
                              {"root", "ROOT", 18},
                              {"comm", "COMM"}};
constexpr ListShape tasks = {"tasks", "task", columns};
constexpr ListShape processes = {"processes", "process"};
constexpr ListShape areas = {"maps", "area"};

Record makeTask(unsigned pid, std::optional<PhysAddr> root,
                llvm::StringRef comm) {
  Record record;
  record.add("pid", pid).add("state", "R").add("root", root).add("comm", comm);
  return record;
}

using Use = std::function<void(RecordWriter &)>;

std::string written(OutputFormat format, const Use &use) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(format, "test", os);
  use(*writer);
  writer.reset();
  return os.str();
}

void writeTwoTasks(RecordWriter &writer) {
  writer.beginList(tasks);
  writer.record(makeTask(1, PhysAddr(0x1000), "init"));
  writer.record(makeTask(123456, std::nullopt, "größe"));
  writer.endList();
  writer.finish({});
}

TEST(OutputFormat, OnlyItsThreeWords) {
  EXPECT_EQ(llvm::cantFail(parseOutputFormat("text")), OutputFormat::Text);
  EXPECT_EQ(llvm::cantFail(parseOutputFormat("json")), OutputFormat::Json);
  EXPECT_EQ(llvm::cantFail(parseOutputFormat("jsonl")),
            OutputFormat::JsonLines);
  EXPECT_EQ(llvm::toString(parseOutputFormat("JSON").takeError()),
            "--format 'JSON' is none of text, json and jsonl");
}

TEST(RecordWriter, TextIsColumns) {
  EXPECT_EQ(written(OutputFormat::Text, writeTwoTasks),
            "  PID S                 ROOT COMM\n"
            "    1 R   0x0000000000001000 init\n"
            "123456 R                    - größe\n");
}

TEST(RecordWriter, JsonIsOneDocument) {
  EXPECT_EQ(written(OutputFormat::Json, writeTwoTasks),
            "{\n  \"schema\": 1,\n  \"command\": \"test\",\n  \"tasks\": [\n"
            R"(    {"pid":1,"state":"R","root":"0x1000","comm":"init"},)"
            "\n"
            R"(    {"pid":123456,"state":"R","root":null,"comm":"größe"})"
            "\n  ],\n  \"findings\": []\n}\n");
}

TEST(RecordWriter, JsonLinesIsALineARecord) {
  EXPECT_EQ(
      written(OutputFormat::JsonLines, writeTwoTasks),
      R"({"schema":1,"record":"task","pid":1,"state":"R","root":"0x1000",)"
      R"("comm":"init"})"
      "\n"
      R"({"schema":1,"record":"task","pid":123456,"state":"R","root":null,)"
      R"("comm":"größe"})"
      "\n");
}

TEST(RecordWriter, ValuesOfEveryKind) {
  const Use use = [](RecordWriter &writer) {
    Record inner;
    inner.add("a", VirtAddr(~uint64_t(0)))
        .add("b", Array{Value(true), Value(~uint64_t(0)), Value()});
    writer.beginList(areas);
    Record record;
    record.add("inner", std::move(inner))
        .addCell("cell", "for people")
        .add("texts", makeArray(std::vector<std::string>{"RW", "NX"}));
    writer.record(record);
    writer.endList();
    writer.finish({});
  };
  EXPECT_EQ(written(OutputFormat::JsonLines, use),
            R"({"schema":1,"record":"area","inner":{"a":"0xffffffffffffffff",)"
            R"("b":[true,18446744073709551615,null]},"texts":["RW","NX"]})"
            "\n");
  // A list without columns is not there in text.
  EXPECT_EQ(written(OutputFormat::Text, use), "");
}

TEST(RecordWriter, HostileTextStaysOnItsLineAndValid) {
  const Use use = [](RecordWriter &writer) {
    writer.beginList(tasks);
    writer.record(makeTask(1, std::nullopt, "a\n\x1b\"\\\xff\xe2\x80\xae\x7f"));
    writer.endList();
    writer.finish({});
  };
  EXPECT_EQ(written(OutputFormat::JsonLines, use),
            R"({"schema":1,"record":"task","pid":1,"state":"R","root":null,)"
            R"("comm":"a\u000a\u001b\"\\)"
            "\xef\xbf\xbd"
            R"(\u202e\u007f"})"
            "\n");
  EXPECT_EQ(written(OutputFormat::Text, use),
            "  PID S                 ROOT COMM\n"
            "    1 R                    - a??\"\\???\n");
}

void writeProcesses(RecordWriter &writer) {
  writer.beginList(processes);
  writer.beginGroup("pid 1 (init)");
  writer.context("pid", 1u);
  writer.beginList(areas);
  Record area;
  area.add("start", VirtAddr(0x1000));
  writer.record(area);
  writer.endList();
  writer.member("problems", Array());
  writer.endGroup();
  writer.beginGroup("pid 2 (empty)");
  writer.context("pid", 2u);
  writer.beginList(areas);
  writer.endList();
  writer.member("problems", Array());
  writer.endGroup();
  writer.beginGroup("pid 3 (torn\n=== pid 1)");
  writer.context("pid", 3u);
  writer.beginList(areas);
  writer.record(area);
  writer.endList();
  writer.member("problems", makeArray(std::vector<std::string>{"torn"}));
  writer.endGroup();
  writer.endList();
  writer.finish({});
}

TEST(RecordWriter, GroupsNestInJson) {
  EXPECT_EQ(written(OutputFormat::Json, writeProcesses), R"({
  "schema": 1,
  "command": "test",
  "processes": [
    {
      "pid": 1,
      "maps": [
        {"start":"0x1000"}
      ],
      "problems": []
    },
    {
      "pid": 2,
      "maps": [],
      "problems": []
    },
    {
      "pid": 3,
      "maps": [
        {"start":"0x1000"}
      ],
      "problems": [
        "torn"
      ]
    }
  ],
  "findings": []
}
)");
}

TEST(RecordWriter, LinesRepeatTheContextOfTheirGroup) {
  EXPECT_EQ(written(OutputFormat::JsonLines, writeProcesses),
            R"({"schema":1,"record":"area","pid":1,"start":"0x1000"}
{"schema":1,"record":"process","pid":2}
{"schema":1,"record":"area","pid":3,"start":"0x1000"}
{"schema":1,"record":"process","pid":3,"problems":["torn"]}
)");
}

TEST(RecordWriter, TextHasHeadingsOverGroups) {
  EXPECT_EQ(written(OutputFormat::Text, writeProcesses),
            "=== pid 1 (init) ===\n=== pid 2 (empty) ===\n"
            "=== pid 3 (torn?=== pid 1) ===\n");
}

TEST(RecordWriter, MembersOfTheDocumentAreALineOfItsOwn) {
  const Use use = [](RecordWriter &writer) {
    writer.member("format", "raw");
    writer.member("bytes", uint64_t(4096));
    writer.beginList(areas);
    writer.endList();
    writer.finish({});
  };
  EXPECT_EQ(written(OutputFormat::JsonLines, use),
            R"({"schema":1,"record":"test","format":"raw","bytes":4096})"
            "\n");
}

TEST(RecordWriter, FindingsComeLast) {
  Finding gap;
  gap.kind = "table-absent";
  gap.sentence = "a table is not in the dump";
  gap.subject.file = "vmcore";
  gap.subject.physical = PhysAddr(0x2000);
  gap.subject.pid = 7;
  gap.severity = Severity::Gap;
  const Use use = [&](RecordWriter &writer) {
    writer.context("pid", 7u);
    writer.beginList(areas);
    writer.endList();
    writer.finish(gap);
  };
  constexpr llvm::StringLiteral members =
      R"("kind":"table-absent","severity":"gap","sentence":)"
      R"("a table is not in the dump","subject":{"file":"vmcore",)"
      R"("physical":"0x2000","pid":7}})";
  EXPECT_EQ(written(OutputFormat::JsonLines, use),
            (R"({"schema":1,"record":"finding",)" + members + "\n").str());
  EXPECT_NE(written(OutputFormat::Json, use)
                .find(("\"findings\": [\n    {" + members + "\n").str()),
            std::string::npos);
  EXPECT_EQ(written(OutputFormat::Text, use), "");
}

TEST(RecordWriter, NothingIsWrittenBeforeTheFirstCall) {
  for (auto format :
       {OutputFormat::Text, OutputFormat::Json, OutputFormat::JsonLines})
    EXPECT_EQ(written(format, [](RecordWriter &w) { w.context("pid", 1u); }),
              "");
}

TEST(RecordWriter, WithoutAnEndTheDocumentSaysSo) {
  const Use use = [](RecordWriter &writer) {
    writer.beginList(processes);
    writer.beginGroup("");
    writer.member("pid", 1u);
    writer.beginList(areas);
  };
  EXPECT_EQ(written(OutputFormat::Json, use), R"({
  "schema": 1,
  "command": "test",
  "processes": [
    {
      "pid": 1,
      "maps": []
    }
  ],
  "aborted": true
}
)");
  EXPECT_EQ(written(OutputFormat::JsonLines, use),
            R"({"schema":1,"record":"process","pid":1}
{"schema":1,"record":"aborted"}
)");
}

} // namespace
