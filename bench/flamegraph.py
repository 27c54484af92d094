"""How does one look at many stacks at once? A small still flamegraph: SVG without scripts, narrow frames left out.

Frames have the colour of the part of the work (`parts.py`) that most of their samples belong to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from bench.parts import COLOURS, KERNEL, part_of

WIDTH, ROW = 1200, 16
NARROWEST = 0.005  # share of all samples; narrower frames are left out with what stands on them
DEEPEST = 40
#: what every stack begins with and says nothing about the work: all up to the innermost of these
BEGINNINGS = (
    "Handle._run (",
    "BaseEventLoop._run_once (",
    "_run_once (",
    "_run (asyncio/events",
    "Thread.run (",
    "_worker (",
)


@dataclass(slots=True)
class _Frame:
    name: str
    samples: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    calls: dict[str, _Frame] = field(default_factory=dict)


def draw(stacks: Iterable[tuple[list[str], int]], title: str) -> str:
    """`stacks`: frames from the outermost in, as `function (file:line)`, with their samples."""
    root = _Frame("all")
    for frames, samples in stacks:
        root.samples += samples
        part = part_of(frames)
        at = root
        for frame in plain(frames)[:DEEPEST]:
            at = at.calls.setdefault(frame, _Frame(frame))
            at.samples += samples
            at.parts[part] += samples
    boxes: list[str] = []
    depth = _lay(root, 0.0, 0, root.samples or 1, boxes)
    height = (depth + 3) * ROW + 8
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace"'
        ' font-size="11"><style>rect{stroke:#fff}text{pointer-events:none}</style>'
        f'<text x="2" y="12" font-weight="bold">{escape(title)}: {root.samples} samples</text>'
    )
    return "\n".join([head, *_legend(), *boxes, "</svg>"]) + "\n"


def _legend() -> list[str]:
    parts, x = [], 2.0
    for name, colour in COLOURS.items():
        if name == KERNEL:
            continue  # no stack shows it
        parts.append(f'<rect x="{x}" y="{ROW + 2}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 15}" y="{ROW + 12}">{escape(name)}</text>')
        x += 27 + 6.7 * len(name)
    return parts


def plain(frames: list[str]) -> list[str]:
    """Without line numbers, so that a function is one frame; without what all begin with; recursion folded."""
    shown: list[str] = []
    for frame in frames:
        name = f"{frame.rpartition(':')[0]})" if frame.rpartition(":")[2].rstrip(")").isdigit() else frame
        if name.startswith(BEGINNINGS):
            shown = []
        elif not shown or shown[-1] != name:
            shown.append(name)
    return shown


def _lay(frame: _Frame, left: float, depth: int, total: int, boxes: list[str]) -> int:
    """Draw the frame and what it calls, the widest first; the deepest row reached."""
    share = frame.samples / total
    if depth:
        boxes.append(_box(frame, share, left, depth + 1))
    deepest = depth
    for called in sorted(frame.calls.values(), key=lambda each: -each.samples):
        if called.samples / total < NARROWEST:
            break
        deepest = max(deepest, _lay(called, left, depth + 1, total, boxes))
        left += called.samples / total
    return deepest


def _box(frame: _Frame, share: float, left: float, row: int) -> str:
    name = frame.name
    x, width, y = left * WIDTH, share * WIDTH, row * ROW
    letters = int(width / 6.7)
    short = name if len(name) <= letters else name.partition(" ")[0]
    label = short[:letters] if letters >= 3 else ""
    colour = COLOURS[frame.parts.most_common(1)[0][0]]
    text = f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(label)}</text>' if label else ""
    title = f"<title>{escape(name)} {share:.1%}</title>"
    return (
        f'<g>{title}<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" fill="{colour}"/>{text}</g>'
    )
