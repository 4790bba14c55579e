#include "dump/storage/FileFaults.h"

#include "support/Error.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

std::atomic<bool> faults::anyFault = false;

/// One mapping. The handler walks a list of these, so none is ever freed; one
/// that is not in use has size 0 and is taken again. All that the handler
/// reads or writes is atomic.
struct WatchedMapping {
  static constexpr size_t maxBadPages = 64;

  std::atomic<uintptr_t> start = 0;
  std::atomic<uint64_t> size = 0;
  std::atomic<int> fd = -1;
  std::atomic<uint64_t> goodSize = 0; ///< Bytes behind are gone.
  std::atomic<uint32_t> badPages = 0; ///< May exceed the array: then all are.
  std::array<std::atomic<uint64_t>, maxBadPages> badPage = {}; ///< Offsets.
  WatchedMapping *next = nullptr;

  bool isIn(uintptr_t address) const {
    return address - start.load() < size.load();
  }
  /// Notes a file that became shorter.
  void lookAtSize() {
    struct stat status;
    if (::fstat(fd.load(), &status) != 0 || !S_ISREG(status.st_mode))
      return;
    uint64_t good = goodSize.load();
    while (uint64_t(status.st_size) < good &&
           !goodSize.compare_exchange_weak(good, uint64_t(status.st_size)))
      ;
  }
  bool isLost(uint64_t offset, uint64_t count) const {
    if (offset + count > goodSize.load())
      return true;
    const uint32_t bad = badPages.load();
    if (bad > maxBadPages)
      return true;
    for (uint32_t i = 0; i < bad; ++i)
      if (badPage[i].load() < offset + count &&
          offset < badPage[i].load() + uint64_t(::getpagesize()))
        return true;
    return false;
  }
};

namespace {

std::atomic<WatchedMapping *> mappings = nullptr;
struct sigaction previousAction;

WatchedMapping *findMapping(uintptr_t address) {
  for (WatchedMapping *mapping = mappings.load(); mapping;
       mapping = mapping->next)
    if (mapping->isIn(address))
      return mapping;
  return nullptr;
}

/// A page of zeros where the file has none any more. Only system calls that do
/// not touch memory of ours: this runs between any two instructions.
bool replacePage(WatchedMapping &mapping, uintptr_t address) {
  const uintptr_t pageBytes = uintptr_t(::getpagesize());
  const uintptr_t page = address & ~(pageBytes - 1);
  if (::mmap(reinterpret_cast<void *>(page), pageBytes, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    return false;
  const uint64_t offset = page - mapping.start.load();
  mapping.lookAtSize();
  if (offset + pageBytes <= mapping.goodSize.load()) { // a disk that fails
    const uint32_t index = mapping.badPages.load();
    if (index < WatchedMapping::maxBadPages)
      mapping.badPage[index] = offset;
    mapping.badPages =
        std::min<uint32_t>(index + 1, WatchedMapping::maxBadPages + 1);
  }
  faults::anyFault = true;
  return true;
}

void passOn(int signal, siginfo_t *info, void *context) {
  if (previousAction.sa_flags & SA_SIGINFO)
    return previousAction.sa_sigaction(signal, info, context);
  if (previousAction.sa_handler != SIG_DFL &&
      previousAction.sa_handler != SIG_IGN)
    return previousAction.sa_handler(signal);
  // As if we had never been there: the instruction fails again and ends the
  // program, or, if somebody sent the signal, it is sent again.
  ::signal(signal, SIG_DFL);
  if (info->si_code <= 0)
    ::raise(signal);
}

void handleBusError(int signal, siginfo_t *info, void *context) {
  const int savedErrno = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  WatchedMapping *mapping = info->si_code > 0 ? findMapping(address) : nullptr;
  if (!mapping || !replacePage(*mapping, address))
    passOn(signal, info, context);
  errno = savedErrno;
}

void installHandler() {
  struct sigaction action = {};
  action.sa_sigaction = handleBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGBUS, &action, &previousAction);
}

std::mutex listMutex;
std::optional<std::string> lastFault; ///< Under listMutex.

} // namespace

bool faults::wasLostSlow(const uint8_t *data, uint64_t size) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  const WatchedMapping *mapping = findMapping(address);
  return mapping && mapping->isLost(address - mapping->start.load(), size);
}

std::optional<MappedPlace> findMappedPlace(const uint8_t *data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  const WatchedMapping *mapping = findMapping(address);
  if (!mapping)
    return std::nullopt;
  return MappedPlace{mapping->fd.load(), address - mapping->start.load(),
                     mapping->size.load()};
}

MappingWatch::MappingWatch(llvm::ArrayRef<uint8_t> mapping, int fd) {
  static std::once_flag installed;
  std::call_once(installed, installHandler);
  std::lock_guard lock(listMutex);
  WatchedMapping *free = mappings.load();
  while (free && free->size.load())
    free = free->next;
  const bool isNew = !free;
  if (isNew)
    free = new WatchedMapping;
  free->start = reinterpret_cast<uintptr_t>(mapping.data());
  free->fd = fd;
  free->goodSize = mapping.size();
  free->badPages = 0;
  free->size = mapping.size();
  if (isNew) {
    free->next = mappings.load();
    mappings = free;
  }
  watched_ = free;
}

MappingWatch::~MappingWatch() {
  std::lock_guard lock(listMutex);
  if (std::optional<std::string> fault = describe())
    lastFault = std::move(fault);
  watched_->size = 0;
}

std::optional<std::string> MappingWatch::describe() const {
  watched_->lookAtSize();
  const uint64_t good = watched_->goodSize.load(), size = watched_->size.load();
  if (good < size)
    return "became shorter while it was in use, " + hex(good) +
           " bytes instead of " + hex(size);
  if (watched_->badPages.load())
    return "cannot be read at offset " + hex(watched_->badPage[0].load()) +
           ": its disk has an error";
  return std::nullopt;
}

std::optional<std::string> describeLastFault() {
  std::lock_guard lock(listMutex);
  return lastFault;
}

} // namespace vmpt
