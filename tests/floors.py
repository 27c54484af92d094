"""How much of each pure layer must the tests reach? A pytest plugin: with --cov, a layer under its floor fails the run.

The floor of the whole stands in pyproject.toml (`fail_under`). These are higher: what decides whether a document is
genuine, and where it goes, is plain code without waiting, and has no excuse.
"""

from __future__ import annotations

import io
from collections.abc import Generator

import coverage
import pytest
from coverage.exceptions import NoDataError

#: layer -> percent of lines and branches
FLOORS = {"domain": 97.0, "edxml": 97.0, "signing": 97.0, "transit": 97.0, "routing": 97.0}

_lines = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """After pytest-cov, whose hook this one wraps, has put the workers' data together."""
    result = yield
    plugin = session.config.pluginmanager.getplugin("_cov")
    worker = hasattr(session.config, "workerinput")
    if plugin is None or plugin.cov_controller is None or worker or session.config.option.collectonly:
        return result
    measured = {layer: reached(layer) for layer in FLOORS}
    session.config.stash[_lines] = [
        f"{layer:<8} {measured[layer]:6.2f} % of {floor:.0f} %" for layer, floor in FLOORS.items()
    ]
    if any(measured[layer] < floor for layer, floor in FLOORS.items()):
        session.config.stash[_lines].append("FAIL: a pure layer is under its coverage floor")
        session.testsfailed += 1
    return result


def reached(layer: str) -> float:
    """Percent of the layer that this run's data covers; 0 when it holds nothing of the layer."""
    data = coverage.Coverage()
    data.load()
    try:
        return data.report(include=[f"*/lienthong/{layer}/*"], file=io.StringIO(), skip_covered=True)
    except NoDataError:
        return 0.0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the floors beside pytest-cov's table."""
    if _lines in config.stash:
        terminalreporter.section("coverage of the pure layers")
        for line in config.stash[_lines]:
            terminalreporter.write_line(line, red=line.startswith("FAIL"))
