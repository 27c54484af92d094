"""How does one look at many stacks at once? A small still flamegraph: SVG without scripts, narrow frames left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, ROW = 1200, 16
NARROWEST = 0.004  # share of all samples; narrower frames are left out with what stands on them
DEEPEST = 48


@dataclass(slots=True)
class _Frame:
    name: str
    samples: int = 0
    calls: dict[str, _Frame] = field(default_factory=dict)


def draw(stacks: Iterable[tuple[list[str], int]]) -> str:
    """`stacks`: frames from the outermost in, as `function (file:line)`, with their samples."""
    root = _Frame("all")
    for frames, samples in stacks:
        root.samples += samples
        at = root
        for frame in _plain(frames)[:DEEPEST]:
            at = at.calls.setdefault(frame, _Frame(frame))
            at.samples += samples
    boxes: list[str] = []
    depth = _lay(root, 0.0, 0, root.samples or 1, boxes)
    height = (depth + 1) * ROW + 4
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace"'
        ' font-size="11"><style>rect{stroke:#fff}text{pointer-events:none}</style>'
    )
    return "\n".join([head, *boxes, "</svg>"]) + "\n"


def _plain(frames: list[str]) -> list[str]:
    """Without line numbers, so that a function is one frame; recursion of one function into itself folded."""
    plain: list[str] = []
    for frame in frames:
        name = f"{frame.rpartition(':')[0]})" if frame.rpartition(":")[2].rstrip(")").isdigit() else frame
        if not plain or plain[-1] != name:
            plain.append(name)
    return plain


def _lay(frame: _Frame, left: float, depth: int, total: int, boxes: list[str]) -> int:
    """Draw the frame and what it calls, the widest first; the deepest row reached."""
    share = frame.samples / total
    if depth:
        boxes.append(_box(frame.name, share, left, depth - 1))
    deepest = depth
    for called in sorted(frame.calls.values(), key=lambda each: -each.samples):
        if called.samples / total < NARROWEST:
            break
        deepest = max(deepest, _lay(called, left, depth + 1, total, boxes))
        left += called.samples / total
    return deepest


def _box(name: str, share: float, left: float, row: int) -> str:
    x, width, y = left * WIDTH, share * WIDTH, row * ROW
    letters = int(width / 6.7)
    short = name if len(name) <= letters else name.partition(" ")[0]
    label = short[:letters] if letters >= 3 else ""
    hue = 20 + sum(map(ord, name)) % 35
    text = f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(label)}</text>' if label else ""
    title = f"<title>{escape(name)} {share:.1%}</title>"
    return (
        f'<g>{title}<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" fill="hsl({hue},80%,72%)"/>'
        f"{text}</g>"
    )
