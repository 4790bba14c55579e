#include "session/Session.h"

#include "support/KernelFile.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

class SessionTest : public ::testing::Test {
protected:
  /// \p name is a file in the folder.
  llvm::Expected<std::unique_ptr<Session>> open(const std::string &name) {
    Request request;
    request.path = folder / name;
    return Session::open(std::move(request), llvm::nulls());
  }

  TemporaryFolder folder;
};

TEST_F(SessionTest, AFileThatIsNotThereIsNamedOnce) {
  const std::string text = textOf(open("missing"));
  EXPECT_THAT(text, HasSubstr("No such file"));
  EXPECT_EQ(llvm::StringRef(text).count("missing"), 1u) << text;
}

TEST_F(SessionTest, APieceThatIsNotThereIsNamedOnce) {
  Request request;
  request.open.mappings.push_back({folder / "missing", PhysAddr(0), {}, 0});
  const std::string text =
      textOf(Session::open(std::move(request), llvm::nulls()));
  EXPECT_EQ(llvm::StringRef(text).count("missing"), 1u) << text;
}

TEST_F(SessionTest, NothingToOpenIsAUsageError) {
  EXPECT_THAT(textOf(Session::open(Request(), llvm::nulls())),
              HasSubstr("no dump is named"));
}

TEST_F(SessionTest, TheKernelIsFoundOnce) {
  BuiltKernel built = makeRiscV64Kernel();
  writeKernelFile(built, folder / "dump");
  auto session = valueOf(open("dump"));
  const KernelImage &kernel = valueOf(session->image());
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_EQ(&valueOf(session->image()), &kernel);
  EXPECT_EQ(&valueOf(session->kernel()).image(), &kernel);
}

TEST_F(SessionTest, OverridesOfTheRequestArePassedOn) {
  writeKernelFile(makeRiscV64Kernel(), folder / "dump");
  Request request;
  request.path = folder / "dump";
  request.kernel.root = PhysAddr(0x80205000);
  auto session = valueOf(Session::open(std::move(request), llvm::nulls()));
  if (llvm::Expected<const KernelImage &> kernel = session->image())
    EXPECT_EQ(kernel->root, PhysAddr(0x80205000));
  else
    EXPECT_THAT(llvm::toString(kernel.takeError()), HasSubstr("0x80205000"));
}

TEST_F(SessionTest, NoKernelNamesTheFileAndMayBeAskedForAgain) {
  folder.write("dump", std::string(8192, '\0'));
  auto session = valueOf(open("dump"));
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(textOf(session->image()), HasSubstr("dump': no kernel"));
  EXPECT_THAT(textOf(session->kernel()), HasSubstr("dump': no kernel"));
}

// What one dump lacks is no gap of the other.
TEST_F(SessionTest, TwoDumpsAreOpenAtOnce) {
  writeKernelFile(makeRiscV64Kernel(), folder / "one");
  folder.write("two", std::string(8192, '\0'));
  auto one = valueOf(open("one")), two = valueOf(open("two"));
  two->gap("no-kernel", two->image().takeError());
  EXPECT_EQ(textOf(one->image()), "");
  EXPECT_TRUE(two->diagnostics().hasGap());
  EXPECT_FALSE(one->diagnostics().hasGap());
  EXPECT_THAT(one->diagnostics().findings(), IsEmpty());
}

TEST_F(SessionTest, FindingsAreAboutTheFile) {
  const std::string path = folder.write("dump", "raw");
  auto session = valueOf(open("dump"));
  Subject subject;
  subject.pid = 7;
  session->gap("root-of-task", "no root", subject);
  subject.file = path;
  EXPECT_THAT(
      session->diagnostics().findings(),
      ElementsAre(Finding{"root-of-task", "no root", subject, Severity::Gap}));
}

TEST_F(SessionTest, AMessageDoesNotNameItsOwnFile) {
  folder.write("dump", "raw");
  auto session = valueOf(open("dump"));
  auto error = [] { return llvm::make_error<LookupError>("nothing there"); };
  EXPECT_EQ(session->takeMessage(error()), "nothing there");
  EXPECT_EQ(session->takeMessage(session->withFileName(error())),
            "nothing there");
  EXPECT_EQ(session->takeMessage(llvm::createFileError("vmlinux", error())),
            "'vmlinux': nothing there");
}

} // namespace
