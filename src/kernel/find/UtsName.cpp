#include "kernel/find/UtsName.h"

#include "memory/MemoryScan.h"
#include "support/Bits.h"

#include "llvm/ADT/STLExtras.h"

#include <array>

namespace vmpt {

namespace {

/// linux include/uapi/linux/utsname.h, struct new_utsname: sysname, nodename,
/// release, ...
constexpr uint64_t fieldBytes = 65;
constexpr uint64_t releaseOffset = 2 * fieldBytes;
/// linux include/linux/utsname.h: `name` is the first member, or follows a
/// kref. Told by OFFSET(uts_namespace.name) since 5.11.
constexpr uint64_t nameOffsets[] = {0, 4};

class UtsName {
public:
  UtsName(const PhysicalMemory &memory, llvm::StringRef release)
      : memory_(memory), release_(release) {}

  bool isAt(PhysAddr at) const {
    return has(at, "Linux") && has(at + releaseOffset, release_);
  }

private:
  /// The text with its NUL.
  bool has(PhysAddr at, llvm::StringRef text) const {
    std::array<uint8_t, fieldBytes + 1> bytes = {};
    if (text.size() >= fieldBytes ||
        memory_.tryRead(at, llvm::MutableArrayRef<uint8_t>(bytes).take_front(
                                text.size() + 1)))
      return false;
    return std::equal(text.begin(), text.end(), bytes.begin()) &&
           bytes[text.size()] == 0;
  }

  const PhysicalMemory &memory_;
  llvm::StringRef release_;
};

/// Where `name` may be in a uts_namespace.
std::vector<uint64_t> listNameOffsets(const Vmcoreinfo &info) {
  if (auto offset = info.offset("uts_namespace.name"))
    return {*offset};
  return {std::begin(nameOffsets), std::end(nameOffsets)};
}

} // namespace

bool lacksUtsName(const PhysicalMemory &memory, const Vmcoreinfo &info,
                  const ImageSymbols &symbols, PhysAddr root) {
  const std::optional<uint64_t> names = info.symbol("init_uts_ns");
  if (!names || !info.release() || info.release()->empty())
    return false;
  const PhysAddr at = root + (*names - symbols.self.value);
  std::array<uint8_t, 3 * fieldBytes> bytes;
  const UtsName name(memory, *info.release());
  return !memory.tryRead(at, bytes) &&
         llvm::none_of(listNameOffsets(info),
                       [&](uint64_t offset) { return name.isAt(at + offset); });
}

std::vector<RootGuess>
guessRootsByUtsName(const PhysicalMemory &memory, const Vmcoreinfo &info,
                    const ImageSymbols &symbols, Diagnostics &diagnostics,
                    llvm::function_ref<bool(const RootGuess &)> isProven) {
  constexpr size_t maxGuesses = 4;
  constexpr uint64_t pageBytes = 4096;
  const std::optional<uint64_t> names = info.symbol("init_uts_ns");
  if (!names || !info.release() || info.release()->empty())
    return {};
  const std::vector<uint64_t> offsets = listNameOffsets(info);
  const PhysicalMemory &scanned = memory.forScanning();
  const UtsName name(scanned, *info.release());
  std::vector<RootGuess> guesses;
  using Places = llvm::SmallVector<PhysAddr, 0>;
  scanMemory<Places>(
      scanned, diagnostics, "looking for the kernel's name",
      [&](const MemoryPiece &piece, Places &places) {
        const uint64_t first = alignDown(piece.start.value, pageBytes);
        for (uint64_t page = first;
             places.size() < maxGuesses &&
             page - first < piece.size + (piece.start.value - first);
             page += pageBytes)
          for (uint64_t offset : offsets) {
            const PhysAddr at(page + (*names & (pageBytes - 1)));
            if (name.isAt(at + offset))
              places.push_back(at);
          }
      },
      [&](const Places &places) {
        for (PhysAddr at : places) {
          if (guesses.size() >= maxGuesses)
            return false;
          guesses.push_back(
              {at - (*names - symbols.self.value),
               "at its distance from the release in init_uts_ns, physical " +
                   hex(at)});
          if (isProven(guesses.back()))
            return false;
        }
        return true;
      });
  return guesses;
}

} // namespace vmpt
