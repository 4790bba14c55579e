#include "kernel/find/TableCandidates.h"

#include "kernel/find/RootCheck.h"
#include "memory/ScanProgress.h"

#include <algorithm>

namespace vmpt {

namespace {

/// Of that many the rest is not judged.
constexpr size_t maxCandidates = size_t(1) << 18;
constexpr uint64_t blockBytes = uint64_t(64) << 10, pageBytes = 4096;

class CandidateScan {
public:
  CandidateScan(const PhysicalMemory &memory,
                llvm::ArrayRef<const PagingMode *> modes)
      : memory_(memory) {
    for (const PagingMode *mode : modes)
      found_.byMode.push_back({mode, {}});
  }

  void look(const MemoryRange &range, ScanProgress &progress);
  TableCandidates take() { return std::move(found_); }

private:
  void lookAt(PhysAddr start, llvm::ArrayRef<uint8_t> bytes);

  const PhysicalMemory &memory_;
  size_t count_ = 0;
  TableCandidates found_;
};

/// Cheap, as each page is asked.
bool looksLikeTop(const PagingMode &mode, const uint8_t *raw) {
  bool isUsed = false;
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const uint64_t entry = mode.load(raw + size_t(index) * mode.entryBytes);
    if (mode.isEmpty(entry, 0))
      continue;
    const DecodedEntry decoded = mode.decode(entry, 0);
    if (decoded.meaning == EntryMeaning::Reserved ||
        (decoded.isTable() && decoded.address.value == 0))
      return false;
    isUsed |= decoded.meaning != EntryMeaning::Hole;
  }
  return isUsed;
}

void CandidateScan::lookAt(PhysAddr start, llvm::ArrayRef<uint8_t> bytes) {
  for (auto &[mode, candidates] : found_.byMode) {
    const uint64_t size = mode->tableBytes(0);
    const uint64_t step = std::min(size, bit(mode->pageShift));
    for (uint64_t at = alignUp(start.value, step) - start.value;
         at + size <= bytes.size(); at += step) {
      const uint8_t *raw = bytes.data() + at;
      if (!looksLikeTop(*mode, raw) ||
          findTableFault(memory_, *mode, start + at))
        continue;
      if (count_ >= maxCandidates) {
        found_.isCut = true;
        return;
      }
      ++count_;
      candidates.push_back(start + at);
    }
  }
}

void CandidateScan::look(const MemoryRange &range, ScanProgress &progress) {
  std::vector<uint8_t> block;
  for (uint64_t done = 0; done < range.size;) {
    const PhysAddr at = range.start + done;
    uint64_t size =
        std::min(blockBytes - (at.value & (blockBytes - 1)), range.size - done);
    block.resize(size);
    if (memory_.tryRead(at, block)) { // one of its pages is corrupt
      size = std::min(pageBytes - (at.value & (pageBytes - 1)), size);
      block.resize(size);
      if (memory_.tryRead(at, block))
        block.clear();
    }
    if (!block.empty())
      lookAt(at, block);
    progress.advance(size);
    done += size;
  }
}

} // namespace

TableCandidates findTableCandidates(const PhysicalMemory &memory,
                                    llvm::ArrayRef<const PagingMode *> modes,
                                    Diagnostics &diagnostics) {
  ScanProgress progress(diagnostics, memory, "looking for top tables");
  CandidateScan scan(memory, modes);
  for (const MemoryRange &range : memory.ranges())
    if (!range.absence)
      scan.look(range, progress);
  return scan.take();
}

} // namespace vmpt
