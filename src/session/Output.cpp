#include "session/Output.h"

namespace vmpt {

static OutputRequest listInputs(const Request &request) {
  OutputRequest wanted;
  wanted.dumpFiles = listDumpFiles(request.path, request.open.parts);
  for (const RawMapping &mapping : request.open.mappings)
    wanted.dumpFiles.push_back(mapping.path);
  for (const auto *file : {&request.debug.vmlinux, &request.debug.systemMap,
                           &request.debug.btf, &request.vmcoreinfo})
    if (*file)
      wanted.otherInputs.push_back(**file);
  return wanted;
}

llvm::Error judgeStandardOutput(const Request &request) {
  if (llvm::Error error = judgeStandardOutput(listInputs(request)))
    return llvm::createFileError("standard output", std::move(error));
  return llvm::Error::success();
}

llvm::Expected<Output> createOutput(const Request &request,
                                    const std::string &path, bool force) {
  if (path.empty())
    return llvm::make_error<UsageError>("--output names no file");
  OutputRequest wanted = listInputs(request);
  wanted.path = path;
  wanted.force = force;
  llvm::Expected<std::unique_ptr<OutputFile>> file = OutputFile::create(wanted);
  if (!file)
    return llvm::createFileError(path, file.takeError());
  return Output{path, std::move(*file)};
}

} // namespace vmpt
