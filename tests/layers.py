"""Checks the order of the house: a room includes only from rooms above it, and the public headers from none.

The rooms that a room may use are what its CMakeLists.txt says after USES; this finds includes that would link all the
same because they need no symbol.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORDER = ["system", "process", "schedule", "channel", "sync", "pool", "nodes", "remote", "command", "cluster", "report", "library", "reach"]


def direct_uses(room):
    text = (ROOT / "src" / room / "CMakeLists.txt").read_text()
    found = re.search(r"haid_room\(.*?(?:USES\s+([\w\s]+))?\)", text, re.S)
    return set((found.group(1) or "").split())


def all_uses(room):
    reached, waiting = set(), [room]
    while waiting:
        for used in direct_uses(waiting.pop()):
            if used not in reached:
                reached.add(used)
                waiting.append(used)
    return reached


def complaints():
    rooms = sorted(path.parent.name for path in (ROOT / "src").glob("*/CMakeLists.txt"))
    for room in rooms:
        for used in direct_uses(room):
            if ORDER.index(used) >= ORDER.index(room):
                yield f"src/{room}: uses {used}, which is not above it"
        allowed = all_uses(room) | {room}
        for path in sorted((ROOT / "src" / room).rglob("*.[ch]pp")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                included = re.match(r'#include "(\w+)/', line)
                if included and included.group(1) in ORDER and included.group(1) not in allowed:
                    yield f"{path.relative_to(ROOT)}:{number}: {room} may not use {included.group(1)}"


def main():
    found = list(complaints())
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
