#include "cli/Main.h"

int main(int argc, char **argv) { return vmpt::runCommandLine(argc, argv); }
