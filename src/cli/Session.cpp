#include "cli/Session.h"
#include "dump/OpenDump.h"

#include "dump/formats/Raw.h"
#include "dump/formats/RawLayout.h"
#include "kernel/find/RawPlacement.h"
#include "support/Text.h"

#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

namespace vmpt {

namespace {

/// At most ten times a second, and gone when the work is done.
void showProgress(llvm::StringRef what, uint64_t done, uint64_t total) {
  static unsigned shownPercent = ~0u;
  unsigned percent = total ? unsigned(double(done) * 100 / double(total)) : 100;
  if (percent == shownPercent)
    return;
  shownPercent = percent;
  if (done >= total)
    llvm::errs() << "\r\x1b[K";
  else
    llvm::errs() << "\rvmpt: " << what << ": " << percent << "%\x1b[K";
}

} // namespace

Diagnostics &standardDiagnostics() {
  static Diagnostics diagnostics(
      [](llvm::StringRef message) {
        llvm::errs() << "vmpt: warning: " << printable(message) << '\n';
      },
      ::isatty(STDERR_FILENO) ? Diagnostics::ProgressHandler(showProgress)
                              : Diagnostics::ProgressHandler());
  return diagnostics;
}

void warn(const Options &options, const llvm::Twine &message) {
  standardDiagnostics().warn("'" + options.dump + "': " + message);
}

llvm::Expected<bool> wantsJson(const Options &options) {
  const std::string format = options.format.value_or("text");
  if (format == "json" || format == "text")
    return format == "json";
  return llvm::make_error<UsageError>("--format '" + format +
                                      "' is neither text nor json");
}

llvm::Error withFileName(const Options &options, llvm::Error error) {
  const std::string &name = !options.dump.empty()   ? options.dump
                            : !options.maps.empty() ? options.maps.front()
                                                    : options.dump;
  return llvm::createFileError(name, std::move(error));
}

llvm::Expected<Dump> openDump(const Options &options) {
  OpenOptions open;
  open.parts = options.parts;
  if (options.rawBase)
    open.rawBase = PhysAddr(*options.rawBase);
  if (options.layout) {
    if (options.rawBase || !options.maps.empty())
      return llvm::make_error<UsageError>(
          "--layout says where all of a raw image lies; leave out --raw-base "
          "and --map");
    llvm::Expected<const RawLayout *> layout = findRawLayout(*options.layout);
    if (!layout)
      return layout.takeError();
    open.rawLayout = *layout;
  }
  for (const std::string &text : options.maps) {
    llvm::Expected<RawMapping> mapping = parseMapping(text);
    if (!mapping)
      return mapping.takeError();
    open.mappings.push_back(std::move(*mapping));
  }
  if (options.dump.empty() && open.mappings.empty())
    return llvm::make_error<UsageError>(
        "no dump is named; give DUMP, or --map for raw pieces of memory");
  llvm::Expected<Dump> dump =
      openDump(options.dump, open, standardDiagnostics());
  if (!dump)
    return withFileName(options, dump.takeError());
  placeRawImage(*dump, standardDiagnostics());
  return dump;
}

llvm::Expected<std::unique_ptr<OutputFile>>
createOutput(const Options &options) {
  OutputRequest request;
  request.path = *options.output;
  request.force = options.force;
  request.dumpFiles = listDumpFiles(options.dump, options.parts);
  for (const std::string &text : options.maps)
    if (llvm::Expected<RawMapping> mapping = parseMapping(text))
      request.dumpFiles.push_back(mapping->path);
    else
      return mapping.takeError();
  for (const auto *file : {&options.vmlinux, &options.systemMap, &options.btf,
                           &options.vmcoreinfo})
    if (*file)
      request.otherInputs.push_back(**file);
  llvm::Expected<std::unique_ptr<OutputFile>> output =
      OutputFile::create(request);
  if (!output)
    return llvm::createFileError(*options.output, output.takeError());
  return output;
}

llvm::Expected<KernelOverrides> makeOverrides(const Options &options) {
  KernelOverrides overrides;
  if (options.arch) {
    overrides.arch = parseArch(*options.arch);
    if (!overrides.arch)
      return llvm::make_error<UsageError>("--arch '" + *options.arch +
                                          "' is not one of " + listArchNames());
  }
  if (options.root)
    overrides.root = PhysAddr(*options.root);
  if (options.levels)
    overrides.levels = unsigned(*options.levels);
  if (options.vaBits)
    overrides.virtualBits = unsigned(*options.vaBits);
  overrides.granule = options.granule;
  overrides.physBase = options.physBase;
  if (options.vmcoreinfo) {
    llvm::Expected<std::unique_ptr<MappedFile>> file =
        MappedFile::open(*options.vmcoreinfo);
    if (!file)
      return llvm::createFileError(*options.vmcoreinfo, file.takeError());
    overrides.vmcoreinfoText = (*file)->bytes().text().str();
  }
  return overrides;
}

llvm::Expected<KernelImage> findKernel(const Options &options, const Dump &dump,
                                       const PhysicalMemory &memory) {
  llvm::Expected<KernelOverrides> overrides = makeOverrides(options);
  if (!overrides)
    return overrides.takeError();
  llvm::Expected<KernelImage> kernel =
      findKernel(dump, memory, *overrides, standardDiagnostics());
  if (!kernel)
    return withFileName(options, kernel.takeError());
  return kernel;
}

llvm::Expected<std::unique_ptr<KernelDebug>>
findDebug(const Options &options, const KernelImage &kernel,
          const PhysicalMemory &memory) {
  DebugInputs inputs;
  for (const std::string &text : options.symbols)
    if (llvm::Error error = inputs.symbols.add(text))
      return error;
  for (const std::string &text : options.offsets)
    if (llvm::Error error = inputs.places.add(text))
      return error;
  inputs.vmlinux = options.vmlinux;
  inputs.systemMap = options.systemMap;
  inputs.btf = options.btf;
  inputs.force = options.forceVmlinux;
  return KernelDebug::create(kernel, memory, std::move(inputs),
                             standardDiagnostics());
}

} // namespace vmpt
