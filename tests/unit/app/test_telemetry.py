"""Is every log line whole (JSON, ids, exceptions), and does the metrics page answer?"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from lienthong import telemetry
from tests.fakes.ports import free_port


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_lines_of_both_kinds_of_loggers_are_json_with_the_bound_ids() -> None:
    out = io.StringIO()
    telemetry.configure_log("info", "json", out)
    telemetry.bind(node="H48.31")
    structlog.get_logger("a").info("hop.recorded", document_id="d1")
    structlog.get_logger("a").debug("not.written")
    logging.getLogger("b").warning("văn bản %s", 7)
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["event"], first["document_id"], first["node"], first["level"]) == (
        "hop.recorded", "d1", "H48.31", "info",
    )  # fmt: skip
    assert second["event"] == "văn bản 7"


def test_an_exception_stays_on_one_line() -> None:
    out = io.StringIO()
    telemetry.configure_log("info", "json", out)
    try:
        int("no")
    except ValueError:
        structlog.get_logger("a").exception("it.failed")
    [line] = out.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_the_metrics_page_answers_until_it_is_stopped() -> None:
    port = free_port()
    telemetry.HOPS.labels("express", "done").inc()
    stop = telemetry.serve_metrics("127.0.0.1", port)
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        stop()
    assert 'lienthong_hops_total{lane="express",outcome="done"}' in text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")
