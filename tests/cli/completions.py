#!/usr/bin/env python3
"""Shells complete what --help lists: commands, options, values, files.

bash is asked by its completion function, fish by `complete -C`, zsh parses
its script. A shell that is not installed is a skipped test.

Usage: completions.py VMPT SOURCE_ROOT       (prints TAP)
"""
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Tap, run

ASK_BASH = """source {script}
COMP_WORDS=({words}) COMP_CWORD={number}
_vmpt 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def listed_commands(vmpt):
    text = run(vmpt, "--help").stdout.decode().split("Commands:\n", 1)[1].split("\n\n", 1)[0]
    return [line.split()[0] for line in text.splitlines()]


def listed_options(vmpt, command):
    text = run(vmpt, command, "--help").stdout.decode()
    return {name for line in text.splitlines() if (match := re.match(r"^  (-\S+)", line)) for name in match[1].split(",")}


class Bash:
    def __init__(self, script):
        self.script = script

    def ask(self, *words, folder=None):
        text = ASK_BASH.format(script=shlex.quote(str(self.script)), number=len(words) - 1,
                               words=" ".join(map(shlex.quote, words)))
        return set(subprocess.run(["bash", "-c", text], capture_output=True, text=True, cwd=folder).stdout.split("\n")) - {""}


class Fish:
    def __init__(self, script):
        self.script = script

    def ask(self, *words, folder=None):
        line = " ".join(words)
        text = f"source {shlex.quote(str(self.script))}; complete -C {shlex.quote(line)}"
        printed = subprocess.run(["fish", "--no-config", "-c", text], capture_output=True, text=True, cwd=folder).stdout
        return {offer.split("\t")[0] for offer in printed.split("\n")} - {""}


def difference(wanted, offered):
    missing, more = sorted(set(wanted) - offered), sorted(offered - set(wanted))
    return f"missing {missing}, not wanted {more}" if missing or more else None


def check_shell(tap, vmpt, name, shell, folder):
    commands = listed_commands(vmpt)
    tap.report(difference(commands + ["help"], shell.ask("vmpt", "") - {"--help", "--version", "--completions"}),
               f"{name}: commands")
    tap.report(difference({"translate", "trim", "tree"}, shell.ask("vmpt", "tr")), f"{name}: the start of a command")
    tap.report(difference(commands, shell.ask("vmpt", "help", "")), f"{name}: help of a command")
    for command in commands:
        wanted = {option for option in listed_options(vmpt, command) if option.startswith("--")}
        tap.report(difference(wanted, {offer for offer in shell.ask("vmpt", command, "--") if offer.startswith("--")}),
                   f"{name}: options of {command}")
    (folder / "a vmcore").touch()
    for words, wanted in ((("kernel", "--format", ""), {"text", "json", "jsonl"}),
                          (("tree", "d", "--style", ""), {"module"}),
                          (("audit", "--fail-on", "m"), {"medium"}),
                          (("kernel", "--max-lines", ""), set())):
        tap.report(difference(wanted, shell.ask("vmpt", *words, folder=folder)), f"{name}: {' '.join(words)}")
    for words in (("info", "a"), ("kernel", "--vmlinux", "a"), ("convert", "d", "-o", "a")):
        offered = {offer.replace("\\", "") for offer in shell.ask("vmpt", *words, folder=folder)}
        tap.report(difference({"a vmcore"}, offered), f"{name}: a file, {' '.join(words)}")


def main():
    vmpt, tap = sys.argv[1], Tap()
    with tempfile.TemporaryDirectory(prefix="vmpt-completions-") as temporary:
        folder = Path(temporary) / "dumps"
        folder.mkdir()
        for name, kind in (("bash", Bash), ("fish", Fish), ("zsh", None)):
            script = Path(temporary) / name
            script.write_bytes(run(vmpt, "--completions", name).stdout)
            if not shutil.which(name):
                tap.skip(name, "it is not installed")
            elif kind:
                check_shell(tap, vmpt, name, kind(script), folder)
            else:
                parsed = subprocess.run(["zsh", "-n", script], capture_output=True, text=True)
                tap.report(parsed.stderr or None, "zsh: the script parses")
    for words in ((), ("csh",), ("bash", "zsh")):
        result = run(vmpt, "--completions", *words)
        tap.report(None if result.returncode == 2 and b"bash, zsh or fish" in result.stderr else str(result),
                   f"--completions {' '.join(words)}")
    tap.end()


main()
