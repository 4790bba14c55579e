#!/usr/bin/env python3
"""Puts the page of `vmpt map` together, as a C++ source.

The page may run this code and no other: its policy has the hashes of the one
script and the one style sheet.

Usage: embed.py OUT PAGE.html STYLE.css SCRIPT.js...
"""
import base64
import hashlib
import sys
from pathlib import Path


def policy_hash(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def array(name, text):
    data = text.encode()
    lines = [",".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32)]
    body = ",\n".join(lines)
    return (f"static const unsigned char {name}Bytes[] = {{\n{body}}};\n"
            f"llvm::StringRef get{name}() {{\n"
            f"  return {{reinterpret_cast<const char *>({name}Bytes), sizeof {name}Bytes}};\n}}\n")


def main():
    out, page, style, *scripts = map(Path, sys.argv[1:])
    code = '"use strict";\n(() => {\n' + "\n".join(s.read_text() for s in scripts) + "\n})();\n"
    css = style.read_text()
    if "</script" in code or "<!--" in code:
        sys.exit("the script would end its own element")
    html = page.read_text()
    html = html.replace("@STYLE_HASH@", policy_hash(css)).replace("@SCRIPT_HASH@", policy_hash(code))
    html = html.replace("@STYLE@", css)
    start, end = html.split("@DATA@\n")
    end = end.replace("@SCRIPT@", code)
    out.write_text('#include "views/MapAssets.h"\n\nnamespace vmpt {\n'
                   + array("MapPageStart", start) + array("MapPageEnd", end) + "} // namespace vmpt\n")


main()
