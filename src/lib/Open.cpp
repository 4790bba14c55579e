//===- Open.cpp - options, and opening a dump by them ---------------------===//
#include "lib/Guard.h"
#include "lib/OpenedDump.h"
#include "lib/Values.h"
#include "session/RequestParts.h"
#include "support/Suggest.h"
#include "support/Text.h"

using namespace vmpt;

struct vmpt_options {
  DumpParts dump;
  KernelParts kernel;
  SymbolParts symbols;
  WorkParts work;
};

namespace vmpt {

namespace {

/// Files are read, and no thread is started unless an option says so: see
/// vmpt.h.
struct LibraryPart {
  llvm::Error apply(Request &request) const {
    request.open.access = FileAccess::Read;
    request.threads = 1;
    request.debug.takesNames = true;
    return llvm::Error::success();
  }
};

/// One option: one of the targets is where its value goes.
struct OptionTarget {
  llvm::StringLiteral name;
  std::optional<uint64_t> *number = nullptr;
  std::optional<std::string> *text = nullptr;
  std::vector<std::string> *texts = nullptr;
  bool *flag = nullptr;
};

std::vector<OptionTarget> listTargets(vmpt_options &to) {
  std::vector<OptionTarget> all;
  auto add = [&](llvm::StringLiteral name) -> OptionTarget & {
    all.push_back({name});
    return all.back();
  };
  add("part").texts = &to.dump.parts;
  add("map").texts = &to.dump.maps;
  add("raw-base").number = &to.dump.rawBase;
  add("layout").text = &to.dump.layout;
  add("arch").text = &to.kernel.arch;
  add("root").number = &to.kernel.root;
  add("levels").number = &to.kernel.levels;
  add("va-bits").number = &to.kernel.vaBits;
  add("granule").number = &to.kernel.granule;
  add("phys-base").number = &to.kernel.physBase;
  add("vmcoreinfo").text = &to.kernel.vmcoreinfo;
  add("kernel").number = &to.kernel.kernel;
  add("force").flag = &to.kernel.force;
  add("vmlinux").text = &to.symbols.vmlinux;
  add("force-vmlinux").flag = &to.symbols.forceVmlinux;
  add("system-map").text = &to.symbols.systemMap;
  add("btf").text = &to.symbols.btf;
  add("symbol").texts = &to.symbols.symbols;
  add("offset").texts = &to.symbols.offsets;
  add("threads").number = &to.work.threads;
  return all;
}

llvm::Error setOption(const OptionTarget &target, llvm::StringRef value) {
  if (target.texts) {
    target.texts->push_back(value.str());
  } else if (target.text) {
    *target.text = value.str();
  } else if (target.flag) {
    if (value != "yes" && value != "no")
      return llvm::make_error<UsageError>("option '" + target.name +
                                          "' is 'yes' or 'no', not '" +
                                          printable(value) + "'");
    *target.flag = value == "yes";
  } else {
    llvm::Expected<uint64_t> number =
        parseNumber(value, "option '" + target.name + "'");
    if (!number)
      return number.takeError();
    *target.number = *number;
  }
  return llvm::Error::success();
}

} // namespace

} // namespace vmpt

const char *vmpt_version(void) { return VMPT_VERSION; }

vmpt_options *vmpt_options_new(void) { return new (std::nothrow) vmpt_options; }

void vmpt_options_free(vmpt_options **options) {
  if (!options)
    return;
  delete *options;
  *options = nullptr;
}

int vmpt_options_set(vmpt_options *options, const char *name, const char *value,
                     vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(options, "options"))
      return wrong;
    if (llvm::Error wrong = need(name, "name"))
      return wrong;
    if (llvm::Error wrong = need(value, "value"))
      return wrong;
    std::vector<std::string> names;
    for (const OptionTarget &target : listTargets(*options)) {
      names.push_back(target.name.str());
      if (target.name != name)
        continue;
      if (llvm::Error wrong = setOption(target, value))
        return wrong;
      return VMPT_OK;
    }
    return llvm::make_error<UsageError>(
        "there is no option '" + printable(name) + "'" + suggest(name, names));
  });
}

int vmpt_open(const char *path, const vmpt_options *options, vmpt_dump **dump,
              vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = prepare(dump, "dump"))
      return wrong;
    const vmpt_options none;
    const vmpt_options &given = options ? *options : none;
    DumpParts parts = given.dump;
    if (path)
      parts.files.push_back(path);
    llvm::Expected<Request> request = makeRequest(
        LibraryPart(), parts, given.kernel, given.symbols, given.work);
    if (!request)
      return request.takeError();
    llvm::Expected<std::shared_ptr<OpenedDump>> opened =
        OpenedDump::open(std::move(*request));
    if (!opened)
      return opened.takeError();
    *dump = new vmpt_dump{*opened};
    return (*opened)->standing().hasGap() ? VMPT_GAPS : VMPT_OK;
  });
}

void vmpt_close(vmpt_dump **dump) {
  if (!dump)
    return;
  delete *dump;
  *dump = nullptr;
}

const vmpt_value *vmpt_result_value(const vmpt_result *result) {
  return result ? toHandle(result->value) : nullptr;
}

void vmpt_result_free(vmpt_result **result) {
  if (!result)
    return;
  delete *result;
  *result = nullptr;
}
