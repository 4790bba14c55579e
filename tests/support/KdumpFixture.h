//===- KdumpFixture.h - a small kdump file, to be damaged in tests --------===//
#pragma once

#include "ByteWriter.h"
#include "DumpBuilder.h"
#include "Expected.h"
#include "dump/OpenDump.h"
#include "dump/storage/FileImage.h"

#include "gtest/gtest.h"

namespace vmpt::testing {

/// Three pages of text at frames 2 to 4, which shrink in every codec.
inline MemoryImage textImage() {
  MemoryImage image;
  for (uint64_t frame : {2, 3, 4})
    image.setData(frame, FileBytes(100 * frame, uint8_t('a' + frame)));
  return image;
}

inline std::string refusal(const std::vector<FileBytes> &files) {
  std::vector<Bytes> contents(files.begin(), files.end());
  return textOf(openDump(contents, {}));
}

/// The dump keeps the files as its last buffers.
inline Dump open(const std::vector<FileBytes> &files) {
  Buffers kept;
  std::vector<Bytes> contents;
  for (const FileBytes &file : files) {
    kept.push_back(std::make_unique<FileBytes>(file));
    contents.push_back(Bytes(*kept.back()));
  }
  Dump dump = valueOf(openDump(contents, {}));
  for (auto &file : kept)
    dump.buffers.push_back(std::move(file));
  return dump;
}

/// A file whose page with this descriptor is \p page, appended.
inline FileBytes withPage(FileBytes file, uint64_t descriptorAt, Codec codec,
                          const FileBytes &page) {
  constexpr uint32_t flags[] = {0, 1, 2, 4, 0x20};
  const FileBytes stored = compress(codec, page);
  patch<uint64_t>(file, descriptorAt, file.size());
  patch<uint32_t>(file, descriptorAt + 8, uint32_t(stored.size()));
  patch<uint32_t>(file, descriptorAt + 12, flags[unsigned(codec)]);
  file.insert(file.end(), stored.begin(), stored.end());
  return file;
}

/// "" for a page that is there.
inline std::string absenceAt(const Dump &dump, uint64_t at) {
  uint8_t byte;
  auto absent = dump.memory->tryRead(PhysAddr(at), byte);
  return absent ? getAbsenceName(absent->absence).str() : "";
}

/// A file for tests that change one field.
class KdumpFixture : public ::testing::Test {
protected:
  MemoryImage image = textImage();
  KdumpShape shape = {.notes = {vmcoreinfoNote("OSRELEASE=6.1.0\n")}};
  FileBytes file = writeKdump(image, shape);
  KdumpPlaces places = findPlaces(image, shape);
  uint64_t descriptor(unsigned index) const {
    return places.descriptors + 24 * index;
  }
};

} // namespace vmpt::testing
