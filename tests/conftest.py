"""What must every test be free of? The caller's settings, language and clock zone, chance that cannot be repeated.

Fixtures that start real services live in tests/services and are registered here, so that any test may ask for them.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.floors", "tests.services.rabbitmq"]

for name in [name for name in os.environ if name.startswith("LIENTHONG_")]:
    del os.environ[name]

# The language of messages: an administrator's machine in Viet Nam says `LANG=vi_VN.UTF-8`.
for name in ("LC_ALL", "LC_MESSAGES"):
    os.environ.pop(name, None)
os.environ["LANG"] = "C.UTF-8"

# A run started in the background by a plain shell ignores SIGINT, and so would every program it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A zone nobody here lives in (UTC-09:30): code that leans on local time fails, where +07:00 would let it pass.
os.environ["TZ"] = "Pacific/Marquesas"
time.tzset()

# The machine is shared and small, so no deadlines. Ordinary runs repeat the same examples; soak runs look for new ones.
settings.register_profile("ordinary", deadline=None, derandomize=True, max_examples=100)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=5_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ordinary")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A program under test sets up its log on streams that end with the test; later tests get the log of before."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
