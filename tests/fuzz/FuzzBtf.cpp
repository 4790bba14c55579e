#include "FuzzTarget.h"
#include "debuginfo/BtfTypes.h"

using namespace vmpt;

static void ask(const TypeSource &types) {
  for (const char *name : {"task_struct", "list_head", "pid_t", "s", ""}) {
    (void)types.findSizeBytes(name);
    for (const char *path : {"pid", "mm", "tasks.prev", "comm", "x", "a.b.c"})
      (void)types.findMember(name, path);
  }
  for (const char *name : {"PG_buddy", "MINUS", "nothing"})
    (void)types.findEnumConstant(name);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Bytes bytes({data, size});
  for (auto found = findBtf(bytes, 0, 0); found;)
    found = findBtf(bytes, found->offset + 1, 0);
  std::vector<uint8_t> blob(data, data + size);
  auto types = BtfTypes::create(blob, "fuzz");
  if (!types) {
    llvm::consumeError(types.takeError());
    return 0;
  }
  ask(**types);
  // The same once more as a module: its ids and strings go on.
  auto module = BtfTypes::create(std::move(blob), "fuzz", types->get());
  if (module)
    ask(**module);
  else
    llvm::consumeError(module.takeError());
  return 0;
}
