"""Submodules of multiprocessing that are haid's as they are: ``import haid.managers``, ``haid.shared_memory``, …"""
import importlib
import importlib.machinery
import sys

MODULES = frozenset(
    """connection dummy.connection forkserver heap managers popen_fork popen_forkserver popen_spawn_posix process
    reduction resource_sharer resource_tracker shared_memory sharedctypes spawn util""".split()
)


class _Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        package, _, module = name.partition(".")
        if package == __package__ and module in MODULES:
            return importlib.machinery.ModuleSpec(name, cls)
        return None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__
        sys.modules[name] = importlib.import_module(name.replace(__package__, "multiprocessing", 1))


def enter():
    # First: haid.dummy.connection is not to be found in the folder of haid.dummy.
    sys.meta_path.insert(0, _Finder)
