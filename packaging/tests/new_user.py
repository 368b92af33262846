#!/usr/bin/env python3
"""Follows INSTALL.md as a new user does, on a bare system: one way of getting the program, and then "A first try".

Usage: new_user.py WAY INSTALL.md DIRECTORY-WITH-THE-FILES-OF-A-RELEASE

Types nothing that is not on the page. Prints how many commands there were, and how long they took from the first one to the first
training. Must not know what the commands do.
"""

import os
import subprocess
import sys
import tempfile
import time

LIMIT_SECONDS = 120

# What the page shows after the first training.
TRAINED = '{"status":0,"info":[]}'

# The page is for a user with sudo; here this user is root.
PRELUDE = 'set -eu\nsudo() { "$@"; }\ncd "$1"\n'


def blocks(page, mark):
    """The blocks whose language and mark are these, in their order."""
    found, lines = [], iter(page.splitlines())
    for line in lines:
        if not line.startswith("```"):
            continue
        content = []
        for inner in lines:
            if inner == "```":
                break
            content.append(inner)
        if line == "```" + mark:
            found.append("\n".join(content))
    return found


def main(way, guide, files):
    with open(guide, encoding="utf-8") as page:
        text = page.read()
    get = blocks(text, "sh bare " + way)
    assert get, "INSTALL.md has no block for " + way
    # "A first try" comes before any other marked block, and ends with the training.
    first = blocks(text.split("### systemd")[0], "sh test")
    assert any("/training" in block and "dataset=@" in block for block in first), first
    commands = get + first
    with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as script:
        script.write(PRELUDE + "\n".join(commands) + "\n")
    begin = time.monotonic()
    done = subprocess.run(["bash", script.name, files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    seconds = time.monotonic() - begin
    os.unlink(script.name)
    assert done.returncode == 0 and TRAINED in done.stdout, done.stdout
    assert seconds < LIMIT_SECONDS, "%s took %.0f s" % (way, seconds)
    steps = sum(len(continued(block)) for block in commands)
    print("new user, %s: %d commands (%d to get the program), %.1f s to the first training"
          % (way, steps, sum(len(continued(block)) for block in get), seconds))


def continued(block):
    """The commands of a block: not the lines of a here-document, and one for continued lines."""
    commands, end, goes_on = [], None, False
    for line in block.splitlines():
        if end is not None:
            end = None if line == end else end
            continue
        if not goes_on:
            commands.append(line)
        goes_on = line.endswith("\\")
        if "<<'" in line:
            end = line.split("<<'")[1].split("'")[0]
    return commands


if __name__ == "__main__":
    main(*sys.argv[1:4])
