"""Forked children of the process of the tests."""

import os
import signal
import time
import warnings

import pytest

CHILD_SECONDS = 10


def in_child(work):
    """Run in a forked child; its exit status, or a failure if it does not end."""
    with warnings.catch_warnings():
        # Python 3.12 warns of forks where there are threads: the tests show that they are safe here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    end = time.monotonic() + CHILD_SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child is stuck")
    return None
