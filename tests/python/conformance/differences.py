"""Where haid differs from the standard library on purpose: a test of CPython's, and why it does not pass."""

OTHER_FILES = "counts the files of the standard library's own package"
OWN_WORKERS = "a haid.Pool does not make its workers by its context's Process"
REAL_ERROR = "the error is told as it is, and the executor works on"
NO_EXIT = "SystemExit in a call is an error of that call, not the end of the caller"
ENCODING = "a result that cannot be pickled is a MaybeEncodingError, as with pools"
INTERNALS = "looks at the standard library's threads and queues"

DIFFERENCES = {
    "_TestImportStar.test_import": OTHER_FILES,
    "TestPoolNotLeakOnFailure.test_release_unused_processes": OWN_WORKERS,
    "WithProcessesTestPoolWorkerErrors.test_unpickleable_result": "its result is a lambda, which crosses",
    "ProcessPoolForkExecutorDeadlockTest.test_error_at_task_unpickle": REAL_ERROR,
    "ProcessPoolForkExecutorDeadlockTest.test_error_during_result_unpickle_in_result_handler": REAL_ERROR,
    "ProcessPoolForkExecutorDeadlockTest.test_exit_during_result_unpickle_in_result_handler": REAL_ERROR,
    "ProcessPoolForkExecutorDeadlockTest.test_exit_at_task_unpickle": NO_EXIT,
    "ProcessPoolForkExecutorDeadlockTest.test_exit_during_func_exec_on_worker": NO_EXIT,
    "ProcessPoolForkExecutorDeadlockTest.test_error_during_result_pickle_on_worker": ENCODING,
    "ProcessPoolForkExecutorDeadlockTest.test_exit_during_result_pickle_on_worker": ENCODING,
    "ProcessPoolForkExecutorDeadlockTest.test_shutdown_deadlock_pickle": INTERNALS,
    "ProcessPoolForkProcessPoolShutdownTest.test_del_shutdown": INTERNALS,
    "ProcessPoolForkProcessPoolShutdownTest.test_shutdown_no_wait": INTERNALS,
    "ProcessPoolForkProcessPoolExecutorTest.test_killed_child": "a killed worker costs only the call that it ran",
    "ProcessPoolForkProcessPoolExecutorTest.test_max_tasks_per_child": "max_tasks_per_child works with fork, too",
    "ProcessPoolForkProcessPoolExecutorTest.test_max_tasks_per_child_defaults_to_spawn_context":
        "max_tasks_per_child works with fork, too",
}
