#include "session/RequestParts.h"

#include "dump/formats/RawLayout.h"
#include "dump/storage/FileAccess.h"

namespace vmpt {

llvm::Error DumpParts::apply(Request &request) const {
  if (!files.empty()) {
    request.path = files.front();
    request.open.parts.assign(files.begin() + 1, files.end());
  }
  llvm::append_range(request.open.parts, parts);
  if (!maps.empty() && !request.open.parts.empty())
    return llvm::make_error<UsageError>(
        "--part is a further file of a split dump, and raw memory is none; "
        "--map says where each of its files lies");
  if (!maps.empty() && rawBase && request.path.empty())
    return llvm::make_error<UsageError>(
        "--raw-base says where DUMP lies, and none is named; --map says where "
        "each file lies");
  if (rawBase)
    request.open.rawBase = PhysAddr(*rawBase);
  if (layout) {
    if (rawBase || !maps.empty())
      return llvm::make_error<UsageError>(
          "--layout says where all of a raw image lies; leave out --raw-base "
          "and --map");
    llvm::Expected<const RawLayout *> found = findRawLayout(*layout);
    if (!found)
      return found.takeError();
    request.open.rawLayout = *found;
  }
  for (const std::string &text : maps) {
    llvm::Expected<RawMapping> mapping = parseMapping(text);
    if (!mapping)
      return mapping.takeError();
    request.open.mappings.push_back(std::move(*mapping));
  }
  return llvm::Error::success();
}

llvm::Error WorkParts::apply(Request &request) const {
  constexpr uint64_t most = 1024;
  if (!threads)
    return llvm::Error::success();
  if (*threads < 1 || *threads > most)
    return llvm::make_error<UsageError>("from 1 to " + std::to_string(most) +
                                        " threads may work, not " +
                                        std::to_string(*threads));
  request.threads = unsigned(*threads);
  return llvm::Error::success();
}

/// Text that has what each VMCOREINFO has (linux kernel/vmcore_info.c).
static llvm::Error checkVmcoreinfo(const std::string &text) {
  const Vmcoreinfo info = Vmcoreinfo::parse(text);
  if (info.release() && info.has("PAGESIZE"))
    return llvm::Error::success();
  return llvm::make_error<UsageError>(
      "no VMCOREINFO text: it has no lines OSRELEASE= and PAGESIZE=");
}

llvm::Error KernelParts::apply(Request &request) const {
  KernelOverrides &overrides = request.kernel;
  if (arch) {
    overrides.arch = parseArch(*arch);
    if (!overrides.arch)
      return llvm::make_error<UsageError>("--arch '" + *arch +
                                          "' is not one of " + listArchNames());
  }
  if (kernel && (root || vmcoreinfo))
    return llvm::make_error<UsageError>(
        "--kernel and --" + std::string(root ? "root" : "vmcoreinfo") +
        " each choose a kernel; leave out one");
  overrides.kernelNumber = kernel;
  if (root)
    overrides.root = PhysAddr(*root);
  if (levels)
    overrides.levels = unsigned(std::min<uint64_t>(*levels, ~0u));
  if (vaBits)
    overrides.virtualBits = unsigned(std::min<uint64_t>(*vaBits, ~0u));
  overrides.granule = granule;
  overrides.force = force;
  request.debug.force |= force;
  overrides.physBase = physBase;
  if (vmcoreinfo) {
    llvm::Expected<std::vector<uint8_t>> file = readWhole(*vmcoreinfo);
    if (!file)
      return llvm::createFileError(*vmcoreinfo, file.takeError());
    overrides.vmcoreinfoText = Bytes(*file).text().str();
    if (llvm::Error error = checkVmcoreinfo(*overrides.vmcoreinfoText))
      return llvm::createFileError(*vmcoreinfo, std::move(error));
    request.vmcoreinfo = vmcoreinfo;
  }
  return llvm::Error::success();
}

/// The first option that says something of symbols or struct layouts; "" if
/// none does. With \p allowsFiles no file counts.
static std::string describeGiven(const DebugInputs &given, bool allowsFiles) {
  if (!given.symbols.empty())
    return "--symbol";
  if (!given.places.empty())
    return "--offset";
  if (allowsFiles || !given.isGiven())
    return "";
  return given.vmlinux     ? "--vmlinux"
         : given.systemMap ? "--system-map"
                           : "--btf";
}

llvm::Error Needs::apply(Request &request) const {
  const KernelOverrides &overrides = request.kernel;
  const std::vector<KernelOption> given = overrides.given();
  std::string option, what;
  if (!kernel && (!given.empty() || overrides.kernelNumber)) {
    option = given.empty()
                 ? "--kernel " + std::to_string(*overrides.kernelNumber)
                 : overrides.describe(given.front());
    what = "the kernel and its page tables";
  } else if (!names) {
    // A file of the kernel that is looked for is judged, and may be given.
    option = describeGiven(request.debug, /*allowsFiles=*/kernel);
    what = "symbols and struct layouts";
  }
  if (!option.empty())
    return llvm::make_error<UsageError>(option + " is about " + what +
                                        ", and of use with " + with +
                                        " alone; leave it out");
  request.lossIsGap = whole;
  return llvm::Error::success();
}

llvm::Error SymbolParts::apply(Request &request) const {
  DebugInputs &inputs = request.debug;
  for (const std::string &text : symbols)
    if (llvm::Error error = inputs.symbols.add(text))
      return error;
  for (const std::string &text : offsets)
    if (llvm::Error error = inputs.places.add(text))
      return error;
  if (forceVmlinux && !vmlinux && !systemMap && !btf)
    return llvm::make_error<UsageError>(
        "--force-vmlinux says nothing without --vmlinux, --system-map or "
        "--btf");
  inputs.takesNames |= takesNames;
  inputs.vmlinux = vmlinux;
  inputs.systemMap = systemMap;
  inputs.btf = btf;
  inputs.force |= forceVmlinux;
  return llvm::Error::success();
}

} // namespace vmpt
