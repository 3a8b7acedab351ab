"""Puts haid in the place of multiprocessing and of the executor of processes, in every Python process that finds this
on its path."""
import concurrent.futures
import importlib
import multiprocessing.pool
import os
import pkgutil
import sys

import haid

# The standard library's modules stay what they are under their names, or their classes could not be pickled; they
# import one another by these names, so all are there before. What the tests reach through `multiprocessing` is haid's.
for module in pkgutil.iter_modules(multiprocessing.__path__):
    if not module.name.endswith("win32"):
        importlib.import_module(f"multiprocessing.{module.name}")
importlib.import_module("multiprocessing.dummy.connection")
for module in ("haid._threads", "haid.dummy", "haid.futures", "haid.pool", "haid.queues", "haid.synchronize"):
    importlib.import_module(module)
sys.modules["multiprocessing"] = haid
if os.environ.get("CONFORMANCE_MODULE") == "futures":
    concurrent.futures.ProcessPoolExecutor = importlib.import_module("haid.futures").ProcessPoolExecutor
