"""Makes of a header's comments, which are written for readers of the header, what Doxygen takes for documentation."""
import pathlib
import re
import sys


def documented(text):
    lines, in_head = [], True
    for line in text.splitlines():
        if in_head and line.startswith("//"):
            if not lines:
                lines.append("/*! \\file")
            lines.append(line[2:])
            continue
        if in_head and lines:
            lines.append("*/")
        in_head = False
        line = re.sub(r"^(\s*)//(?!/)", r"\1///", line)
        lines.append(re.sub(r"([;,{}]\s*)// ", r"\1///< ", line))
    return "\n".join(lines)


print(documented(pathlib.Path(sys.argv[1]).read_text()))
