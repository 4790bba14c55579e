//===- CommandUse.h - a command with all the options that it takes --------===//
#pragma once

#include "cli/Command.h"

#include <memory>

namespace vmpt {

struct CommandUse {
  explicit CommandUse(const CommandInfo &info)
      : parser(info.name, info.description), command(info.create()) {
    command->addOptions(parser);
    parser.addFlag("--no-sandbox",
                   "keep network, programs and all files within reach",
                   keepsRights);
  }

  OptionParser parser;
  std::unique_ptr<Command> command;
  bool keepsRights = false;
};

} // namespace vmpt
