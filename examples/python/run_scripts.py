# Runs scripts of several languages at the same time, each with its arguments.
#
#     $ python run_scripts.py
#     Python was given 1 and a
#     R was given 2 and b          (the scripts' own lines: in any order)
#     bash was given 3 and c
#     hello.py 1 a: exit status 0
#     hello.R 2 b: exit status 0
#     hello.sh 3 c: exit status 0
import pathlib
import subprocess
import sys

from haid import Pool

SCRIPTS = pathlib.Path(__file__).parent.parent / "scripts"
INTERPRETERS = {".py": sys.executable, ".R": "Rscript", ".sh": "bash"}


def run(line):
    script, *arguments = line.split()
    path = SCRIPTS / script
    return subprocess.run([INTERPRETERS[path.suffix], path, *arguments]).returncode


if __name__ == "__main__":
    lines = sys.argv[1:] or ["hello.py 1 a", "hello.R 2 b", "hello.sh 3 c"]

    # A worker starts its script and waits for it. There are never more scripts at a time than workers.
    with Pool() as pool:
        statuses = pool.map(run, lines, chunksize=1)

    for line, status in zip(lines, statuses):
        print(f"{line}: exit status {status}")

    # Where running scripts is all there is to do, no program is needed:  haid run hello.py hello.R -- {} ::: 1 2 3
