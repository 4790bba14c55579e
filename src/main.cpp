#include "cli/Main.h"

int main(int argc, char **argv) { return vmpt::runProgram(argc, argv); }
