#include "views/Log.h"

#include "gmock/gmock.h"

using namespace vmpt;
using ::testing::HasSubstr;

namespace {

LogRecord record(std::string text) {
  LogRecord made;
  made.timeNanoseconds = 1'234'567'891;
  made.level = 6;
  made.facility = 1;
  made.caller = 42;
  made.endsLine = true;
  made.text = std::move(text);
  return made;
}

TEST(LogTextTest, ALine) {
  EXPECT_EQ(LogText({}).print(record("hello")), "[    1.234567] hello\n");
}

TEST(LogTextTest, LongTimes) {
  LogRecord late = record("x");
  late.timeNanoseconds = 1'234'567'000'000'999;
  EXPECT_EQ(LogText({}).print(late), "[1234567.000000] x\n");
}

TEST(LogTextTest, PrioritiesAndCallers) {
  LogText text({.hasPriorities = true, .hasCallers = true});
  EXPECT_EQ(text.print(record("hello")), "<14>[    1.234567][   T42] hello\n");
  LogRecord onCpu = record("hello");
  onCpu.caller = 0x80000003;
  EXPECT_EQ(text.print(onCpu), "<14>[    1.234567][    C3] hello\n");
}

TEST(LogTextTest, EachLineHasThePrefix) {
  LogText text({});
  EXPECT_EQ(text.print(record("a\n  b\n")), "[    1.234567] a\n"
                                            "[    1.234567]   b\n"
                                            "[    1.234567] \n");
  EXPECT_EQ(text.print(record("")), "[    1.234567] \n");
}

TEST(LogTextTest, BytesAreTheKernels) {
  EXPECT_EQ(LogText({}).print(record("\x1b[31m \xff")),
            "[    1.234567] \x1b[31m \xff\n");
}

TEST(LogTextTest, PiecesAreLinesOfTheirOwnSince410) {
  LogText text({});
  LogRecord piece = record("b");
  piece.isContinuation = true;
  piece.endsLine = false;
  EXPECT_EQ(text.print(record("a")) + text.print(piece),
            "[    1.234567] a\n[    1.234567] b\n");
}

/// linux v4.9 msg_print_text().
TEST(LogTextTest, PiecesOfALineBefore) {
  LogText text({.joinsRecords = true});
  LogRecord piece = record("a");
  piece.isContinuation = true;
  piece.endsLine = false;
  std::string all = text.print(piece);
  piece.text = " b";
  all += text.print(piece);
  all += text.print(record(" c"));
  piece.text = "d";
  all += text.print(piece);
  EXPECT_EQ(all, "[    1.234567] a b c\n[    1.234567] d");
  EXPECT_EQ(text.finish(), "\n");
  EXPECT_EQ(text.finish(), "");
}

TEST(LogTextTest, ALineThatBeginsWhereAPieceIsOpen) {
  LogText text({.joinsRecords = true});
  LogRecord open = record("a");
  open.isContinuation = true;
  open.endsLine = false;
  LogRecord next = record("b");
  next.beginsLine = true;
  std::string all = text.print(open);
  all += text.print(next);
  EXPECT_EQ(all, "[    1.234567] a[    1.234567] b\n");
}

std::string write(OutputFormat format, const LogStyle &style) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(format, "log", os);
  LogWriter log(*writer, style);
  log.begin();
  log.write(record("hello"));
  log.end({});
  writer->finish({});
  os.flush();
  return text;
}

TEST(LogWriterTest, Text) {
  EXPECT_EQ(write(OutputFormat::Text, {}), "[    1.234567] hello\n");
}

TEST(LogWriterTest, Json) {
  const std::string text = write(OutputFormat::JsonLines, {.hasCallers = true});
  EXPECT_THAT(text, HasSubstr("\"time_ns\":1234567891"));
  EXPECT_THAT(text, HasSubstr("\"caller\":\"T42\",\"text\":\"hello\""));
}

} // namespace
