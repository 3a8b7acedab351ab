"""Puts haid in the place of multiprocessing, in every Python process that finds this on its path."""
import importlib
import multiprocessing.pool
import sys

import haid

# The standard library's modules import one another by name: so all are there before.
for name in haid._standard.MODULES:
    importlib.import_module(f"multiprocessing.{name}")
for name in ("multiprocessing", "multiprocessing.context", "multiprocessing.pool"):
    sys.modules[name] = sys.modules[name.replace("multiprocessing", "haid")]
