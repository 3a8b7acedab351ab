"""The peers of the Python package, from the package index, in a virtual environment of their own."""
import json
import subprocess
import sys

PEERS = ("joblib", "mpire", "ray")
_VERSIONS = """
import importlib.metadata, json, platform
found = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
print(json.dumps({**found, "python": platform.python_version()}))
"""


def versions(python):
    """Of what is installed there, and of Python itself; nothing where there is no such Python."""
    try:
        said = subprocess.run([python, "-c", _VERSIONS], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return json.loads(said.stdout)


def set_up(folder, haids_python):
    """Installs what is missing, for the same Python as haid's; what cannot be installed stays missing. Returns the
    Python that finds the peers."""
    python = folder / "bin/python"
    found = versions(python)
    if found.get("python") != versions(haids_python)["python"]:
        subprocess.run([haids_python, "-m", "venv", "--clear", folder], check=True, timeout=300)
        found = {}
    for package in ("numpy", *PEERS):
        if package not in found:
            print(f"bench: installing {package} into {folder}", file=sys.stderr)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1",
                            "--timeout=20", package], timeout=600)
    return python
