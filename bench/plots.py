"""How do the figures of a run look? SVG files beside its JSON: latency, throughput against load, memory, growth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygal
from pygal.style import CleanStyle

from bench.measures import Findings, quantile

SHARES = [share / 200 for share in range(1, 200)]


def draw(findings: Findings, path: Path) -> list[Path]:
    """Write `<path>-<plot>.svg` for everything the run has samples of; the files written."""
    plots: dict[str, Callable[[Findings], Any]] = {
        "latency": _latency,
        "load": _load,
        "memory": _memory,
        "growth": _growth,
    }
    written = []
    for name, plot in plots.items():
        chart = plot(findings)
        if chart is not None:
            file = path.with_name(f"{path.name}-{name}.svg")
            file.write_bytes(chart.render())
            written.append(file)
    return written


def _latency(findings: Findings) -> Any:  # noqa: ANN401 - pygal has no types
    found = {
        label: findings.samples[f"latency.{name}"]
        for name, label in (
            ("whole", "sender to inbox"),
            ("transit", "receipt to inbox"),
            ("bare", "bare pipeline"),
        )
        if f"latency.{name}" in findings.samples
    }
    if not found:
        return None
    chart = _xy("Latency at a tenth of capacity", "milliseconds", "share of documents that took no longer")
    for label, values in found.items():
        chart.add(label, [(quantile(values, share), share) for share in SHARES])
    return chart


def _load(findings: Findings) -> Any:  # noqa: ANN401
    xs = findings.samples.get("accept.load.x")
    if xs is None:
        return None
    chart = _xy("Accepting documents of 10 KB", "documents in flight", "documents per second")
    chart.add("hub", list(zip(xs, findings.samples["accept.load.y"], strict=True)))
    return chart


def _memory(findings: Findings) -> Any:  # noqa: ANN401
    series = {name: values for name, values in findings.samples.items() if name.startswith("memory.")}
    if not series:
        return None
    chart = _xy("Memory at full load, documents of 10 KB", "seconds", "resident MiB")
    for name, values in series.items():
        step = max(1, len(values) // 200)
        points = [(number / 10, value) for number, value in enumerate(values)][::step]
        chart.add(name.removeprefix("memory."), points)
    return chart


def _growth(findings: Findings) -> Any:  # noqa: ANN401
    if "growth.throughput.full" not in findings.measures:
        return None
    chart = pygal.Bar(style=CleanStyle, js=[], width=760, height=380, y_title="p99, milliseconds")
    chart.title = f"Calls with {findings.settings['growth.documents']:,} documents in the store"
    calls = ("inbox", "search", "track")
    chart.x_labels = list(calls)
    for name in ("empty", "full"):
        chart.add(name, [round(findings.median(f"growth.{call}.{name}.p99"), 2) for call in calls])
    return chart


def _xy(title: str, x: str, y: str) -> Any:  # noqa: ANN401
    chart = pygal.XY(
        style=CleanStyle,
        js=[],
        show_dots=False,
        width=760,
        height=380,
        x_title=x,
        y_title=y,
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        include_x_axis=True,
    )
    chart.title = title
    return chart
