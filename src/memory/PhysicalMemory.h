//===- PhysicalMemory.h - the seam between dump files and all the rest ----===//
//
// Everything above reads a machine's physical memory through this interface
// and never sees a file. Bytes that are not there always come with a reason;
// they are never read as zeros.
//
#pragma once

#include "support/Bytes.h"
#include "support/Error.h"

#include "llvm/ADT/ArrayRef.h"

#include <optional>
#include <vector>

namespace vmpt {

/// Why bytes of physical memory are not in the dump.
enum class Absence : uint8_t {
  OutsideRam, ///< The machine has no memory there, as far as the dump says.
  Excluded,   ///< A filter (makedumpfile -d, vmpt trim) left the page out.
  Truncated,  ///< The file should hold it, but ends before, or lost it.
  Corrupt,    ///< The file holds it, but it cannot be decoded.
};

/// "outside RAM", "excluded", "truncated", "corrupt".
llvm::StringRef getAbsenceName(Absence absence);

/// The first byte of a read that is not there.
struct AbsentByte {
  PhysAddr address;
  Absence absence;
};

/// Bytes are not in the dump: data for those who can go on, an error for
/// those who cannot.
class MemoryError : public llvm::ErrorInfo<MemoryError> {
public:
  static char ID;
  explicit MemoryError(AbsentByte first) : first_(first) {}

  PhysAddr getAddress() const { return first_.address; }
  Absence getAbsence() const { return first_.absence; }
  /// "physical address 0x... is not in the dump (excluded)"
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }

private:
  AbsentByte first_;
};

/// A run of physical addresses of which the dump says the same.
/// Half-open: [start, start + size); size is never 0.
struct MemoryRange {
  PhysAddr start;
  uint64_t size = 0;
  /// Empty: the bytes are there.
  std::optional<Absence> absence;

  bool operator==(const MemoryRange &) const = default;
};

/// Appends \p next, which starts where the last range ends or later; joined
/// with it where both say the same. All 2^64 bytes are one more than a size
/// can say: they stay two ranges.
void appendRange(std::vector<MemoryRange> &ranges, const MemoryRange &next);

/// All functions may be called from several threads at once.
class PhysicalMemory {
public:
  virtual ~PhysicalMemory();

  /// Copies [at, at + out.size()) to \p out and returns nothing, or returns
  /// the first byte that is absent (\p out is then unspecified). May cross
  /// pages and ranges.
  virtual std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const = 0;

  /// The bytes [at, at + size) where they lie, without a copy, or null if
  /// they are not all there or not contiguous in the file. Valid as long as
  /// this object. No alignment is promised.
  virtual const uint8_t *tryView(PhysAddr at, uint64_t size) const;

  /// Where tryView() would be, or null, to tell the CPU what it may fetch.
  /// Not to be read: nothing was looked at, and the file may have lost it.
  virtual const void *tryPeek(PhysAddr, uint64_t) const { return nullptr; }

  /// False where each page that is looked at takes its time, because it has to
  /// be decompressed, or copied from a machine that runs.
  virtual bool isQuickToRead() const { return true; }

  /// What the dump knows of the address space, ascending and disjoint; what
  /// no range covers is outside RAM. Neighbours with the same absence are
  /// joined.
  virtual llvm::ArrayRef<MemoryRange> ranges() const = 0;

  /// True if an excluded page may have been left out because it was all
  /// zeros (makedumpfile dump level 1): then an excluded page *table* reads
  /// as empty, see docs/architecture.md.
  virtual bool mayExcludeZeroPages() const { return false; }
  /// The one exception to "absent is not empty": a page that may have been left
  /// out as zeros.
  bool mayBeZeros(Absence absence) const {
    return absence == Absence::Excluded && mayExcludeZeroPages();
  }

  /// False where the container has no map of RAM (a raw image): then memory
  /// that it has no bytes of may be outside of RAM, or have been cut off.
  virtual bool knowsRam() const { return true; }

  /// How many bytes the file should have and lacks. Cheap where there is no
  /// sign of it.
  virtual uint64_t truncatedBytes() const;

  /// How many of the bytes that are there the container itself marks as
  /// zeros, instead of storing them. No page is looked into.
  virtual uint64_t knownZeroBytes() const { return 0; }

  /// How many bytes ranges() says are there.
  uint64_t presentBytes() const;

  /// The first stretch of [at, at + size), all of which is there, that may
  /// hold other bytes than zeros; its size is 0 if none does. Holes of a file
  /// cost nothing.
  virtual MemoryRange nextStored(PhysAddr at, uint64_t size) const {
    return {at, size, std::nullopt};
  }
  /// [at, at + size) was looked at and will not be soon again: what it takes of
  /// the memory of this machine may go. Views stay valid.
  virtual void forget(PhysAddr, uint64_t) const {}

  /// The same memory for looking through much of it. Reads through it do not
  /// count as use where use is recorded (RecordingMemory).
  virtual const PhysicalMemory &forScanning() const { return *this; }

  /// tryRead with the absence as an error.
  llvm::Error read(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const;

  /// An unsigned integer in the byte order of the machine.
  template <class T>
  llvm::Expected<T> readNumber(PhysAddr at,
                               ByteOrder order = ByteOrder::little) const {
    uint8_t raw[sizeof(T)];
    if (auto absent = tryRead(at, raw))
      return llvm::make_error<MemoryError>(*absent);
    return loadUnaligned<T>(raw, order);
  }
};

} // namespace vmpt
