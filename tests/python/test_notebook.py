"""haid in a notebook: its kernel is the program, and one cell follows another in it."""
import subprocess
import time

import jupyter_client
import nbclient
import nbformat
import pytest

CELLS = {
    "pool": "import haid, os, sys\npool = haid.Pool(2)\npool.map(abs, [-1, -2])",
    "defined after the pool": "def change(x):\n    return x + 1\npool.map(change, [1, 2])",
    "lambda": "pool.map(lambda x: change(x) * 10, [1, 2])",
    "defined anew": "def change(x):\n    return x + 100\npool.map(change, [1, 2])",
    "used by another": "def twice(x):\n    return 2 * change(x)\nlist(pool.imap(twice, [1, 2]))",
    "class": "class Number:\n    value = 7\npool.apply(lambda n: type(n) is Number and n.value, (Number(),))",
    "progress": "pool.map(change, range(5), progress=True)",
    "lazy progress": "list(pool.imap(change, range(5), progress=True))",
    "prints": """
def say(x):
    print("out", x, end="!\\n")
    print("err", x, file=sys.stderr)
    print("half", end=" ")
    print("a line", x)
pool.map(say, range(3))
""",
    "prints of another pool": "with haid.Pool(2) as other:\n    other.map(say, [5])\nprint('after')",
    "prints of a process": "p = haid.Process(target=say, args=(6,)); p.start(); p.join()",
    "prints of threads": "haid.ThreadPool(2).map(say, [7])",
}


def executed(sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)  # with it ipykernel behaves otherwise
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return notebook


@pytest.fixture(scope="module")
def notebook():
    return executed(CELLS.values())


@pytest.fixture(scope="module")
def cells(notebook):
    return dict(zip(CELLS, notebook.cells))


def value(cell):
    return next(one.data["text/plain"] for one in cell.outputs if one.output_type == "execute_result")


def printed(cell, name):
    return "".join(one.text for one in cell.outputs if one.output_type == "stream" and one.name == name)


@pytest.mark.parametrize(
    "name, expected",
    {
        "pool": "[1, 2]",
        "defined after the pool": "[2, 3]",
        "lambda": "[20, 30]",
        "defined anew": "[101, 102]",
        "used by another": "[202, 204]",
        "class": "7",
        "progress": "[100, 101, 102, 103, 104]",
        "lazy progress": "[100, 101, 102, 103, 104]",
    }.items(),
)
def test_values(cells, name, expected):
    assert value(cells[name]) == expected


@pytest.mark.parametrize("name", ["progress", "lazy progress"])
def test_bars(cells, name):
    """They are widgets, not text."""
    shown = [one.data for one in cells[name].outputs if one.output_type == "display_data"]
    assert len(shown) == 1 and "application/vnd.jupyter.widget-view+json" in shown[0]
    assert not printed(cells[name], "stderr")


def test_bars_are_full(notebook):
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state.values()
    bars = [one.state for one in widgets if one.model_name == "FloatProgressModel"]
    assert [(bar.value, bar.max, bar.bar_style) for bar in bars] == [(5, 5, "success")] * 2


def test_bars_without_widgets():
    """As text, with tqdm's hint what is missing."""
    (cell,) = executed(["import sys\nsys.modules['ipywidgets'] = None\n"
                        "import haid\nhaid.Pool(2).map(abs, range(5), progress=True)"]).cells
    assert value(cell) == "[0, 1, 2, 3, 4]"
    assert "5/5" in printed(cell, "stderr") and "ipywidgets" in printed(cell, "stderr")


@pytest.mark.parametrize(
    "name, numbers",
    [("prints", range(3)), ("prints of another pool", [5]), ("prints of a process", [6]), ("prints of threads", [7])],
)
def test_prints(cells, name, numbers):
    """All lines are in the cell that ran, each whole."""
    lines = printed(cells[name], "stdout").splitlines()
    expected = [line for x in numbers for line in (f"out {x}!", f"half a line {x}")]
    assert sorted(line for line in lines if line != "after") == sorted(expected)
    assert sorted(printed(cells[name], "stderr").splitlines()) == [f"err {x}" for x in numbers]


class Kernel:
    def __enter__(self):
        self._manager, self._client = jupyter_client.manager.start_new_kernel(kernel_name="python3")
        self.pid = self._manager.provisioner.pid
        return self

    def __exit__(self, *_):
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, source, interrupt_at=None):
        """What the cell printed and showed. It is interrupted when it has printed a word: once, for the kernel does not
        bear an interrupt while it tells that the cell has ended."""
        out = []

        def take(message):
            content = message["content"]
            text = content.get("text") or content.get("ename") or content.get("data", {}).get("text/plain")
            if text is None:
                return
            first = interrupt_at is not None and interrupt_at in text and interrupt_at not in "".join(out)
            out.append(text)
            if first:
                self._manager.interrupt_kernel()

        self._client.execute_interactive(source, timeout=50, output_hook=take)
        return "".join(out)

    def end(self):
        self._manager.shutdown_kernel()


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    with Kernel() as kernel:
        yield kernel


SLOW = """
import haid, os, time
def slow(x):
    print("started")
    time.sleep(1000)
pool = haid.Pool(2)
"""


@pytest.mark.parametrize(
    "call",
    [
        "pool.map(slow, range(9))",
        "pool.map(slow, range(9), progress=True)",
        "for result in pool.imap_unordered(slow, range(9)): pass",
        "pool.apply(slow, (1,))",
        "with haid.Pool(2) as other: other.map(slow, range(9))",
    ],
)
def test_interrupt(kernel, call):
    """The cell ends, and the pool is free for the next one."""
    kernel.run(SLOW)
    for _ in range(2):
        assert "KeyboardInterrupt" in kernel.run(call, interrupt_at="started")
        assert kernel.run("pool.map(abs, range(-3, 0))") == "[3, 2, 1]"
    assert kernel.run("len(set(pool.map(lambda x: time.sleep(0.2) or os.getpid(), range(2))))") in "12"


def left(session):
    """Processes of the session that have not ended."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,sid=,stat="], stdout=subprocess.PIPE, text=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [pid for pid, sid, state in rows if sid == str(session) and not state.startswith("Z")]


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("end", ["shutdown", "kill"])
def test_nothing_is_left_of_a_kernel(kernel, end, busy):
    kernel.run(SLOW + "other = haid.Pool(2)\nother.map(abs, [1])")
    if busy:
        kernel.run("later = pool.map_async(slow, range(9))")
    assert len(left(kernel.pid)) > 4
    if end == "kill":
        subprocess.run(["kill", "-9", str(kernel.pid)], check=True)
    else:
        kernel.end()
    until = time.monotonic() + 50
    while left(kernel.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left(kernel.pid)
