"""Certificates: HTTP clients in the process of the tests trust those that tests made, and none of the machine's."""

import os
import ssl
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_certificate_of_the_machine_is_read(tmp_path_factory):
    """Each new HTTP client would read them all, which takes 20 ms; the tests make thousands, and no test needs one."""
    made_by_tests = tmp_path_factory.getbasetemp()
    load = ssl.SSLContext.load_verify_locations

    def load_those_of_tests(self, cafile=None, capath=None, cadata=None):
        if cadata is not None or (cafile and Path(os.fsdecode(cafile)).is_relative_to(made_by_tests)):
            load(self, cafile, capath, cadata)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ssl.SSLContext, "load_verify_locations", load_those_of_tests)
        yield
