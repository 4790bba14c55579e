#include "cli/SandboxPlan.h"

#include "dump/OpenDump.h"
#include "dump/storage/SpoolFolder.h"

#include "llvm/ADT/STLExtras.h"

#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

namespace {

/// A new file is made beside where it will be; what is no regular file is
/// written to as it is.
std::string placeToWrite(const std::string &path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
      !S_ISDIR(status.st_mode))
    return path;
  // Where a link leads to is where the file is made.
  std::unique_ptr<char, decltype(&std::free)> real(
      ::realpath(path.c_str(), nullptr), std::free);
  const std::string file = real ? real.get() : path;
  return file.substr(0, file.rfind('/') + 1) + ".";
}

/// Is it a file that cannot be mapped, and so may be copied first? What cannot
/// be opened is somebody else's error.
bool mayNeedCopy(const std::string &path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode))
    return false;
  if (!S_ISREG(status.st_mode) || status.st_size == 0)
    return true;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return false;
  void *page = ::mmap(nullptr, 1, PROT_READ, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED)
    ::munmap(page, 1);
  ::close(fd);
  return page == MAP_FAILED;
}

/// Where DebugFiles looks.
SandboxRules makeBasicRules() {
  SandboxRules rules;
  rules.folders = {"/usr/lib/debug", "/boot", "/lib/modules",
                   "/usr/lib/modules"};
  return rules;
}

} // namespace

SandboxRules planReading(std::vector<std::string> files) {
  SandboxRules rules = makeBasicRules();
  if (llvm::any_of(files, mayNeedCopy))
    rules.writable.push_back(getSpoolFolder());
  rules.files = std::move(files);
  return rules;
}

SandboxRules planSandbox(const OptionParser &parser) {
  SandboxRules rules = makeBasicRules();
  rules.files = {"/dev/urandom"}; // for names of new files
  bool needsCopies = false;
  parser.forEachValue([&](llvm::StringRef option, const std::string &value) {
    if (option == "--output") {
      rules.writable.push_back(placeToWrite(value));
      return;
    }
    // Words that name no file are passed over.
    std::vector<std::string> files = listDumpFiles(value, {});
    files.push_back(value.substr(0, value.rfind('@'))); // --map FILE@...
    for (std::string &file : files) {
      needsCopies |= mayNeedCopy(file);
      rules.files.push_back(std::move(file));
    }
  });
  if (needsCopies)
    rules.writable.push_back(getSpoolFolder());
  return rules;
}

} // namespace vmpt
