#include "output/JsonReader.h"

#include "output/JsonWriter.h"
#include "output/Writers.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

std::string rewritten(llvm::StringRef text) {
  llvm::Expected<Record> record = parseJsonObject(text);
  if (!record)
    return llvm::toString(record.takeError());
  std::string out;
  llvm::raw_string_ostream os(out);
  {
    JsonWriter json(os, 0);
    json.beginObject();
    writeMembers(json, *record);
    json.endObject();
  }
  return llvm::StringRef(os.str()).rtrim('\n').str();
}

TEST(JsonReaderTest, ReadsWhatIsWritten) {
  for (const char *text :
       {"{}", R"({"a":null,"b":true,"c":false,"d":0})",
        R"({"n":18446744073709551615,"t":"0xffffffff81000000"})",
        R"({"list":[],"more":[1,[2,{}],"x"],"object":{"inner":{"a":1}}})",
        R"({"quote\"":"\\ and \""})",
        "{\"name\":\"caf\xc3\xa9 \xf0\x9f\x90\xa7\"}"})
    EXPECT_EQ(rewritten(text), text);
}

TEST(JsonReaderTest, BlanksAndEscapes) {
  EXPECT_EQ(rewritten(" { \"a\" : [ 1 , 2 ] } \n"), R"({"a":[1,2]})");
  EXPECT_EQ(rewritten(R"({"a":"\u0041\u00e9\ud83d\udc27\/"})"),
            "{\"a\":\"A\xc3\xa9\xf0\x9f\x90\xa7/\"}");
  llvm::Expected<Record> record =
      parseJsonObject(R"({"a":"\b\f\n\r\t\u0000"})");
  ASSERT_TRUE(bool(record));
  EXPECT_EQ(std::get<std::string>(record->find("a")->content()),
            std::string("\b\f\n\r\t\0", 6));
}

TEST(JsonReaderTest, WhatIsCutOffIsNone) {
  const std::string text = R"({"a":[1,{"b":"c\u0041"}],"d":null,"e":12})";
  ASSERT_EQ(rewritten(text).front(), '{');
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(
        llvm::StringRef(rewritten(text.substr(0, size))).consume_front("{"))
        << size;
}

TEST(JsonReaderTest, WhatAValueDoesNotHoldIsNone) {
  for (const char *text : {"",
                           "[]",
                           "1",
                           "{} {}",
                           "{]",
                           R"({"a":-1})",
                           R"({"a":1.5})",
                           R"({"a":1e3})",
                           R"({"a":18446744073709551616})",
                           R"({"a":nul})",
                           R"({"a":1,})",
                           R"({,"a":1})",
                           R"({"a" 1})",
                           R"({a:1})",
                           R"({"a":[1,]})",
                           R"({"a":1,"a":2})",
                           R"({"a":"\x"})",
                           R"({"a":"\ud800"})",
                           R"({"a":"\ud800\u0041"})",
                           R"({"a":"\u12g4"})",
                           "{\"a\":\"\n\"}"})
    EXPECT_EQ(rewritten(text), "is no JSON object of this program's") << text;
}

TEST(JsonReaderTest, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(rewritten(nested(20)), nested(20));
  EXPECT_NE(rewritten(nested(1'000'000)).front(), '{');
}

} // namespace
