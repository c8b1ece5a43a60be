"""The host's script as a module, for tests of its parts."""

import importlib.util
from functools import cache
from types import ModuleType

from tests.enforcement.pulling import SCRIPT


@cache
def script() -> ModuleType:
    """`deploy/pull_techmail.py`, loaded from its file as a mail host has it."""
    spec = importlib.util.spec_from_file_location("pull_techmail", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
