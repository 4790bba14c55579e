// The C API as its users call it, and as they should not.
#include "vmpt.h"

#include "support/KernelFile.h"

#include "gmock/gmock.h"

#include <thread>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

/// An error that frees itself.
struct Failure {
  vmpt_error *error = nullptr;
  ~Failure() { vmpt_error_free(&error); }
  vmpt_error **operator&() { return &error; }
  int kind() const { return vmpt_error_kind(error); }
  std::string sentence() const { return vmpt_error_sentence(error); }
};

class ApiTest : public ::testing::Test {
protected:
  void SetUp() override { writeKernelFile(built, folder / "dump"); }
  void TearDown() override { vmpt_close(&dump); }

  void open() {
    Failure failure;
    ASSERT_EQ(vmpt_open((folder / "dump").c_str(), nullptr, &dump, &failure),
              VMPT_OK)
        << failure.sentence();
  }
  std::string json(vmpt_result *result) {
    char *text = nullptr;
    EXPECT_EQ(vmpt_value_json(vmpt_result_value(result), &text, nullptr),
              VMPT_OK);
    std::string copy = text ? text : "";
    vmpt_text_free(&text);
    vmpt_result_free(&result);
    return copy;
  }

  BuiltKernel built = makeRiscV64Kernel();
  TemporaryFolder folder;
  vmpt_dump *dump = nullptr;
};

TEST_F(ApiTest, NullIsAUsageError) {
  vmpt_dump *none = nullptr;
  vmpt_space *noSpace = nullptr;
  vmpt_result *result = nullptr;
  uint64_t number = 1;
  char *text = nullptr;
  auto refuses = [](auto call) {
    Failure failure;
    EXPECT_EQ(call(&failure), VMPT_FAILED);
    EXPECT_EQ(failure.kind(), VMPT_ERROR_USAGE);
    EXPECT_THAT(failure.sentence(), HasSubstr("NULL"));
  };
  refuses([&](auto e) { return vmpt_open("x", nullptr, nullptr, e); });
  refuses([&](auto e) { return vmpt_info(none, 0, &result, e); });
  refuses([&](auto e) { return vmpt_findings(none, &result, e); });
  refuses([&](auto e) { return vmpt_explain(none, &result, e); });
  refuses([&](auto e) { return vmpt_page(none, 0, &result, e); });
  refuses([&](auto e) { return vmpt_symbol(none, "x", &number, e); });
  refuses([&](auto e) { return vmpt_vmcoreinfo(none, &text, e); });
  refuses([&](auto e) { return vmpt_kernel_space(none, &noSpace, e); });
  refuses([&](auto e) {
    return vmpt_tasks(none, 0, nullptr, nullptr, &result, e);
  });
  refuses([&](auto e) {
    return vmpt_list(noSpace, 0, 1, 0, nullptr, nullptr, &result, e);
  });
  refuses([&](auto e) { return vmpt_translate(noSpace, 0, &result, e); });
  refuses([&](auto e) {
    return vmpt_read_physical(none, 0, nullptr, 0, nullptr, e);
  });
  refuses([&](auto e) {
    return vmpt_read_virtual(noSpace, 0, nullptr, 0, nullptr, e);
  });
  refuses([&](auto e) { return vmpt_ranges(none, nullptr, nullptr, e); });
  open();
  refuses([&](auto e) { return vmpt_info(dump, 0, nullptr, e); });
  refuses([&](auto e) { return vmpt_symbol(dump, nullptr, &number, e); });
  refuses([&](auto e) { return vmpt_symbol(dump, "x", nullptr, e); });
  refuses([&](auto e) {
    return vmpt_read_physical(dump, 0, nullptr, 1, nullptr, e);
  });
  refuses([&](auto e) { return vmpt_ranges(dump, nullptr, nullptr, e); });
  refuses([&](auto e) { return vmpt_audit(dump, nullptr, 1, &result, e); });
  refuses([&](auto e) { return vmpt_options_set(nullptr, "a", "b", e); });
}

TEST_F(ApiTest, NullHasNoValueAndNoError) {
  EXPECT_EQ(vmpt_value_type(nullptr), VMPT_NULL);
  EXPECT_EQ(vmpt_value_number(nullptr), 0u);
  EXPECT_EQ(vmpt_value_count(nullptr), 0u);
  EXPECT_EQ(vmpt_value_at(nullptr, 0), nullptr);
  EXPECT_EQ(vmpt_value_key(nullptr, 0), nullptr);
  EXPECT_EQ(vmpt_value_find(nullptr, "x"), nullptr);
  EXPECT_EQ(vmpt_result_value(nullptr), nullptr);
  size_t length = 7;
  EXPECT_EQ(vmpt_value_text(nullptr, &length), nullptr);
  EXPECT_EQ(length, 0u);
  EXPECT_EQ(vmpt_error_kind(nullptr), 0);
  EXPECT_STREQ(vmpt_error_sentence(nullptr), "");
  vmpt_error_free(nullptr);
  vmpt_close(nullptr);
  vmpt_space_close(nullptr);
  vmpt_result_free(nullptr);
  vmpt_text_free(nullptr);
  vmpt_options_free(nullptr);
}

TEST_F(ApiTest, ClosingTwiceIsClosingOnce) {
  open();
  vmpt_close(&dump);
  EXPECT_EQ(dump, nullptr);
  vmpt_close(&dump);
}

TEST_F(ApiTest, AFileThatIsNotThereIsNamed) {
  Failure failure;
  EXPECT_EQ(vmpt_open((folder / "missing").c_str(), nullptr, &dump, &failure),
            VMPT_FAILED);
  EXPECT_EQ(dump, nullptr);
  EXPECT_EQ(failure.kind(), VMPT_ERROR_USAGE) << failure.sentence();
  EXPECT_THAT(failure.sentence(), HasSubstr("missing"));
  EXPECT_EQ(vmpt_open(nullptr, nullptr, &dump, nullptr), VMPT_FAILED);
}

TEST_F(ApiTest, OptionsAreThoseOfTheProgram) {
  vmpt_options *options = vmpt_options_new();
  EXPECT_EQ(vmpt_options_set(options, "arch", "riscv64", nullptr), VMPT_OK);
  EXPECT_EQ(vmpt_options_set(options, "root", "0x80205000", nullptr), VMPT_OK);
  Failure unknown, number, flag;
  EXPECT_EQ(vmpt_options_set(options, "rout", "1", &unknown), VMPT_FAILED);
  EXPECT_THAT(unknown.sentence(), HasSubstr("did you mean 'root'?"));
  EXPECT_EQ(vmpt_options_set(options, "root", "x", &number), VMPT_FAILED);
  EXPECT_EQ(number.kind(), VMPT_ERROR_USAGE);
  EXPECT_EQ(vmpt_options_set(options, "force", "1", &flag), VMPT_FAILED);
  vmpt_options_free(&options);
  EXPECT_EQ(options, nullptr);
}

TEST_F(ApiTest, ThreadsWorkWhereAnOptionSaysSo) {
  folder.write("raw", std::string(8192, 'x'));
  for (const char *count : {"0", "1025", "2"}) {
    vmpt_options *options = vmpt_options_new();
    EXPECT_EQ(vmpt_options_set(options, "threads", count, nullptr), VMPT_OK);
    const bool canBe = std::string(count) == "2";
    Failure failure;
    EXPECT_EQ(vmpt_open((folder / "raw").c_str(), options, &dump, &failure) ==
                  VMPT_FAILED,
              !canBe);
    EXPECT_EQ(failure.kind(), canBe ? 0 : VMPT_ERROR_USAGE) << count;
    vmpt_options_free(&options);
    vmpt_close(&dump);
  }
}

TEST_F(ApiTest, ARawImageWithoutAKernelIsStillMemory) {
  folder.write("raw", std::string(8192, 'x'));
  ASSERT_NE(vmpt_open((folder / "raw").c_str(), nullptr, &dump, nullptr),
            VMPT_FAILED);
  char bytes[4];
  EXPECT_EQ(vmpt_read_physical(dump, 4096, bytes, 4, nullptr, nullptr),
            VMPT_OK);
  EXPECT_EQ(std::string(bytes, 4), "xxxx");
  vmpt_space *space = nullptr;
  for (int i = 0; i < 2; ++i) {
    Failure failure;
    EXPECT_EQ(vmpt_kernel_space(dump, &space, &failure), VMPT_FAILED);
    EXPECT_THAT(failure.sentence(), HasSubstr("raw': no kernel"));
    vmpt_result *result = nullptr;
    EXPECT_EQ(vmpt_info(dump, 0, &result, nullptr), VMPT_GAPS);
    EXPECT_THAT(json(result), HasSubstr("\"kind\":\"no-kernel\""));
  }
}

TEST_F(ApiTest, ReadsSayWhatIsAbsentAndHowMuchWasThere) {
  open();
  const uint64_t end = built.memory->ranges().back().start.value +
                       built.memory->ranges().back().size;
  std::vector<uint8_t> bytes(64), expected(16);
  EXPECT_FALSE(built.memory->tryRead(PhysAddr(end - 16), expected));
  size_t done = 99;
  Failure failure;
  EXPECT_EQ(
      vmpt_read_physical(dump, end - 16, bytes.data(), 64, &done, &failure),
      VMPT_FAILED);
  EXPECT_EQ(done, 16u);
  bytes.resize(16);
  EXPECT_EQ(bytes, expected);
  EXPECT_EQ(failure.kind(), VMPT_ERROR_MEMORY);
  EXPECT_EQ(vmpt_error_absence(failure.error), VMPT_ABSENCE_OUTSIDE_RAM);
  EXPECT_EQ(vmpt_error_address(failure.error), end);
  Failure wraps;
  EXPECT_EQ(
      vmpt_read_physical(dump, ~uint64_t(0), bytes.data(), 2, &done, &wraps),
      VMPT_FAILED);
  EXPECT_EQ(wraps.kind(), VMPT_ERROR_USAGE);
}

TEST_F(ApiTest, AddressesTranslateOneByOneAndManyAtOnce) {
  open();
  vmpt_space *space = nullptr;
  ASSERT_EQ(vmpt_kernel_space(dump, &space, nullptr), VMPT_OK);
  const uint64_t at[] = {0xffffffff80000000, 0, 0x0001000000000000};
  uint64_t physical[3];
  uint8_t endings[3];
  EXPECT_EQ(vmpt_translate_many(space, at, 3, physical, endings, nullptr),
            VMPT_OK);
  EXPECT_EQ(physical[0], 0x80200000u);
  EXPECT_EQ(endings[0], VMPT_PAGE);
  EXPECT_EQ(physical[1], ~uint64_t(0));
  EXPECT_STREQ(vmpt_ending_name(endings[1]), "no_entry");
  EXPECT_EQ(endings[2], VMPT_NOT_CANONICAL);
  EXPECT_STREQ(vmpt_ending_name(VMPT_BEYOND_LIMIT), "beyond_limit");
  EXPECT_EQ(vmpt_ending_name(VMPT_BEYOND_LIMIT + 1), nullptr);
  EXPECT_EQ(vmpt_ending_name(-1), nullptr);
  vmpt_result *result = nullptr;
  EXPECT_NE(vmpt_translate(space, at[0], &result, nullptr), VMPT_FAILED);
  const vmpt_value *address =
      vmpt_value_at(vmpt_value_find(vmpt_result_value(result), "addresses"), 0);
  EXPECT_EQ(vmpt_value_number(vmpt_value_find(address, "physical")),
            0x80200000u);
  vmpt_result_free(&result);
  char byte;
  Failure failure;
  EXPECT_EQ(vmpt_read_virtual(space, 0, &byte, 1, nullptr, &failure),
            VMPT_FAILED);
  EXPECT_EQ(vmpt_error_absence(failure.error), VMPT_ABSENCE_UNMAPPED);
  // The space holds on to the dump.
  vmpt_close(&dump);
  EXPECT_EQ(vmpt_read_virtual(space, at[0], &byte, 1, nullptr, nullptr),
            VMPT_OK);
  vmpt_space_close(&space);
}

TEST_F(ApiTest, ACallbackTakesRecordsUntilItHasEnough) {
  open();
  vmpt_space *space = nullptr;
  ASSERT_EQ(vmpt_kernel_space(dump, &space, nullptr), VMPT_OK);
  struct Count {
    vmpt_dump *dump;
    int left, seen = 0;
  };
  auto take = [](void *user, const char *kind, const vmpt_value *record) {
    auto *count = static_cast<Count *>(user);
    EXPECT_STREQ(kind, "range");
    EXPECT_EQ(vmpt_value_type(vmpt_value_find(record, "first")), VMPT_ADDRESS);
    ++count->seen;
    // The dump may be asked meanwhile.
    char *text = nullptr;
    EXPECT_EQ(vmpt_vmcoreinfo(count->dump, &text, nullptr), VMPT_OK);
    vmpt_text_free(&text);
    return int(--count->left == 0);
  };
  Count all{dump, -1}, one{dump, 1};
  EXPECT_EQ(vmpt_list(space, 0, ~uint64_t(0), 0, take, &all, nullptr, nullptr),
            VMPT_OK);
  EXPECT_GT(all.seen, 0);
  EXPECT_EQ(vmpt_list(space, 0, ~uint64_t(0), 0, take, &one, nullptr, nullptr),
            VMPT_STOPPED);
  EXPECT_EQ(one.seen, 1);
  vmpt_result *result = nullptr;
  EXPECT_EQ(
      vmpt_list(space, 0, ~uint64_t(0), 0, nullptr, nullptr, &result, nullptr),
      VMPT_OK);
  EXPECT_EQ(
      vmpt_value_count(vmpt_value_find(vmpt_result_value(result), "ranges")),
      size_t(all.seen));
  vmpt_result_free(&result);
  Failure flags, range;
  EXPECT_EQ(vmpt_list(space, 0, 1, 1u << 20, nullptr, nullptr, &result, &flags),
            VMPT_FAILED);
  EXPECT_EQ(vmpt_list(space, 2, 1, 0, nullptr, nullptr, &result, &range),
            VMPT_FAILED);
  EXPECT_EQ(result, nullptr);
  vmpt_space_close(&space);
}

TEST_F(ApiTest, FindingsOfOneAnswerAreNotThoseOfTheNext) {
  open();
  vmpt_result *result = nullptr;
  // Nothing tells of tasks here: a gap of rmap, each time, and of nobody else.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(vmpt_rmap(dump, 0x80200000, 0x80200fff, nullptr, nullptr, &result,
                        nullptr),
              VMPT_GAPS);
    EXPECT_THAT(json(result), HasSubstr("task-list"));
    EXPECT_EQ(vmpt_findings(dump, &result, nullptr), VMPT_OK);
    EXPECT_THAT(json(result), ::testing::Not(HasSubstr("task-list")));
  }
}

TEST_F(ApiTest, InfoListsAllKernelsWhateverWasAskedBefore) {
  auto info = [&] {
    vmpt_result *result = nullptr;
    EXPECT_EQ(vmpt_info(dump, 0, &result, nullptr), VMPT_OK);
    return json(result);
  };
  open();
  const std::string first = info();
  EXPECT_THAT(first, HasSubstr("\"kernels\":["));
  vmpt_close(&dump);
  open();
  uint64_t address = 0;
  EXPECT_EQ(vmpt_symbol(dump, "swapper_pg_dir", &address, nullptr), VMPT_OK);
  EXPECT_EQ(info(), first);
  EXPECT_EQ(info(), first);
}

TEST_F(ApiTest, ABrokenDumpIsAnError) {
  std::ifstream file(folder / "dump", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  for (size_t size : {1u, 16u, 63u, 64u, 100u, 200u, 5000u}) {
    folder.write("cut", bytes.substr(0, size));
    Failure failure;
    vmpt_dump *cut = nullptr;
    vmpt_result *result = nullptr;
    if (vmpt_open((folder / "cut").c_str(), nullptr, &cut, &failure) ==
        VMPT_FAILED) {
      EXPECT_NE(failure.sentence(), "");
      EXPECT_NE(failure.kind(), VMPT_ERROR_INTERNAL);
    } else {
      EXPECT_NE(vmpt_tasks(cut, 0, nullptr, nullptr, &result, nullptr),
                VMPT_OK);
    }
    vmpt_result_free(&result);
    vmpt_close(&cut);
  }
}

TEST_F(ApiTest, ThreadsShareADumpAndASpace) {
  open();
  vmpt_space *space = nullptr;
  ASSERT_EQ(vmpt_kernel_space(dump, &space, nullptr), VMPT_OK);
  auto work = [&] {
    for (int i = 0; i < 20; ++i) {
      vmpt_result *result = nullptr;
      EXPECT_NE(vmpt_info(dump, 0, &result, nullptr), VMPT_FAILED);
      vmpt_result_free(&result);
      const uint64_t at = 0xffffffff80000000;
      uint64_t physical = 0, word;
      EXPECT_EQ(vmpt_translate_many(space, &at, 1, &physical, nullptr, nullptr),
                VMPT_OK);
      EXPECT_EQ(physical, 0x80200000u);
      EXPECT_EQ(vmpt_read_virtual(space, at, &word, 8, nullptr, nullptr),
                VMPT_OK);
      EXPECT_EQ(vmpt_read_physical(dump, physical, &word, 8, nullptr, nullptr),
                VMPT_OK);
    }
  };
  std::thread other(work);
  work();
  other.join();
  vmpt_space_close(&space);
}

} // namespace
