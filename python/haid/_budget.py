"""What libraries of Python's that are imported are told of the CPUs that a worker may use.

The engine sets variables, and tells libraries of C. What Python's have decided by then they do not decide again, or not
without harm: so they are told in their own words, and never more than was decided before.
"""
import sys

from . import _haid


def prepared():
    """To be called in the parent, before its workers are forked: what each of them is to call."""
    names, tellers = _haid.budget_names(), []
    numba = sys.modules.get("numba.np.ufunc.parallel")
    if numba is not None:
        tellers.append(_numba(numba, limited=_NUMBA in names))
        names = [name for name in names if name != _NUMBA]
    numexpr = sys.modules.get("numexpr")
    if numexpr is not None and b"NUMEXPR_NUM_THREADS" in names:
        tellers.append(lambda cpus: numexpr.set_num_threads(min(cpus, numexpr.get_num_threads())))

    def take(environment):
        """``environment``: of os.environ, whose strings the C library has already."""
        budget = _haid.budget()
        for name in names:
            environment[name] = budget
        for tell in tellers:
            try:
                tell(int(budget))
            except Exception:
                pass  # a version of the library that has other words for it, and goes on as it would without us

    return take


_NUMBA = b"NUMBA_NUM_THREADS"


def _numba(module, limited):
    """It reads its variables again with each function that it compiles. One that has changed undoes what the program has set
    in numba.config, and is an error once threads have been launched; only so many are used of them as it is told."""
    in_openmp = getattr(sys.modules.get("numba.np.ufunc.omppool"), "openmp_vendor", None) == "GNU"

    def use(cpus):
        module._set_num_threads(min(cpus, module._get_num_threads()))

    def tell(cpus):
        if module._is_initialized:
            # Threads of GNU's OpenMP are not there after a fork, and are waited for for ever.
            if in_openmp and module._threading_layer == "omp":
                cpus = 1
            elif not limited:
                return
            use(cpus)
        elif limited:
            launch = module._launch_threads

            def launch_and_tell():
                had_been = module._is_initialized
                launch()
                if not had_been:
                    use(cpus)

            module._launch_threads = launch_and_tell

    return tell
