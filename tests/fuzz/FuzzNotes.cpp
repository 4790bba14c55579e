// Input: one byte of flags (alignment, byte order, architecture); then a
// segment of ELF notes.

#include "FuzzTarget.h"
#include "dump/formats/ElfNotes.h"
#include "dump/formats/TrimNote.h"

using namespace vmpt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  Dump dump;
  dump.machine.order = data[0] & 2 ? ByteOrder::big : ByteOrder::little;
  if (data[0] & 4)
    dump.machine.arch = allArchs[(data[0] >> 3) % std::size(allArchs)];
  parseNotes(Bytes({data + 1, size - 1}), data[0] & 1 ? 8 : 4, dump);
  interpretNotes(dump);
  for (const Note &note : dump.notes) {
    Dump restored;
    (void)readTrimNote(note.desc.text(), restored);
    (void)readConvertNote(note.desc.text());
  }
  return 0;
}
