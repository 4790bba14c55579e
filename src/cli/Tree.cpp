//===- Tree.cpp - vmpt tree: tables as they are ---------------------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "kernel/find/KernelArch.h"
#include "reports/SpaceChoice.h"
#include "session/AnswerGaps.h"
#include "views/TableTree.h"

namespace vmpt {

namespace {

class TreeCommand final : public KernelReport {
public:
  TreeCommand() : KernelReport("tree") {}

  void addKernelOptions(KernelOptions &kernel, OptionParser &parser) override {
    kernel.addWithoutRootAndLevels(parser);
  }
  void addOwnOptions(OptionParser &parser) override {
    space_.add(parser);
    parser.addNumber("--levels", "N", "only N levels of tables, from the root",
                     levels_);
    parser.addText("--style", "STYLE",
                   "module: the text of the module that prints from CR3 (x86)",
                   style_);
    parser.offer("--style", {"module"});
    parser.addNumber("--max-lines", "N", "end after N entries (20 million)",
                     maxLines_);
  }
  std::optional<uint64_t> givenRoot() const override { return space_.root; }
  Needs needs() const override {
    return {.names = space_.pid || style_, .with = "--pid and --style"};
  }
  llvm::Error check(RecordWriter &writer) override;
  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override;

private:
  void print(Session &session, const AddressSpace &space,
             RecordWriter &writer) const;

  SpaceOptions space_;
  std::optional<uint64_t> levels_, maxLines_;
  std::optional<std::string> style_;
};

void reportAbsent(Session &session, PhysAddr table, const AbsentByte &absent) {
  Subject subject;
  subject.physical = table;
  session.gap("table-absent",
              "page table at physical " + hex(table) + " is not in the dump (" +
                  getAbsenceName(absent.absence) + ")",
              subject);
}

/// linux arch/x86/include/asm/processor.h struct cpuinfo_x86.
ModuleHeading findHeading(const Kernel &kernel, const AddressSpace &space) {
  ModuleHeading heading;
  heading.root = space.root();
  if (const KernelRegion *map = kernel.image().findRegion(Region::DirectMap))
    heading.rootAddress = map->first + space.root().value;
  std::optional<Symbol> cpu = kernel.symbols().find("boot_cpu_data");
  std::optional<Field> vendor = findOptionalField(kernel.types(), "cpuinfo_x86",
                                                  {"x86_vendor_id"}),
                       bits = findOptionalField(kernel.types(), "cpuinfo_x86",
                                                {"x86_phys_bits"});
  if (!cpu || !vendor || !bits)
    return heading;
  constexpr size_t vendorBytes = 16;
  llvm::Expected<std::string> name =
      kernel.memory().readString(cpu->address + vendor->offset, vendorBytes);
  std::optional<uint64_t> number =
      kernel.reader().tryNumber(cpu->address, bits);
  if (name && number) {
    heading.vendor = *name;
    heading.physicalBits = unsigned(*number);
  }
  llvm::consumeError(name.takeError());
  return heading;
}

void TreeCommand::print(Session &session, const AddressSpace &space,
                        RecordWriter &writer) const {
  const PagingMode &mode = space.mode();
  constexpr uint64_t defaultMaxLines = 20'000'000;
  const uint64_t limit = maxLines_.value_or(defaultMaxLines);
  uint64_t left = limit;
  constexpr uint64_t maxNamed = 16;
  uint64_t absentCount = 0;
  bool isCut = false;
  TreeView view(writer, mode);
  auto visit = [&](const TreeEntry &entry) {
    if (!left) {
      isCut = true;
      return false;
    }
    --left;
    if (style_)
      printModuleEntry(*writer.text(), entry, mode);
    else
      view.add(entry);
    if (entry.isTableExcluded)
      session.warn("tables-excluded",
                   "tables that were excluded, as pages of zeros are, were "
                   "read as empty");
    else if (entry.absence && absentCount++ < maxNamed)
      reportAbsent(session, entry.decoded.address, *entry.absence);
    return true;
  };
  if (auto absent = visitTables(
          session.memory(), mode, space.root(),
          unsigned(std::min<uint64_t>(levels_.value_or(maxLevels), maxLevels)),
          visit))
    reportAbsent(session, space.root(), *absent);
  view.finish();
  if (absentCount > maxNamed)
    session.gap("tables-absent",
                llvm::Twine(absentCount) +
                    " tables are not in the dump; the output shows each in its "
                    "place");
  if (isCut)
    session.gap("listing-cut", "the output was ended after " +
                                   llvm::Twine(limit) +
                                   " entries; --max-lines sets the limit");
}

llvm::Error TreeCommand::check(RecordWriter &writer) {
  if (style_ && *style_ != "module")
    return llvm::make_error<UsageError>("--style '" + *style_ +
                                        "' is not 'module'");
  if (levels_ && !*levels_)
    return llvm::make_error<UsageError>("--levels counts from 1");
  if (style_ && !writer.text())
    return llvm::make_error<UsageError>(
        "--style module is a text; leave out --format");
  return space_.check();
}

llvm::Error TreeCommand::write(Session &session, const Kernel &kernel,
                               RecordWriter &writer) {
  llvm::Expected<ChosenSpace> chosen = chooseSpace(space_, session);
  if (!chosen)
    return chosen.takeError();
  const AddressSpace &space = chosen->translator.spaceOf(VirtAddr(0));
  if (style_) {
    if (!kernel.image().arch->hasModuleStyle)
      return llvm::make_error<UnsupportedError>(
          "--style module is the text of a module for x86");
    reportSectionGaps(session, kernel.image());
    printModuleHeading(*writer.text(), findHeading(kernel, space));
  }
  if (chosen->task) {
    writer.context("pid", chosen->task->pid);
    writer.context("comm", chosen->task->comm);
  }
  print(session, space, writer);
  return llvm::Error::success();
}

} // namespace

const CommandInfo treeCommand = {
    "tree", "print page tables as they are, entry by entry",
    "Prints each entry in use with its index, raw value, addresses, bits and "
    "where it leads; what is below it is indented. Without --pid or --root the "
    "kernel's tables.",
    createCommand<TreeCommand>};

} // namespace vmpt
