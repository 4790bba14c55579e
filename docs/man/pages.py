#!/usr/bin/env python3
"""Makes vmpt(1), an overview, and a page for each command of one source, vmpt.1.

The source tells each option once; a command's page has its own options and, of
those that are told for several commands, the ones that its --help has.

Usage: pages.py --list SOURCE             (names of the pages)
       pages.py SOURCE VMPT OUT_FOLDER
"""
import re
import subprocess
import sys
from pathlib import Path

SECTION = re.compile(r"^\.Ss vmpt (\S+)\n", re.M)
ITEM = re.compile(r"^\.It Fl .*\n(?:(?!\.It |\.El).*\n)*", re.M)


def read_source(path):
    """(head, {command: text}, tail): what stands before, in and behind COMMANDS."""
    head, rest = Path(path).read_text().split(".Sh COMMANDS\n", 1)
    commands, tail = re.split(r"^(?=\.Sh FILES)", rest, maxsplit=1, flags=re.M)
    pieces = SECTION.split(commands)
    return head, dict(zip(pieces[1::2], pieces[2::2])), tail


def option_names(item):
    """`.It Fl o , Fl -output Ar OUT` -> {"-o", "--output"}"""
    first = item.split("\n", 1)[0].removeprefix(".It ")
    return {"-" + word for word in re.findall(r"(?:^|, )Fl (-?[a-zA-Z][\w-]*)", first)}


def ask(vmpt, *words):
    return subprocess.run([vmpt, *words], capture_output=True, text=True, check=True).stdout


def summaries(vmpt):
    listed = ask(vmpt, "--help").split("Commands:\n", 1)[1].split("\n\n", 1)[0]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in listed.splitlines()}


def helped_options(text):
    return {name for line in text.splitlines() if (match := re.match(r"^  (-[^\s]*)", line))
            for name in match[1].split(",")}


def words_of(helped):
    """The words of a command that are no options: "DUMP...", "A B"."""
    listed = re.search(r"Positionals:\n((?:  .*\n)+)", helped)
    return [re.split(r"  +", line.strip())[0] for line in listed[1].splitlines() if line[2] != " "] if listed else []


def examples(tail, command):
    """The examples that use the command, with the sentence in front."""
    listed = tail.split(".Sh EXAMPLES\n", 1)[1].split(".Sh ", 1)[0]
    for sentence, line in re.findall(r"((?:^[^.].*\n|^\.[A-CE-Z].*\n)+)\.Pp\n\.Dl (.*)\n", listed, re.M):
        if f"vmpt {command} " in line + " ":
            sentence = sentence.removeprefix(".Pp\n")
            yield f"{sentence}.Pp\n.Dl {line}\n"


def command_page(name, text, summary, helped, head, tail):
    date, wanted = head.split("\n", 1)[0], helped_options(helped)
    own = [item for item in ITEM.findall(text)]
    told = set().union(*map(option_names, own))
    common = [item for item in ITEM.findall(head) if option_names(item) & (wanted - told)]
    # Where the list of a command's own options ends, sentences may follow.
    description = re.sub(r"^\.Bl -tag -width Ds\n(?:(?!\.El).*\n)*\.El\n", "", text, flags=re.M)
    description = description.rstrip().removesuffix(".Pp").rstrip() + "\n"
    page = f"{date}\n.Dt VMPT-{name.upper()} 1\n.Os\n.Sh NAME\n.Nm vmpt-{name}\n.Nd {summary}\n"
    page += f".Sh SYNOPSIS\n.Nm vmpt {name}\n"
    page += "".join(f".Ar {word}{'' if ' ' in word else ' ...'}\n" for word in words_of(helped)) + ".Op Ar options\n"
    page += f".Sh DESCRIPTION\n{description}"
    for title, items in (("OPTIONS", own), ("COMMON OPTIONS", common)):
        if items:
            page += f".Sh {title}\n.Bl -tag -width Ds\n{''.join(items)}.El\n"
    page += ".Sh EXIT STATUS\n" + tail.split(".Sh EXIT STATUS\n", 1)[1].split(".Sh ", 1)[0]
    shown = ".Pp\n".join(examples(tail, name))
    if shown:
        page += ".Sh EXAMPLES\n" + shown
    return page + ".Sh SEE ALSO\n.Xr vmpt 1\n"


def overview(names, commands_summaries, head, tail):
    listed = "".join(f".It Xr vmpt-{name} 1\n{commands_summaries[name]}\n" for name in names)
    return f"{head}.Sh COMMANDS\n.Bl -tag -width Ds\n{listed}.El\n{tail}"


def main():
    if sys.argv[1] == "--list":
        print("\n".join(["vmpt.1"] + [f"vmpt-{name}.1" for name in read_source(sys.argv[2])[1]]))
        return
    source, vmpt, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    head, commands, tail = read_source(source)
    summary = summaries(vmpt)
    (folder / "vmpt.1").write_text(overview(commands, summary, head, tail))
    for name, text in commands.items():
        (folder / f"vmpt-{name}.1").write_text(
            command_page(name, text, summary[name], ask(vmpt, name, "--help"), head, tail))


main()
