"""The callbacks of calls that nobody waits for."""
import itertools
import threading
import traceback

from . import _scarcity


class Callbacks:
    """Calls the callbacks, in a thread that begins with the first."""

    def __init__(self, engine):
        self._engine = engine
        self._numbers = itertools.count()
        self._expected = {}
        self._thread = None
        self._lock = threading.Lock()

    def expect(self, result, callback, error_callback):
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="haid callbacks", daemon=True)
                _scarcity.start(thread, "a pool's callbacks")
                self._thread = thread
        number = next(self._numbers)
        result._told = threading.Event()
        self._expected[number] = result, callback, error_callback
        return number

    def _run(self):
        while finished := self._engine.completed():
            for number in finished:
                self._tell(number)

    def _tell(self, number):
        result, callback, error_callback = self._expected.pop(number)
        try:
            if result._call is None and not result._done:
                return  # Ctrl-C came while the call was made: nobody has the result
            result._wait_for_call(None)
            tell = callback if result._success else error_callback
            if tell is not None:
                tell(result._value)
        except BaseException:
            traceback.print_exc()
        finally:
            result._told.set()

    def tell_soon(self, number):
        """Of a call that the engine does not know."""
        thread = threading.Thread(target=self._tell, args=(number,), name="haid callback", daemon=True)
        try:
            _scarcity.start(thread, "a pool's callback")
        except OSError:
            del self._expected[number]
            raise

    def is_here(self):
        return threading.current_thread() is self._thread

    def stop(self):
        self._engine.stop_telling()

    def join(self):
        self.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
