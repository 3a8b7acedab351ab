"""Checks the order of the house, and draws it: layers.py; layers.py --map; layers.py --write-map.

A room includes only from rooms above it, the public headers from none; no files include each other in a circle, nor do
modules of the Python package import each other in one, within functions either: who is needed by what it needs cannot
be read, tested or changed alone. The map in docs/architecture.md is the one that is drawn here.

The order of the rooms is the top CMakeLists.txt's; what a room is for, and which rooms it may use, its own says: its
first comment, and what follows USES. Includes are looked at because one that needs no symbol links all the same.
"""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ["src", "include", "cli", "python/extension"]
INCLUDED_FROM = ["src", "include", "python/extension"]
PACKAGE = ROOT / "python" / "haid"
DOCUMENT = ROOT / "docs" / "architecture.md"
MAP_BEGINS = "<!-- the map of the rooms: tests/layers.py --write-map -->\n"
MAP_ENDS = "<!-- the map ends -->\n"

ORDER = re.findall(r"^\s*add_subdirectory\(src/(\w+)\)", (ROOT / "CMakeLists.txt").read_text(), re.M)


def description_of(room):
    return (ROOT / "src" / room / "CMakeLists.txt").read_text()


def reason_of(room):
    lines = re.match(r"(?:#.*\n)*", description_of(room))[0].splitlines()
    return " ".join(line.lstrip("# ") for line in lines)


def direct_uses(room):
    found = re.search(r"haid_room\(.*?(?:USES\s+([\w\s]+))?\)", description_of(room), re.S)
    return sorted((found[1] or "").split(), key=ORDER.index)


def all_uses(room):
    reached, waiting = set(), [room]
    while waiting:
        for used in direct_uses(waiting.pop()):
            if used not in reached:
                reached.add(used)
                waiting.append(used)
    return reached


# -- the map


def drawn_map():
    rows = [f"| `src/{room}` | {reason_of(room)} | {' '.join(direct_uses(room)) or '–'} |\n" for room in ORDER]
    return "".join(["| room | its one reason | uses |\n", "| --- | --- | --- |\n", *rows])


def split_document():
    """Before the map, the map, behind it."""
    before, begins, rest = DOCUMENT.read_text().partition(MAP_BEGINS)
    shown, ends, behind = rest.partition(MAP_ENDS)
    if not begins or not ends:
        sys.exit(f"{DOCUMENT.relative_to(ROOT)}: no map between {MAP_BEGINS.strip()} and {MAP_ENDS.strip()}")
    return before + begins, shown, ends + behind


# -- who needs whom


def sources():
    return sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.[ch]pp"))


def includes_of(path):
    """The files of ours, and the numbers of the lines."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if included := re.match(r'\s*#\s*include\s*"(.+)"', line):
            for folder in [path.parent, *(ROOT / place for place in INCLUDED_FROM)]:
                if (folder / included[1]).is_file():
                    yield (folder / included[1]).resolve(), number
                    break


def imports_of(path):
    """The modules of the package that a module of it imports, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            folder = path.parents[node.level - 1] / (node.module or "").replace(".", "/")
            if node.module is None or folder.is_dir():
                yield from (found for name in node.names if (found := module_at(folder / name.name)))
            elif found := module_at(folder):
                yield found


def module_at(path):
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def circles(needs):
    """Of a table of what each file needs: the files on a way back to its first, once for each circle that is met."""
    done = set()

    def follow(file, way):
        if file in way:
            yield [*way[way.index(file):], file]
        elif file not in done:
            for needed in needs[file]:
                yield from follow(needed, [*way, file])
            done.add(file)

    for file in needs:
        yield from follow(file, [])


# -- what is wrong


def wrong_uses():
    for room in ORDER:
        if not reason_of(room):
            yield f"src/{room}/CMakeLists.txt: does not say first, in a comment, what the room is for"
        for used in direct_uses(room):
            if ORDER.index(used) >= ORDER.index(room):
                yield f"src/{room}: uses {used}, which is not above it"
    for path in sources():
        place, room = path.relative_to(ROOT).parts[:2]
        if place not in ("src", "include"):
            continue
        allowed = all_uses(room) | {room} if place == "src" else {}
        for included, number in includes_of(path):
            there, other = included.relative_to(ROOT).parts[:2]
            if there == "src" and other not in allowed:
                yield f"{path.relative_to(ROOT)}:{number}: {room if place == 'src' else place} may not use {other}"


def wrong_circles():
    tables = [{path: [file for file, _ in includes_of(path)] for path in sources()},
              {path: list(imports_of(path)) for path in sorted(PACKAGE.rglob("*.py"))}]
    for table in tables:
        for circle in circles(table):
            yield "a circle of files: " + " needs ".join(str(file.relative_to(ROOT)) for file in circle)


def complaints():
    yield from wrong_uses()
    yield from wrong_circles()
    if split_document()[1] != drawn_map():
        yield f"{DOCUMENT.relative_to(ROOT)}: its map of the rooms is not what they are: tests/layers.py --write-map"


def main():
    if sys.argv[1:] == ["--map"]:
        print(drawn_map(), end="")
        return 0
    if sys.argv[1:] == ["--write-map"]:
        before, _, behind = split_document()
        DOCUMENT.write_text(before + drawn_map() + behind)
        return 0
    found = list(complaints())
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
