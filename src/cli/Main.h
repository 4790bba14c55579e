//===- Main.h - the program behind main() ---------------------------------===//
#pragma once

namespace vmpt {

/// Runs one command. The exit status: 0 all that was asked for was printed,
/// 1 printed with gaps that standard error names, 2 nothing could be printed.
int runProgram(int argc, char **argv);

} // namespace vmpt
