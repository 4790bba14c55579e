#!/usr/bin/env python3
"""Checks that the man page and --help name the same commands and options.

Usage: man.py VMPT MAN_PAGE FOLDER    (MAN_PAGE is the source of the pages in FOLDER)
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

COMMAND = re.compile(r"^\.Ss vmpt (\S+)", re.M)
OPTION = re.compile(r"^\.It Fl (.*)$", re.M)


def output(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def helped_commands(vmpt):
    """The words of the two-column list under "Commands:"."""
    listed = output(vmpt, "--help").split("Commands:\n", 1)[1].split("\n\n", 1)[0]
    return {line.split()[0] for line in listed.splitlines()}


def helped_options(vmpt, command):
    """{"--output", "-o", ...}: what starts a line of the help."""
    names = set()
    for line in output(vmpt, command, "--help").splitlines():
        match = re.match(r"^  (-[^\s]*)", line)
        if match:
            names.update(match[1].split(","))
    return names


def documented(page):
    """Options told for several commands, and {command: {its own options}}."""
    pieces = COMMAND.split(page)
    sections = {name: options_in(text) for name, text in zip(pieces[1::2], pieces[2::2])}
    return options_in(pieces[0]), sections


def options_in(text):
    """`.It Fl o , Fl -output Ar OUT` -> {"-o", "--output"}"""
    names = set()
    # A command's section ends at the next section of the page.
    for line in OPTION.findall(text.split("\n.Sh ", 1)[0] if not text.startswith(".Dd") else text):
        names.update("-" + word for word in re.findall(r"(?:^|Fl )(-?[a-zA-Z][\w-]*)", line))
    return names


def compare(what, helped, written):
    return [f"{what}: {name} is in --help, not in the man page" for name in sorted(helped - written)] + [
        f"{what}: {name} is in the man page, not in --help" for name in sorted(written - helped)]


def rendering_warnings(path):
    """What groff and mandoc have to say about the page, where they are installed."""
    checks = [["groff", "-man", "-mdoc", "-Tutf8", "-ww", "-z"], ["mandoc", "-Tlint", "-Wwarning"]]
    for check in checks:
        if not shutil.which(check[0]):
            print(f"{check[0]} is not installed: rendering not checked with it")
            continue
        result = subprocess.run([*check, path], capture_output=True, text=True)
        yield from (f"{check[0]}: {line}" for line in (result.stdout + result.stderr).splitlines())


def main():
    vmpt, path, pages = sys.argv[1], sys.argv[2], sorted(Path(sys.argv[3]).glob("*.1"))
    with open(path) as file:
        page = file.read()
    common, sections = documented(page)
    commands = helped_commands(vmpt)
    problems = compare("vmpt", commands, set(sections))
    used = {"-V", "--version", "--completions"}
    for command in sorted(commands & set(sections)):
        helped = helped_options(vmpt, command)
        used |= helped
        # What is told for several commands may be told again where it is more.
        told = sections[command]
        problems += compare(command, helped - common | helped & told, told)
    problems += [f"{name} is in the man page, and no command has it" for name in sorted(common - used)]
    if {page.stem for page in pages} != {"vmpt"} | {f"vmpt-{command}" for command in commands}:
        problems.append("not every command has a page of its own")
    for made in pages:
        problems += rendering_warnings(made)
        command = made.stem.removeprefix("vmpt-")
        if command in commands:
            problems += compare(made.name, helped_options(vmpt, command), options_in(made.read_text()))
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
