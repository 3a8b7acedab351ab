"""Bars that show how far a call is, in terminals and notebooks."""

from .errors import TimeoutError

SECONDS_BETWEEN_LOOKS = 0.1


def _bar(total, function):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from None
    return tqdm(total=total, desc=getattr(function, "__name__", None))


def show_until_done(call, total, function):
    with _bar(total, function) as bar:
        done = False
        while not done:
            done = call.wait(SECONDS_BETWEEN_LOOKS)
            bar.update(call.resolved() - bar.n)


def show_as_they_pass(results, total, function):
    """The results. One that is an error has been done, too."""
    return _Shown(results, _bar(total, function))


class _Shown:
    def __init__(self, results, bar):
        self._results = results
        self._bar = bar

    def __iter__(self):
        return self

    def next(self, timeout=None):
        try:
            result = self._results.next(timeout)
        except StopIteration:
            self._bar.close()
            raise
        except TimeoutError:
            raise
        except Exception:
            self._bar.update()
            del self  # as in IMapIterator
            raise
        self._bar.update()
        return result

    __next__ = next
