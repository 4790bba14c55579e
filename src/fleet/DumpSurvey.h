//===- DumpSurvey.h - what a survey asks of one dump ----------------------===//
//
// In the dump's own process: info, explain and audit, each written as soon as
// it is known, so that what the limits cut off is the rest alone.
//
#pragma once

#include <string>

namespace vmpt {

/// Writes JSON objects, a line each, to \p fd: members of the dump's record
/// (SurveyRecord.h). The last has "is_whole".
void surveyDump(const std::string &path, int fd);

} // namespace vmpt
