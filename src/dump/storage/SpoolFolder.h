//===- SpoolFolder.h - where copies of files are made ---------------------===//
#pragma once

#include <string>

namespace vmpt {

/// TMPDIR, else a folder on a disk: /tmp is often memory, and dumps are large.
std::string getSpoolFolder();

} // namespace vmpt
