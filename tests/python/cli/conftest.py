"""What the tests of the commands share."""

import logging

import pytest


@pytest.fixture(autouse=True)
def levels_of_loggers():
    """Give loggers their levels back: a command silences some, and here it runs in the process of all other tests."""
    before = {name: logger.level for name, logger in _loggers()}
    yield
    for name, logger in _loggers():
        logger.setLevel(before.get(name, logging.NOTSET))


def _loggers():
    return [
        (name, logger) for name, logger in logging.root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    ]
