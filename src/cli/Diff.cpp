//===- Diff.cpp - vmpt diff: what changed between two dumps ---------------===//
#include "views/Diff.h"
#include "analysis/ChangeNamer.h"
#include "cli/Commands.h"
#include "dump/storage/FileSource.h"
#include "kernel/find/KernelArch.h"
#include "reports/TaskChoice.h"
#include "session/AnswerGaps.h"

#include <sys/stat.h>

namespace vmpt {

namespace {

/// One of the two: a dump that is open, or a listing that was read.
struct Side {
  std::string path;
  std::optional<SavedListing> listing;
  std::unique_ptr<Session> session;
  std::optional<TaskList> tasks;
  Snapshot snapshot;
};

class DiffCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    parser.addWords(
        "A B", "two dumps; either may be a saved page_tables/kernel", words_);
    kernel_.addWithoutRoot(parser);
    symbols_.add(parser);
    parser.addFlag("--absolute",
                   "compare by addresses, not by region and offset",
                   options_.isAbsolute);
    parser.addFlag("--targets",
                   "of two boots, too, compare where all pages lie",
                   options_.allTargets);
    work_.add(parser);
    output_.add(parser);
  }
  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Error open(const CommandContext &context, Side *sides) const;
  Needs needs(const Side *sides) const;
  static llvm::Error read(Side &side, bool asListing);
  static llvm::Error checkKinds(Side *sides);
  static void reportProblems(const CommandContext &context, Side &side,
                             std::vector<Finding> &findings);
  SnapshotDiff compare(Side &before, Side &after) const;

  std::vector<std::string> words_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  WorkOptions work_;
  OutputOptions output_;
  DiffOptions options_;
};

/// The text of a saved listing, or nothing for what may be a dump.
llvm::Expected<std::optional<SavedListing>>
readListing(const std::string &path) {
  struct stat status = {};
  const bool isPlain = ::stat(path.c_str(), &status) == 0 &&
                       S_ISREG(status.st_mode) && status.st_size > 0;
  llvm::Expected<std::shared_ptr<FileSource>> source = FileSource::open(path);
  if (!source)
    return source.takeError();
  constexpr uint64_t beginning = 64;
  std::vector<uint8_t> head(std::min((*source)->size(), beginning));
  const bool isRead = (*source)->tryRead(0, head);
  const llvm::StringRef text(reinterpret_cast<const char *>(head.data()),
                             isRead ? head.size() : 0);
  if (!isSavedListing(text)) {
    if (isPlain || S_ISBLK(status.st_mode))
      return std::nullopt;
    return llvm::make_error<UsageError>(
        "what can be read once has to be a saved listing, and this is none; "
        "write it to a file");
  }
  if ((*source)->isRead())
    source = (*source)->makeMapped();
  if (!source)
    return source.takeError();
  llvm::Expected<SavedListing> listing =
      parseListing((*source)->bytes().text());
  if (!listing)
    return listing.takeError();
  return std::move(*listing);
}

/// A listing is compared with what a dump lists.
Needs DiffCommand::needs(const Side *sides) const {
  const bool isListed = sides[0].listing || sides[1].listing;
  const bool hasDump = !sides[0].listing || !sides[1].listing;
  return {.kernel = hasDump, .names = !isListed, .with = "dumps"};
}

llvm::Error DiffCommand::open(const CommandContext &context,
                              Side *sides) const {
  for (Side &side : llvm::MutableArrayRef<Side>(sides, 2)) {
    llvm::Expected<std::optional<SavedListing>> listing =
        readListing(side.path);
    if (!listing)
      return llvm::createFileError(side.path, listing.takeError());
    side.listing = std::move(*listing);
  }
  if (options_.allTargets && (sides[0].listing || sides[1].listing))
    return llvm::make_error<UsageError>(
        "--targets compares where pages lie, which a saved listing does not "
        "say; leave it out");
  for (Side &side : llvm::MutableArrayRef<Side>(sides, 2)) {
    llvm::Expected<Request> request =
        makeRequest(kernel_, symbols_, work_, needs(sides));
    if (!request)
      return request.takeError();
    if (side.listing)
      continue;
    request->path = side.path;
    auto session = context.openRequest(std::move(*request));
    if (!session)
      return session.takeError();
    side.session = std::move(*session);
  }
  return llvm::Error::success();
}

llvm::Error DiffCommand::read(Side &side, bool asListing) {
  if (side.listing) {
    side.snapshot = makeSnapshot(*side.listing);
    return llvm::Error::success();
  }
  Session &session = *side.session;
  llvm::Expected<const KernelImage &> image = session.image();
  if (!image)
    return image.takeError();
  reportSectionGaps(session, *image);
  if (asListing) {
    llvm::Expected<Snapshot> snapshot =
        readListingSnapshot(*image, session.memory());
    if (!snapshot)
      return session.withFileName(snapshot.takeError());
    side.snapshot = std::move(*snapshot);
    return llvm::Error::success();
  }
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  llvm::Expected<TaskList> tasks =
      readTaskList(session, *kernel, /*withThreads=*/false, /*needsAll=*/true);
  if (tasks)
    side.tasks = std::move(*tasks);
  else
    session.gap("task-list", "processes are not compared: " +
                                 session.takeMessage(tasks.takeError()));
  llvm::Expected<Snapshot> snapshot = readSnapshot(
      *kernel, side.tasks ? &*side.tasks : nullptr, session.diagnostics());
  if (!snapshot)
    return session.withFileName(snapshot.takeError());
  side.snapshot = std::move(*snapshot);
  return llvm::Error::success();
}

void DiffCommand::reportProblems(const CommandContext &context, Side &side,
                                 std::vector<Finding> &findings) {
  for (Finding &problem : side.snapshot.problems) {
    problem.subject.file = side.path;
    if (side.session) {
      side.session->diagnostics().report(problem);
      continue;
    }
    context.report(problem);
    findings.push_back(problem);
  }
  if (side.session)
    for (Finding &finding : side.session->finalFindings())
      findings.push_back(std::move(finding));
}

/// What cannot be compared at all is an error.
llvm::Error DiffCommand::checkKinds(Side *sides) {
  const Snapshot &before = sides[0].snapshot, &after = sides[1].snapshot;
  if (!before.arch || !after.arch)
    return llvm::Error::success();
  if (before.arch != after.arch)
    return llvm::make_error<UsageError>(
        "dumps of two architectures have nothing to compare: " +
        getArchName(before.arch->arch) + " and " +
        getArchName(after.arch->arch));
  if (before.release != after.release && sides[1].session)
    sides[1].session->warn(
        "other-kernel", "it is of another kernel than '" + sides[0].path +
                            "': " + after.release + ", not " + before.release);
  return llvm::Error::success();
}

SnapshotDiff DiffCommand::compare(Side &before, Side &after) const {
  if (!options_.isAbsolute && !areOfOneBoot(before.snapshot, after.snapshot))
    for (Side *side : {&before, &after})
      if (side->tasks)
        addAreaPieces(side->snapshot, *side->session->kernel(), *side->tasks);
  SnapshotDiff diff =
      compareSnapshots(before.snapshot, after.snapshot, options_);
  if (before.snapshot.isListing || after.snapshot.isListing)
    return diff;
  nameOwners(diff, DiffSide::Before, *before.session->kernel(),
             before.tasks ? &*before.tasks : nullptr);
  nameOwners(diff, DiffSide::After, *after.session->kernel(),
             after.tasks ? &*after.tasks : nullptr);
  return diff;
}

llvm::Error DiffCommand::run(const CommandContext &context) {
  if (words_.size() != 2)
    return llvm::make_error<UsageError>(
        "diff needs two dumps, or a dump and a saved listing");
  auto writer = output_.createWriter("diff", context.out());
  if (!writer)
    return writer.takeError();
  Side sides[2];
  for (int i = 0; i < 2; ++i)
    sides[i].path = words_[i];
  if (llvm::Error error = open(context, sides))
    return error;
  const bool asListing = sides[0].listing || sides[1].listing;
  for (Side &side : sides)
    if (llvm::Error error = read(side, asListing))
      return error;
  if (llvm::Error error = checkKinds(sides))
    return error;
  SnapshotDiff diff = compare(sides[0], sides[1]);
  Session *last =
      (sides[1].session ? sides[1].session : sides[0].session).get();
  if (last && diff.isCut)
    last->gap("diff-cut", "there are more changes than are told");
  if (last && diff.skippedTargets)
    last->warn("targets", "not of one boot: where pages lie is compared for "
                          "the direct map and the kernel's image alone; "
                          "--targets compares all");
  std::vector<Finding> findings;
  for (Side &side : sides)
    reportProblems(context, side, findings);
  writeDiff(**writer, diff, sides[0].path, sides[1].path);
  (*writer)->finish(findings);
  if (!diff.isSame())
    context.raiseStatus(1);
  return llvm::Error::success();
}

} // namespace

const CommandInfo diffCommand = {
    "diff", "say what changed between two dumps",
    "Compares what the page tables of two dumps map, of the kernel and of each "
    "process, and tasks, modules and the memory of the tables; or a dump and a "
    "saved listing (page_tables/kernel, kernel_page_tables). Exit status 0: "
    "the "
    "same; 1: different, or not all could be compared; 2: trouble.",
    createCommand<DiffCommand>};

} // namespace vmpt
