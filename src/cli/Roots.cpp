//===- Roots.cpp - vmpt roots: top tables that nothing names --------------===//
#include "views/Roots.h"
#include "cli/Commands.h"

namespace vmpt {

namespace {

class RootsCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.addArch(parser);
    kernel_.addForce(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("roots", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_);
    if (!session)
      return session.takeError();
    if (llvm::Error error = (*session)->judgeArch())
      return error;
    const TopTables found = (*session)->findTopTables();
    report(**session, found);
    writeRoots(**writer, found);
    (*writer)->finish((*session)->finalFindings());
    return llvm::Error::success();
  }

private:
  static void report(Session &session, const TopTables &found) {
    if (found.tables.empty())
      session.gap("no-roots", "no page of memory is a top table that maps "
                              "itself, in any mode that was tried");
    if (found.isCut)
      session.gap("roots-cut", "more pages look like top tables than are "
                               "judged; there may be more of them");
    uint64_t absent = 0, cut = 0;
    for (const TopTable &table : found.tables) {
      absent += table.absentTables || table.lostKernelTables;
      cut += table.isCut;
    }
    if (absent)
      session.gap("tables-absent",
                  "tables below " + llvm::Twine(absent) +
                      " of those listed are not in the dump: they map more "
                      "than is said");
    if (cut)
      session.gap("tables-cut", llvm::Twine(cut) +
                                    " of those listed have more tables than "
                                    "are followed");
  }

  DumpOptions dump_;
  KernelOptions kernel_;
  OutputOptions output_;
};

} // namespace

const CommandInfo rootsCommand = {
    "roots", "find top tables in memory, without any kernel",
    "Looks at each page of memory for tables that may be the top of an address "
    "space, in every paging mode, and lists them with what they map: where "
    "nothing names a kernel, their addresses are for --root of task, translate "
    "and tree.",
    createCommand<RootsCommand>};

} // namespace vmpt
