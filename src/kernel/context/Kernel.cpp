#include "kernel/context/Kernel.h"

#include "kernel/context/LearnedPlaces.h"
#include "kernel/context/VmcoreinfoCheck.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

std::optional<Member> VmcoreinfoPlaces::findMember(llvm::StringRef name,
                                                   llvm::StringRef path) const {
  std::optional<uint64_t> offset = info_.offset((name + "." + path).str());
  if (!offset || *offset > UINT32_MAX)
    return std::nullopt;
  Member member;
  member.bitOffset = *offset * 8;
  return member;
}

Kernel::~Kernel() = default;

Kernel::Kernel(const KernelImage &image, const PhysicalMemory &memory,
               DebugInputs inputs)
    : image_(image), memory_(image.addressSpace(memory)),
      inputs_(std::move(inputs)), vmcoreinfoSymbols_(image.vmcoreinfo),
      vmcoreinfoPlaces_(image.vmcoreinfo), reader_(memory_, image.wordBytes()) {
}

/// VMCOREINFO_SYMBOL_ARRAY() says where an array is, which may be what a
/// pointer of that name holds (mem_section, vmemmap). Static symbols share
/// names.
static bool mayBeAt(const Kernel &kernel, const Symbol &known, VirtAddr said) {
  const std::optional<uint64_t> held = kernel.reader().tryNumber(
      known.address, Field{0, kernel.image().wordBytes()});
  if (!held || *held == said.value)
    return true;
  bool isThere = false;
  kernel.kallsyms()->forEach([&](const Symbol &symbol) {
    isThere |= symbol.address == said && symbol.name == known.name;
    return !isThere;
  });
  return isThere;
}

llvm::Expected<std::unique_ptr<Kernel>>
Kernel::create(const KernelImage &image, const PhysicalMemory &memory,
               DebugInputs inputs, Diagnostics &diagnostics) {
  std::unique_ptr<Kernel> kernel(new Kernel(image, memory, std::move(inputs)));
  const DebugInputs &given = kernel->inputs_;
  kernel->addKnownPlaces();
  kernel->addKallsyms();
  kernel->addBtf();
  if (auto other = findOtherValues(image.vmcoreinfo, kernel->kallsyms_.get(),
                                   kernel->btf_.get(),
                                   [&](const Symbol &known, VirtAddr said) {
                                     return mayBeAt(*kernel, known, said);
                                   }))
    diagnostics.gap("vmcoreinfo-contradicts", *other);
  if (llvm::Error error =
          kernel->judge(kernel->findContradiction(), diagnostics))
    return error;

  std::optional<std::string> vmlinux = given.vmlinux;
  if (!vmlinux && !(kernel->kallsyms_ && kernel->btf_)) {
    vmlinux = findDebugFile(image.vmcoreinfo.release().value_or(""),
                            image.vmcoreinfo.find("BUILD-ID").value_or(""),
                            given.searchRoot);
    if (!vmlinux)
      kernel->evidence_.tried("no vmlinux with the dump's build-id in the "
                              "usual directories; pass --vmlinux");
  }
  for (const auto &path : {vmlinux, given.systemMap, given.btf})
    if (path)
      if (llvm::Error error = kernel->addFile(*path, diagnostics))
        return llvm::createFileError(*path, std::move(error));
  if (llvm::Error error = kernel->learnMissing(diagnostics))
    return error;
  return kernel;
}

/// The first of the given symbols and places that the dump's own sources know
/// better. A name may be that of several static symbols.
std::optional<std::string> Kernel::findContradiction() const {
  for (const auto &given : inputs_.symbols.addresses()) {
    const llvm::StringRef name = given.first();
    std::optional<Symbol> known = vmcoreinfoSymbols_.find(name);
    std::string source = vmcoreinfoSymbols_.describe();
    bool isThere = known && known->address.value == given.second;
    if (!known && kallsyms_) {
      source = kallsyms_->describe();
      kallsyms_->forEach([&](const Symbol &symbol) {
        if (symbol.name == name && !known)
          known = symbol;
        isThere |= symbol.name == name && symbol.address.value == given.second;
        return !isThere;
      });
    }
    if (known && !isThere)
      return "--symbol " + name.str() + "=" + hex(given.second) +
             " contradicts the dump: " + hex(known->address) + " (" + source +
             ")";
  }
  for (const TypeSource *source :
       {static_cast<const TypeSource *>(&vmcoreinfoPlaces_),
        static_cast<const TypeSource *>(btf_.get())})
    if (auto contradiction = source ? findContradiction(*source) : std::nullopt)
      return contradiction;
  return std::nullopt;
}

std::optional<std::string>
Kernel::findContradiction(const TypeSource &source) const {
  for (const auto &given : inputs_.places.places()) {
    auto [type, path] = given.first().split('.');
    if (auto known = source.findMember(type, path);
        known && known->bitOffset != given.second.bitOffset)
      return "--offset " + given.first().str() + "=" +
             std::to_string(given.second.offsetBytes()) +
             " contradicts the dump: " + std::to_string(known->offsetBytes()) +
             " (" + source.describe() + ")";
  }
  return std::nullopt;
}

llvm::Error Kernel::judge(const std::optional<std::string> &contradiction,
                          Diagnostics &diagnostics) const {
  if (!contradiction)
    return llvm::Error::success();
  if (!inputs_.force)
    return llvm::make_error<UsageError>(*contradiction +
                                        "; --force takes it all the same");
  diagnostics.gap("option-contradicts",
                  *contradiction + "; it is taken, as --force says");
  return llvm::Error::success();
}

/// Kernels without KALLSYMS_ALL name no data; those without BTF, no types. A
/// place that the user gives is no reason not to look: it may be wrong.
llvm::Error Kernel::learnMissing(Diagnostics &diagnostics) {
  std::optional<Symbol> initTask = symbols_.find("init_task");
  const auto declares = [](const TypeSource &source) {
    return source.findMember("task_struct", "tasks").has_value();
  };
  const bool isDeclared =
      declares(vmcoreinfoPlaces_) || (btf_ && declares(*btf_)) ||
      llvm::any_of(files_, [&](const DebugFile &file) {
        return llvm::any_of(file.types,
                            [&](auto &types) { return declares(*types); });
      });
  if (initTask && isDeclared)
    return llvm::Error::success();
  std::optional<VirtAddr> known;
  if (initTask)
    known = initTask->address;
  llvm::Expected<std::unique_ptr<LearnedLayout>> layout =
      LearnedLayout::create(image_, memory_, known);
  if (!layout) {
    const std::string why = llvm::toString(layout.takeError());
    evidence_.tried(why);
    // For errors, which list the sources.
    if (!types_.hasMember("task_struct", "tasks")) {
      unlearned_ = std::make_unique<LearnedPlaces>(why);
      types_.add(*unlearned_);
    }
    return llvm::Error::success();
  }
  learned_ = std::move(*layout);
  if (!initTask) {
    learnedSymbols_ = std::make_unique<LearnedSymbols>(*learned_);
    symbols_.add(*learnedSymbols_);
    evidence_.add("symbols", "init_task", learned_->describe());
  }
  if (isDeclared)
    return llvm::Error::success();
  if (llvm::Error error = judge(findContradiction(*learned_), diagnostics))
    return error;
  types_.add(*learned_);
  evidence_.add("types", "task_struct and mm_struct, in part",
                learned_->describe());
  diagnostics.warn("no struct layouts in the dump: the places in task_struct "
                   "are those that fit all " +
                   std::to_string(learned_->taskCount()) +
                   " tasks looked at; which of them run, and idle ones, "
                   "are not known; --vmlinux or --btf give more");
  return llvm::Error::success();
}

void Kernel::addKnownPlaces() {
  if (!inputs_.symbols.empty()) {
    symbols_.add(inputs_.symbols);
    evidence_.add("symbols", "given", inputs_.symbols.describe());
  }
  if (!inputs_.places.empty()) {
    types_.add(inputs_.places);
    evidence_.add("types", "given", inputs_.places.describe());
  }
  if (image_.vmcoreinfo.text().empty())
    return;
  symbols_.add(vmcoreinfoSymbols_);
  types_.add(vmcoreinfoPlaces_);
  evidence_.add("symbols", "SYMBOL() keys", vmcoreinfoSymbols_.describe());
  evidence_.add("types", "OFFSET() and SIZE() keys",
                vmcoreinfoPlaces_.describe());
}

void Kernel::addKallsyms() {
  llvm::Expected<std::unique_ptr<Kallsyms>> kallsyms =
      readKallsyms(memory_, image_.vmcoreinfo, image_.imageRuns);
  if (!kallsyms) {
    const std::string tried = llvm::toString(kallsyms.takeError());
    kallsymsProblem_ = llvm::StringRef(tried).split("; ").first.str();
    evidence_.tried(tried);
    return;
  }
  kallsyms_ = std::move(*kallsyms);
  symbols_.add(*kallsyms_);
  evidence_.add("symbols", std::to_string(kallsyms_->size()) + " symbols",
                kallsyms_->describe());
}

void Kernel::addBtf() {
  llvm::Expected<std::unique_ptr<BtfTypes>> btf =
      readBtf(memory_, kallsyms_.get(), image_.imageRuns);
  if (!btf) {
    evidence_.tried(llvm::toString(btf.takeError()));
    return;
  }
  btf_ = std::move(*btf);
  types_.add(*btf_);
  evidence_.add("types", std::to_string(btf_->getTypeCount()) + " types",
                btf_->describe());
}

std::optional<std::string> Kernel::findMismatch(const DebugFile &file) const {
  std::optional<llvm::StringRef> found = image_.vmcoreinfo.find("BUILD-ID");
  std::optional<std::string> ofDump;
  if (found)
    ofDump = found->str();
  switch (compareBuildIds(file.buildId, ofDump)) {
  case BuildIdMatch::Same:
    return std::nullopt;
  case BuildIdMatch::Different:
    return "its build-id is " + *file.buildId + ", that of the dumped kernel " +
           *ofDump;
  case BuildIdMatch::Unknown:
    break;
  }
  if (!file.symbols)
    return std::nullopt; // a BTF file: nothing in it tells
  const llvm::StringRef names[] = {"linux_banner", "init_task", "_etext",
                                   "swapper_pg_dir", "_end"};
  std::vector<std::optional<Symbol>> ofFile = file.symbols->findAll(names);
  std::vector<std::optional<Symbol>> known = symbols_.findAll(names);
  unsigned agreed = 0;
  for (size_t i = 0; i < std::size(names); ++i) {
    if (!ofFile[i] || !known[i])
      continue;
    if (ofFile[i]->address != known[i]->address)
      return "there is no build-id to compare, and its " + names[i].str() +
             " would lie at " + hex(ofFile[i]->address) +
             ", that of the dumped kernel lies at " + hex(known[i]->address);
    ++agreed;
  }
  if (agreed)
    return std::nullopt;
  // Nothing else is known: the banner has to be where the file says.
  if (ofFile[0]) {
    llvm::Expected<std::string> banner =
        memory_.readString(ofFile[0]->address, 512);
    if (banner && llvm::StringRef(*banner).consume_front("Linux version "))
      return std::nullopt;
    llvm::consumeError(banner.takeError());
  }
  return "there is no build-id to compare, and the dumped kernel has no "
         "linux_banner where the file says; if the kernel was moved (KASLR), "
         "pass --symbol _stext=ADDRESS";
}

llvm::Error Kernel::addFile(const std::string &path, Diagnostics &diagnostics) {
  std::optional<VirtAddr> stext;
  if (std::optional<Symbol> symbol = symbols_.find("_stext"))
    stext = symbol->address;
  llvm::Expected<DebugFile> file = openDebugFile(path, stext);
  if (!file)
    return file.takeError();
  if (std::optional<std::string> mismatch = findMismatch(*file)) {
    const std::string text = "it is not of the dumped kernel: " + *mismatch;
    if (!inputs_.force)
      return llvm::make_error<LookupError>(text +
                                           "; --force uses it all the same");
    Subject subject;
    subject.file = path;
    diagnostics.gap("option-contradicts",
                    text + "; it is used, as --force says", subject);
  }
  files_.push_back(std::move(*file));
  const DebugFile &kept = files_.back();
  if (kept.symbols) {
    symbols_.add(*kept.symbols);
    evidence_.add("symbols", "all of the file's", kept.symbols->describe());
  }
  for (const auto &types : kept.types) {
    types_.add(*types);
    evidence_.add("types", "struct layouts", types->describe());
  }
  return llvm::Error::success();
}

bool Kernel::hasOwnSymbol(llvm::StringRef name) const {
  return vmcoreinfoSymbols_.find(name) ||
         (kallsyms_ && kallsyms_->find(name)) ||
         llvm::any_of(files_, [&](const DebugFile &file) {
           return file.symbols && file.symbols->find(name);
         });
}

bool Kernel::hasOwnMember(llvm::StringRef type, llvm::StringRef path) const {
  return vmcoreinfoPlaces_.findMember(type, path) ||
         (btf_ && btf_->findMember(type, path)) ||
         llvm::any_of(files_, [&](const DebugFile &file) {
           return llvm::any_of(file.types, [&](auto &types) {
             return types->findMember(type, path).has_value();
           });
         });
}

bool Kernel::knowsStructs() const {
  return btf_ || llvm::any_of(files_, [](const DebugFile &file) {
           return !file.types.empty();
         });
}

llvm::Error Kernel::addLearned(std::unique_ptr<LearnedSource> source,
                               Diagnostics &diagnostics) {
  learnedLater_ = std::move(source);
  types_.add(*learnedLater_);
  return judge(findContradiction(*learnedLater_), diagnostics);
}

Evidence Kernel::evidence() const {
  Evidence all = evidence_;
  if (learnedLater_)
    learnedLater_->addTo(all);
  return all;
}

llvm::Expected<VirtAddr> Kernel::address(llvm::StringRef name) const {
  llvm::Expected<Symbol> symbol = symbols_.get(name);
  if (!symbol)
    return symbol.takeError();
  return symbol->address;
}

} // namespace vmpt
