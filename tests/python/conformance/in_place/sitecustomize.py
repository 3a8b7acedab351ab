"""Puts haid in the place of multiprocessing, in every Python process that finds this on its path."""
import importlib
import multiprocessing.pool
import sys

import haid

# The standard library's modules stay what they are under their names, or their classes could not be pickled; they
# import one another by these names, so all are there before. What the tests reach through `multiprocessing` is haid's.
for name in haid._standard.MODULES:
    importlib.import_module(f"multiprocessing.{name}")
sys.modules["multiprocessing"] = haid
