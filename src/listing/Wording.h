//===- Wording.h - how a kernel words its listing, as data ----------------===//
#pragma once

#include "listing/RunSink.h"
#include "support/Bits.h"
#include "support/Styles.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <array>
#include <string>
#include <vector>

namespace vmpt {

/// One column: text if (attributes & mask) == value, other text otherwise.
struct AttributeField {
  uint64_t mask = 0, value = 0;
  llvm::StringLiteral set = "", clear = "";
  /// Linux levels at which the bit has this meaning (bit 0: pgd ... bit 4:
  /// pte); at others the text is `clear`.
  uint8_t levels = 0b11111;
};

/// What entries say, in a word that means the same on every architecture
/// ("writable"): so if (attributes & mask) == value, in any row of the word.
struct AttributeMeaning {
  llvm::StringLiteral word = "";
  uint64_t mask = 0, value = 0;
  /// As AttributeField::levels; at others the row does not hold.
  uint8_t levels = 0b11111;
  bool appliesTo(int level) const { return level >= 0 && levels >> level & 1; }
};

struct Wording {
  /// Whose text it is: kernel, file, version.
  llvm::StringLiteral source = "";
  unsigned addressDigits = 16;
  /// Size counted in bytes ("BKMGTPE", x86) or in KiB ("KMGTPE").
  bool sizeInBytes = false;
  unsigned gapWidth = 3; ///< Blanks before the size.
  /// A line names its last byte, not the one behind it (Power).
  bool endIsInclusive = false;
  /// Column with the physical address of the first entry (riscv).
  bool physicalColumn = false;
  /// Fields first, level name last (x86); else level, then " " + each field.
  bool levelLast = false;
  /// Before the fields: what the path to the entry says.
  llvm::ArrayRef<AttributeField> pathFields = {};
  llvm::ArrayRef<AttributeField> fields;
  /// The level is a column.
  bool namesLevel = true;
  /// If none of these bits is set, `blankFields` stands for all fields; 0
  /// means that the fields are always worded.
  uint64_t presentMask = 0;
  unsigned blankWidth = 0;
  /// Runs whose attributes are all 0 get a line at all; if so, with fields?
  bool printsEmptyRuns = true;
  /// Attributes that are all 0 are rights like others (s390x).
  bool zeroHasFields = false;
  /// For programs; rows of one word stand together. The rights are the
  /// entry's own, as the fields show them, not those of the path to it.
  llvm::ArrayRef<AttributeMeaning> meanings;
  /// What kind of memory an entry makes of a page: one row fits. Of entries as
  /// they are, with bits that the listing leaves out. Empty: not told.
  llvm::ArrayRef<AttributeField> memoryTypes = {};
  /// More meanings, of the same entries: those of bits that no column shows.
  llvm::ArrayRef<AttributeMeaning> untold = {};

  /// The columns, blanks and dots of fill left out; nothing where the line
  /// has no columns.
  std::vector<llvm::StringRef> wordsOf(const Run &run) const;

  /// Nothing if these listings do not tell.
  std::optional<bool> means(llvm::StringRef word, const RunState &state) const;

  /// Does the run have a line?
  bool prints(const Run &run) const {
    return run.isAbsent() || run.state.attributes || printsEmptyRuns;
  }
  /// The run's last byte: 32-bit kernels' lists end at 0, which is 2^32.
  VirtAddr lastOf(const Run &run) const {
    return VirtAddr((run.end - 1) & lowBits(4 * addressDigits));
  }
  bool hasFields(const RunState &state) const {
    return presentMask ? state.attributes & presentMask
                       : levelLast || zeroHasFields || state.attributes;
  }
  llvm::StringRef textOf(const AttributeField &field,
                         const RunState &state) const {
    return textOf(field, state, state.attributes);
  }
  llvm::StringRef textOf(const AttributeField &field, const RunState &state,
                         uint64_t attributes) const {
    const bool applies = field.levels >> state.level & 1;
    return applies && (attributes & field.mask) == field.value ? field.set
                                                               : field.clear;
  }
};

/// What the printer has to know beside the wording.
struct PrintContext {
  /// Names of Linux's levels 0..4 in this kernel: "pgd" or "PGD", ...
  std::array<const char *, 5> levelNames = {};
  /// Physical address in an entry, for the physical column.
  PhysAddr (*physicalOf)(uint64_t entry) = nullptr;
};

/// Writes a listing as the kernel writes it.
class TextPrinter final : public RunSink {
public:
  TextPrinter(const Wording &wording, const PrintContext &context,
              llvm::raw_ostream &os)
      : wording_(wording), context_(context), os_(os) {}

  void section(llvm::StringRef name) override;
  void run(const Run &run) override;
  void skipped(uint64_t count) override;
  /// The line with a column as riscv's for the physical address, and names
  /// behind it.
  void annotated(const Run &run, const RunNotes &notes) override;

private:
  /// What stands behind the size of a run of this state.
  struct Words {
    RunState state;
    size_t size = 0; ///< In characters; 0: nothing is kept here.
    std::array<char, 160> text = {}; ///< More than any wording has.
  };

  /// A piece of a line that was written before, and what it says.
  struct Written {
    uint64_t value = 0;
    unsigned size = 0; ///< In characters; 0: none was.
    std::array<char, 32> text = {};
  };

  /// Appends to \p line, which has room; returns the new end.
  char *writeRange(const Run &run, char *line);
  static char *copy(const Written &written, char *line);
  void setAddress(uint64_t address);
  void setSize(uint64_t size);
  std::string wordsFor(const RunState &state) const;
  std::string wordsForAbsent(const Run &run) const;
  /// Writable and executable at once stands out.
  Style styleOf(const RunState &state) const;
  std::string fieldsFor(const RunState &state) const;

  const Wording wording_;
  const PrintContext context_;
  llvm::raw_ostream &os_;
  /// Listings are long and say few different things: the words of a state
  /// are put together once. A line begins where the one before it ended, and
  /// most are of one size.
  std::array<Words, 64> words_;
  Written address_, size_;
};

} // namespace vmpt
