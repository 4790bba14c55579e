//===- RequestParts.h - a request as users write it -----------------------===//
//
// What the command line and the library are given, under the same names. Each
// part says what it knows to the request; a UsageError says what is wrong.
//
#pragma once

#include "session/Request.h"

namespace vmpt {

/// What the dump is.
struct DumpParts {
  /// DUMP, and further files of the same dump behind it.
  std::vector<std::string> files;
  std::vector<std::string> parts;
  std::vector<std::string> maps; ///< "FILE@PHYS[:LENGTH[:OFFSET]]"
  std::optional<uint64_t> rawBase;
  std::optional<std::string> layout;

  llvm::Error apply(Request &request) const;
};

/// How long work is done.
struct WorkParts {
  std::optional<uint64_t> threads; ///< That may work.

  llvm::Error apply(Request &request) const;
};

/// What the dump does not tell of its kernel, or tells wrongly.
struct KernelParts {
  std::optional<std::string> arch;
  std::optional<uint64_t> root;
  std::optional<uint64_t> levels;
  std::optional<uint64_t> vaBits;
  std::optional<uint64_t> granule;
  std::optional<uint64_t> physBase;
  std::optional<std::string> vmcoreinfo;
  std::optional<uint64_t> kernel; ///< The number of one of several.
  bool force = false;

  llvm::Error apply(Request &request) const;
};

/// Symbols and struct layouts.
struct SymbolParts {
  std::optional<std::string> vmlinux;
  std::optional<std::string> systemMap;
  std::optional<std::string> btf;
  bool forceVmlinux = false;
  std::vector<std::string> symbols; ///< "NAME=ADDRESS"
  std::vector<std::string> offsets; ///< "STRUCT.MEMBER=OFFSET[:SIZE]"
  bool takesNames = false;          ///< As of DebugInputs; no option.

  llvm::Error apply(Request &request) const;
};

/// What a question is answered from, besides memory. The last of the parts:
/// what those before it say of something that is not needed has no effect, and
/// is refused.
struct Needs {
  bool kernel = true; ///< Which one it is, and where its tables are.
  bool names = true;  ///< Symbols and struct layouts.
  /// All that the file should have: not where each byte that is missing is
  /// named.
  bool whole = true;
  /// What would need the rest: "--names".
  const char *with = "";

  llvm::Error apply(Request &request) const;
};

/// What the parts describe together.
template <class... Parts>
llvm::Expected<Request> makeRequest(const Parts &...parts) {
  Request request;
  llvm::Error error = llvm::Error::success();
  // Up to the first that fails.
  ((error ? void() : void(error = parts.apply(request))), ...);
  if (error)
    return error;
  return request;
}

} // namespace vmpt
