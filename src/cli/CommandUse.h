//===- CommandUse.h - a command with all the options that it takes --------===//
#pragma once

#include "cli/Command.h"

#include <memory>
#include <optional>
#include <string>

namespace vmpt {

struct CommandUse {
  explicit CommandUse(const CommandInfo &info)
      : parser(info.name, info.description), command(info.create()) {
    command->addOptions(parser);
    parser.addFlag("--no-sandbox",
                   "keep network, programs and all files within reach",
                   keepsRights);
    parser.addText("--color", "WHEN",
                   "auto (default: on a terminal, and NO_COLOR is not set), "
                   "always or never",
                   colorWhen);
    parser.offer("--color", {"auto", "always", "never"});
  }

  OptionParser parser;
  std::unique_ptr<Command> command;
  bool keepsRights = false;
  std::optional<std::string> colorWhen;
};

} // namespace vmpt
