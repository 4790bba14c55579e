#include "kernel/modules/ModuleList.h"

#include "kernel/context/FieldTable.h"
#include "kernel/context/ListWalk.h"
#include "kernel/context/Problems.h"
#include "kernel/find/KernelArch.h"
#include "kernel/modules/LearnedModules.h"

namespace vmpt {

llvm::StringRef getModulePartName(ModulePart part) {
  switch (part) {
  case ModulePart::Text:
    return "text";
  case ModulePart::Data:
    return "data";
  case ModulePart::Rodata:
    return "rodata";
  case ModulePart::RoAfterInit:
    return "ro_after_init";
  case ModulePart::InitText:
    return "init_text";
  case ModulePart::InitData:
    return "init_data";
  case ModulePart::InitRodata:
    return "init_rodata";
  case ModulePart::Init:
    return "init";
  }
  return "unknown";
}

namespace {

/// Far beyond what distributions have altogether.
constexpr size_t maxModules = 1 << 16;
} // namespace

const ModuleRange *Module::findRange(VirtAddr at) const {
  for (const ModuleRange &range : ranges)
    if (range.contains(at))
      return &range;
  return nullptr;
}

/// "core_layout.size" since 4.5, "core_size" before.
ModuleReader::Layout ModuleReader::findLayout(const TypeSources &types,
                                              llvm::StringRef member,
                                              llvm::StringRef oldPrefix) {
  auto find = [&](llvm::StringRef name, llvm::StringRef old) {
    const std::string path = (member + "." + name).str();
    return findOptionalField(types, "module", {path, old});
  };
  const std::string prefix = oldPrefix.str();
  Layout layout;
  layout.base = find("base", "module_" + prefix);
  layout.size = find("size", prefix + "_size");
  layout.textSize = find("text_size", prefix + "_text_size");
  layout.roSize = find("ro_size", prefix + "_ro_size");
  layout.roAfterInitSize = find("ro_after_init_size", "");
  return layout;
}

llvm::Error ModuleReader::findParts(const TypeSources &types) {
  parts_ = findOptionalField(types, "module", {"mem"});
  if (!parts_) {
    core_ = findLayout(types, "core_layout", "core");
    data_ = findLayout(types, "data_layout", "data");
    init_ = findLayout(types, "init_layout", "init");
    if (core_.base && core_.size)
      return llvm::Error::success();
    return llvm::make_error<LookupError>(
        "struct module has no known member 'mem', 'core_layout' or "
        "'module_core' (tried " +
        types.describe() + "); pass --vmlinux or --btf");
  }
  llvm::Expected<uint64_t> bytes = types.getSizeBytes("module_memory");
  if (!bytes)
    return bytes.takeError();
  partBytes_ = *bytes;
  if (!partBytes_)
    return llvm::make_error<LookupError>("struct module_memory has no size");
  const WantedField wanted[] = {{&partBase_, "module_memory", {"base"}},
                                {&partSize_, "module_memory", {"size"}}};
  if (llvm::Error error = findFields(types, wanted))
    return error;
  const struct {
    const char *name;
    ModulePart part;
  } known[] = {
      {"MOD_TEXT", ModulePart::Text},
      {"MOD_DATA", ModulePart::Data},
      {"MOD_RODATA", ModulePart::Rodata},
      {"MOD_RO_AFTER_INIT", ModulePart::RoAfterInit},
      {"MOD_INIT_TEXT", ModulePart::InitText},
      {"MOD_INIT_DATA", ModulePart::InitData},
      {"MOD_INIT_RODATA", ModulePart::InitRodata},
  };
  for (const auto &[name, part] : known) {
    llvm::Expected<uint64_t> index = types.getEnumConstant(name);
    if (!index)
      return index.takeError();
    if (*index < parts_->sizeBytes / partBytes_)
      partIndexes_.push_back({part, *index});
  }
  return llvm::Error::success();
}

llvm::Expected<ModuleReader> ModuleReader::create(const TypeSources &types,
                                                  const StructReader &reader) {
  ModuleReader modules(reader);
  const WantedField wanted[] = {
      {&modules.list_, "module", {"list"}},
      {&modules.name_, "module", {"name"}},
      {&modules.state_, "module", {"state"}},
  };
  if (llvm::Error error = findFields(types, wanted))
    return error;
  if (llvm::Error error = modules.findParts(types))
    return error;
  modules.taints_ = findOptionalField(types, "module", {"taints"});
  // An atomic_t since 3.19, counters of each CPU before.
  modules.references_ = findOptionalField(types, "module", {"refcnt.counter"});
  modules.start_ = findOptionalField(types, "module", {"init"});
  modules.exit_ = findOptionalField(types, "module", {"exit"});
  modules.users_ = findOptionalField(types, "module", {"source_list"});
  modules.userLink_ = findOptionalField(types, "module_use", {"source_list"});
  modules.userModule_ = findOptionalField(types, "module_use", {"source"});
  return modules;
}

llvm::Error ModuleReader::addRange(Module &module, ModulePart part,
                                   VirtAddr start, uint64_t sizeBytes) const {
  if (sizeBytes > maxModulePartBytes || start.value > ~sizeBytes)
    return llvm::make_error<FormatError>(
        "module " + module.name + " has a part of " + hex(sizeBytes) +
        " bytes at " + hex(start) + ", which is larger than any module");
  if (sizeBytes)
    module.ranges.push_back({part, start, sizeBytes});
  module.sizeBytes += sizeBytes;
  return llvm::Error::success();
}

/// text | rodata | read-only after init | writable, each up to an offset.
llvm::Error ModuleReader::addLayout(VirtAddr at, const Layout &layout,
                                    bool isInit, Module &module) const {
  if (!layout.base || !layout.size)
    return llvm::Error::success();
  uint64_t base = 0, size = 0;
  for (const auto &[field, value] :
       {std::pair(&layout.base, &base), std::pair(&layout.size, &size)}) {
    llvm::Expected<uint64_t> number = reader_->number(at, **field);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  if (isInit)
    return addRange(module, ModulePart::Init, VirtAddr(base), size);
  uint64_t done = 0;
  const std::pair<ModulePart, const std::optional<Field> *> ends[] = {
      {ModulePart::Text, &layout.textSize},
      {ModulePart::Rodata, &layout.roSize},
      {ModulePart::RoAfterInit, &layout.roAfterInitSize},
  };
  for (const auto &[part, field] : ends) {
    const uint64_t end = reader_->tryNumber(at, *field).value_or(done);
    if (end <= done || end > size)
      continue;
    if (llvm::Error error =
            addRange(module, part, VirtAddr(base) + done, end - done))
      return error;
    done = end;
  }
  return addRange(module, ModulePart::Data, VirtAddr(base) + done, size - done);
}

llvm::Error ModuleReader::readParts(VirtAddr at, Module &module) const {
  if (!parts_) {
    if (llvm::Error error = addLayout(at, core_, false, module))
      return error;
    if (llvm::Error error = addLayout(at, data_, false, module))
      return error;
    if (llvm::Error error = addLayout(at, init_, true, module))
      return error;
    llvm::Expected<VirtAddr> base = reader_->pointer(at, *core_.base);
    if (!base)
      return base.takeError();
    module.base = *base;
    return llvm::Error::success();
  }
  for (const auto &[part, index] : partIndexes_) {
    const VirtAddr memory = at + parts_->offset + index * partBytes_;
    llvm::Expected<VirtAddr> base = reader_->pointer(memory, partBase_);
    if (!base)
      return base.takeError();
    llvm::Expected<uint64_t> size = reader_->number(memory, partSize_);
    if (!size)
      return size.takeError();
    if (llvm::Error error = addRange(module, part, *base, *size))
      return error;
    if (part == ModulePart::Text)
      module.base = *base;
  }
  return llvm::Error::success();
}

llvm::Expected<Module> ModuleReader::read(VirtAddr at) const {
  Module module;
  module.address = at;
  llvm::Expected<std::string> name = reader_->text(at, name_);
  if (!name)
    return name.takeError();
  module.name = std::move(*name);
  llvm::Expected<uint64_t> state = reader_->number(at, state_);
  if (!state)
    return state.takeError();
  if (*state > maxModuleState || !isModuleName(module.name))
    return llvm::make_error<FormatError>("its name and its state, " +
                                         hex(*state) + ", are not a module's");
  module.state = unsigned(*state);
  if (llvm::Error error = readParts(at, module))
    return error;
  module.taints = reader_->tryNumber(at, taints_);
  // MODULE_REF_BASE, 1, is the module's own.
  if (auto count = reader_->tryNumber(at, references_))
    module.references = *count ? *count - 1 : 0;
  const std::optional<uint64_t> start = reader_->tryNumber(at, start_),
                                exit = reader_->tryNumber(at, exit_);
  // A kernel that cannot unload modules has no such member.
  if (start_)
    module.isPermanent = start.value_or(0) != 0 && exit == uint64_t(0);
  return module;
}

/// Each user has a struct module_use on the list.
void ModuleReader::readUsers(VirtAddr at, Module &module,
                             ModuleList &list) const {
  if (!users_ || !userLink_ || !userModule_)
    return;
  ListMembers users =
      followList(*reader_, at + users_->offset, maxModules,
                 "the list of the users of module " + module.name);
  llvm::move(users.problems, std::back_inserter(list.problems));
  for (VirtAddr link : users.links) {
    llvm::Expected<VirtAddr> user =
        reader_->pointer(link - userLink_->offset, *userModule_);
    llvm::Expected<std::string> name =
        user ? reader_->text(*user, name_) : user.takeError();
    if (name && isModuleName(*name))
      module.users.push_back(std::move(*name));
    else if (name)
      list.problems.push_back("a user of module " + module.name +
                              " has no module's name");
    else
      list.problems.push_back("a user of module " + module.name + ": " +
                              llvm::toString(name.takeError()));
  }
}

ModuleList ModuleReader::readAll(VirtAddr head) const {
  ModuleList list;
  ListMembers members =
      followList(*reader_, head, maxModules, "the list of modules");
  Problems problems;
  for (VirtAddr link : members.links) {
    const VirtAddr at = link - list_.offset;
    llvm::Expected<Module> module = read(at);
    if (!module) {
      problems.add("no module at " + hex(at) + ": " +
                   llvm::toString(module.takeError()));
      continue;
    }
    if (list.problems.size() < maxModules)
      readUsers(at, *module, list);
    list.modules.push_back(std::move(*module));
  }
  llvm::move(members.problems, std::back_inserter(list.problems));
  llvm::move(problems.take(), std::back_inserter(list.problems));
  return list;
}

bool ModuleReader::isModule(VirtAddr at) const {
  llvm::Expected<Module> module = read(at);
  if (module)
    return true;
  llvm::consumeError(module.takeError());
  return false;
}

std::optional<VirtAddr> ModuleReader::findHead(llvm::ArrayRef<MappedRun> runs,
                                               VirtAddr lowest) const {
  return findModuleHead(*reader_, runs, lowest, list_.offset,
                        [this](VirtAddr at) { return isModule(at); });
}

/// The last resort, for a kernel without any struct layouts.
static llvm::Expected<ModuleList> readLearnedModules(const Kernel &kernel) {
  llvm::Expected<LearnedModules> learned = learnModules(kernel);
  if (!learned)
    return llvm::make_error<LookupError>(
        "struct module is unknown (tried " + kernel.types().describe() +
        "), and nothing was learned of it: " +
        llvm::toString(learned.takeError()) + "; pass --vmlinux or --btf");
  TypeSources types = kernel.types();
  types.add(learned->places);
  llvm::Expected<ModuleReader> reader =
      ModuleReader::create(types, kernel.reader());
  if (!reader)
    return reader.takeError();
  ModuleList list = reader->readAll(learned->head);
  list.problems.push_back("struct module is " + learned->places.describe() +
                          ": references, users, taints and symbols of modules "
                          "are not known; pass --vmlinux or --btf");
  return list;
}

llvm::Expected<ModuleList> readModuleList(const Kernel &kernel) {
  if (!kernel.types().hasMember("module", "list"))
    return readLearnedModules(kernel);
  llvm::Expected<ModuleReader> reader =
      ModuleReader::create(kernel.types(), kernel.reader());
  if (!reader) {
    // The file of debugging information has some of it alone.
    llvm::Expected<ModuleList> learned = readLearnedModules(kernel);
    if (!learned) {
      llvm::consumeError(learned.takeError());
      return reader.takeError();
    }
    llvm::consumeError(reader.takeError());
    return learned;
  }
  llvm::Expected<VirtAddr> head = kernel.address("modules");
  if (head)
    return reader->readAll(*head);
  std::optional<VirtAddr> found = reader->findHead(
      kernel.image().imageRuns, firstKernelPointer(kernel.image()));
  if (!found)
    return head.takeError();
  llvm::consumeError(head.takeError());
  return reader->readAll(*found);
}

} // namespace vmpt
