#include "fleet/DumpFinder.h"

#include "dump/OpenDump.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <memory>
#include <sys/stat.h>

namespace vmpt {

namespace {

class Finder {
public:
  explicit Finder(const std::function<bool(const std::string &)> &isOutput)
      : isOutput_(isOutput) {}

  void addWord(const std::string &word);
  FoundDumps take();

private:
  void addFolder(const std::string &folder);
  void addEntry(const std::string &path);
  void addFile(const std::string &path) {
    if (seen_.insert(path).second)
      found_.paths.push_back(path);
  }
  void cannotRead(const std::string &folder);

  const std::function<bool(const std::string &)> &isOutput_;
  FoundDumps found_;
  llvm::StringSet<> seen_;
  /// Folders that are still to be read; the last is the next.
  std::vector<std::string> folders_;
  uint64_t linkedFolders_ = 0, specialFiles_ = 0;
};

void Finder::cannotRead(const std::string &folder) {
  Finding finding;
  finding.kind = "folder-unreadable";
  finding.sentence =
      std::string("the folder cannot be read: ") + std::strerror(errno);
  finding.subject.file = folder;
  finding.severity = Severity::Gap;
  found_.findings.push_back(std::move(finding));
}

void Finder::addEntry(const std::string &path) {
  struct stat own, target;
  if (::lstat(path.c_str(), &own) != 0)
    return; // It went away.
  const bool isLink = S_ISLNK(own.st_mode);
  // A link that leads to nothing is a file that cannot be opened.
  if (!isLink || ::stat(path.c_str(), &target) != 0)
    target = own;
  if (S_ISDIR(target.st_mode)) {
    if (isLink)
      ++linkedFolders_;
    else
      folders_.push_back(path);
  } else if (!S_ISREG(target.st_mode) && !S_ISLNK(target.st_mode)) {
    ++specialFiles_;
  } else if (!isOutput_(path)) {
    addFile(path);
  }
}

void Finder::addFolder(const std::string &folder) {
  std::unique_ptr<DIR, int (*)(DIR *)> opened(::opendir(folder.c_str()),
                                              ::closedir);
  if (!opened)
    return cannotRead(folder);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent *entry = ::readdir(opened.get())) {
    const llvm::StringRef name = entry->d_name;
    if (name != "." && name != "..")
      names.push_back(name.str());
    errno = 0;
  }
  if (errno)
    cannotRead(folder);
  opened.reset();
  llvm::sort(names);
  const size_t first = folders_.size();
  for (const std::string &name : names)
    addEntry(folder.back() == '/' ? folder + name : folder + "/" + name);
  std::reverse(folders_.begin() + ptrdiff_t(first), folders_.end());
}

void Finder::addWord(const std::string &word) {
  struct stat status;
  if (word.empty() || ::stat(word.c_str(), &status) != 0 ||
      !S_ISDIR(status.st_mode)) {
    if (!isOutput_(word))
      return addFile(word);
    Finding finding;
    finding.kind = "output-passed-over";
    finding.sentence = "is what the survey writes, and not surveyed";
    finding.subject.file = word;
    found_.findings.push_back(std::move(finding));
    return;
  }
  folders_.push_back(word);
  while (!folders_.empty()) {
    const std::string folder = std::move(folders_.back());
    folders_.pop_back();
    addFolder(folder);
  }
}

FoundDumps Finder::take() {
  // The .vmem of a VMware state is no dump of its own.
  llvm::StringSet<> parts;
  for (const std::string &path : found_.paths) {
    const std::vector<std::string> files = listDumpFiles(path, {});
    for (const std::string &file : files)
      if (file != path)
        parts.insert(file);
  }
  llvm::erase_if(found_.paths,
                 [&](const std::string &path) { return parts.contains(path); });
  const auto warn = [&](const char *kind, uint64_t count, const char *what) {
    if (count)
      found_.findings.push_back({kind, std::to_string(count) + what, {}, {}});
  };
  warn("links-not-followed", linkedFolders_,
       " links to folders are not followed; name the folders themselves");
  warn("special-files", specialFiles_,
       " pipes, sockets and devices are passed over");
  return std::move(found_);
}

} // namespace

FoundDumps findDumps(llvm::ArrayRef<std::string> words,
                     const std::function<bool(const std::string &)> &isOutput) {
  Finder finder(isOutput);
  for (const std::string &word : words)
    finder.addWord(word);
  return finder.take();
}

std::vector<std::string> splitPathList(llvm::StringRef text) {
  const char separator = text.contains('\0') ? '\0' : '\n';
  std::vector<std::string> paths;
  while (!text.empty()) {
    const auto [path, rest] = text.split(separator);
    if (!path.empty())
      paths.push_back(path.str());
    text = rest;
  }
  return paths;
}

} // namespace vmpt
