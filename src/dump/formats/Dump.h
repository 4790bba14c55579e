//===- Dump.h - what every dump offers, whatever wrote it -----------------===//
//
// A reader turns its container into the same three things: physical memory,
// notes, and what there is to say about the file.
//
#pragma once

#include "dump/storage/FileImage.h"
#include "memory/Machine.h"
#include "memory/MemorySummary.h"
#include "memory/PhysicalMemory.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// One ELF-style note. `desc` is not owned: it lies in a file of the dump.
struct Note {
  std::string name; ///< Without the terminating NUL: "CORE", "VMCOREINFO".
  uint32_t type = 0;
  Bytes desc;
};

/// One line of `vmpt info` about the container: "compression" -> "zlib".
struct ContainerFact {
  std::string name;
  std::string value;
};

struct Dump {
  /// What everything below points into. The first is the dump itself.
  std::vector<std::shared_ptr<FileSource>> files;
  /// Decoded pieces that notes point into (a flattened dump's note segment).
  std::vector<std::unique_ptr<std::vector<uint8_t>>> buffers;

  std::string format; ///< "ELF64 core", "kdump-compressed v6", "raw image".
  /// "QEMU", "makedumpfile", ...: who wrote it, where that can be told.
  std::string producer;
  std::vector<ContainerFact> facts; ///< Further lines for `vmpt info`.
  /// What the container lacks or its producer got wrong, a sentence each.
  std::vector<std::string> quirks;
  /// What is wrong with the file so that everybody who reads it has to know,
  /// a sentence each.
  std::vector<std::string> warnings;

  /// Of a file that was not read to its end: reads it, and replaces format,
  /// facts and quirks.
  std::function<void(Dump &)> describeWhole;

  std::unique_ptr<PhysicalMemory> memory;
  /// The memory is that of this machine, and changes while it is read.
  bool isLive = false;
  /// The files are memory and nothing else.
  bool isRaw = false;
  /// A raw image that is taken to start at 0 because nothing says where its
  /// pieces lie.
  std::shared_ptr<const FileImage> unplacedImage;
  /// Where RAM ends in the layout that only the machine's name says.
  std::optional<PhysAddr> ramEnd;
  Machine machine;
  std::vector<Note> notes;
  /// The text of the VMCOREINFO note, where the container has one.
  std::optional<std::string> vmcoreinfo;
  /// makedumpfile's dump level, where the container says it.
  std::optional<unsigned> dumpLevel;
  /// Virtual minus physical address of the PT_LOADs that /proc/vmcore writes
  /// for the direct map, where they agree.
  std::optional<uint64_t> directMapOffset;

  /// Cut by `vmpt trim`: format, facts, quirks and blocks are those of the
  /// whole dump.
  bool isTrimmed = false;
  /// With --tasks; nothing of a file that was cut when that was not noted.
  std::optional<bool> isTrimmedWithTasks;
  std::optional<std::vector<MemoryBlock>> wholeBlocks;
  bool trimmedZeroPages = false;
  uint64_t wholeZeroBytes = 0;

  /// What became of a file since it was opened, a sentence that begins with a
  /// verb: what was read from it may be wrong.
  std::optional<std::string> describeFault() const;

  /// RAM as the dump, or the whole one it was cut from, has it.
  std::vector<MemoryBlock> memoryBlocks() const {
    return wholeBlocks ? *wholeBlocks : summarize(*memory);
  }
  /// PhysicalMemory::knownZeroBytes(), likewise.
  uint64_t knownZeroBytes() const {
    return isTrimmed ? wholeZeroBytes : memory->knownZeroBytes();
  }
};

/// A quirk for each of the first few pieces of `dump.memory` that are
/// truncated, for containers that should be whole.
void nameTruncations(Dump &dump);

} // namespace vmpt
