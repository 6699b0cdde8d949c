"""Python programs in a process of their own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def run_program():
    """Run Python code in a process of its own; what it is asked to print comes back."""

    def run(code, *args, env=None, seconds=60):
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, *args],
            env=env,
            timeout=seconds,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    return run


@pytest.fixture(scope="session")
def clean_environment():
    """An environment with no proxy and no certificates but those of the test."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    unwanted = {*proxies, *map(str.upper, proxies), "SSL_CERT_FILE", "SSL_CERT_DIR"}
    return lambda **more: {name: value for name, value in os.environ.items() if name not in unwanted} | more
