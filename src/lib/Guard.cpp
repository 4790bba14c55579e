#include "lib/Guard.h"

#include "memory/PhysicalMemory.h"

#include <exception>
#include <new>

namespace vmpt {

char AbsenceError::ID;

static int getAbsence(Absence absence) {
  switch (absence) {
  case Absence::OutsideRam:
    return VMPT_ABSENCE_OUTSIDE_RAM;
  case Absence::Excluded:
    return VMPT_ABSENCE_EXCLUDED;
  case Absence::Truncated:
    return VMPT_ABSENCE_TRUNCATED;
  case Absence::Corrupt:
    return VMPT_ABSENCE_CORRUPT;
  }
  return VMPT_ABSENCE_NONE;
}

/// All but the sentence.
static void describe(llvm::Error error, vmpt_error &to) {
  llvm::handleAllErrors(
      std::move(error),
      [&](const FormatError &) { to.kind = VMPT_ERROR_FORMAT; },
      [&](const LookupError &) { to.kind = VMPT_ERROR_LOOKUP; },
      [&](const UnsupportedError &) { to.kind = VMPT_ERROR_UNSUPPORTED; },
      [&](const UsageError &) { to.kind = VMPT_ERROR_USAGE; },
      [&](const MemoryError &memory) {
        to.kind = VMPT_ERROR_MEMORY;
        to.absence = getAbsence(memory.getAbsence());
        to.address = memory.getAddress().value;
      },
      [&](const AbsenceError &absent) {
        to.kind = VMPT_ERROR_MEMORY;
        to.absence = absent.absence;
        to.address = absent.address;
      },
      [&](llvm::FileError &file) { describe(file.takeError(), to); },
      [&](const llvm::ErrorInfoBase &) { to.kind = VMPT_ERROR_SYSTEM; });
}

static std::unique_ptr<vmpt_error> makeError(llvm::Error error) {
  auto made = std::make_unique<vmpt_error>();
  llvm::raw_string_ostream os(made->sentence);
  error = llvm::handleErrors(
      std::move(error),
      [&](std::unique_ptr<llvm::ErrorInfoBase> info) -> llvm::Error {
        info->log(os);
        return llvm::Error(std::move(info));
      });
  os.flush();
  describe(std::move(error), *made);
  return made;
}

static std::unique_ptr<vmpt_error> makeError(int kind, const char *sentence) {
  auto made = std::make_unique<vmpt_error>();
  made->kind = kind;
  made->sentence = sentence;
  return made;
}

static llvm::Expected<int>
runCaught(llvm::function_ref<llvm::Expected<int>()> run,
          std::unique_ptr<vmpt_error> &made) {
  try {
    return run();
  } catch (const std::bad_alloc &) {
    made = makeError(VMPT_ERROR_SYSTEM, "no memory is left");
  } catch (const std::exception &exception) {
    made = makeError(VMPT_ERROR_INTERNAL, exception.what());
  }
  return VMPT_FAILED;
}

int guard(vmpt_error **error,
          llvm::function_ref<llvm::Expected<int>()> run) noexcept {
  if (error)
    *error = nullptr;
  // What goes wrong while an error is made leaves no error, but VMPT_FAILED.
  try {
    std::unique_ptr<vmpt_error> made;
    llvm::Expected<int> status = runCaught(run, made);
    if (!status)
      made = makeError(status.takeError());
    const int result = made ? int(VMPT_FAILED) : *status;
    if (error)
      *error = made.release();
    return result;
  } catch (...) {
    return VMPT_FAILED;
  }
}

llvm::Error need(const void *pointer, const char *name) {
  if (pointer)
    return llvm::Error::success();
  return llvm::make_error<UsageError>(llvm::Twine(name) + " is NULL");
}

} // namespace vmpt

int vmpt_error_kind(const vmpt_error *error) { return error ? error->kind : 0; }

const char *vmpt_error_kind_name(const vmpt_error *error) {
  static constexpr const char *names[] = {"",       "usage",   "format",
                                          "memory", "lookup",  "unsupported",
                                          "system", "internal"};
  return names[vmpt_error_kind(error)];
}

const char *vmpt_error_sentence(const vmpt_error *error) {
  return error ? error->sentence.c_str() : "";
}

int vmpt_error_absence(const vmpt_error *error) {
  return error ? error->absence : int(VMPT_ABSENCE_NONE);
}

uint64_t vmpt_error_address(const vmpt_error *error) {
  return error ? error->address : 0;
}

void vmpt_error_free(vmpt_error **error) {
  if (!error)
    return;
  delete *error;
  *error = nullptr;
}
