"""How are goals, shares and ways drawn? Small still SVG without scripts: goals against 1, stacked bars, waterfalls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.measures import Goal
from bench.report import wanted

WIDTH = 900
ROW = 22
LEFT = 330  # of the bars: before them stand their names
REACHED, MISSED, TOLD = "#5aa469", "#d9822b", "#9aa5b1"
MOST = 2.0  # times its goal: what is better still ends there


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of a way: milliseconds, and whose work it is (a key of the colours)."""

    name: str
    kind: str
    ms: float


def _svg(height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif"'
        ' font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, *, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'


def _bar(x: float, y: float, width: float, colour: str, title: str = "") -> str:
    shape = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.5, width):.1f}" height="{ROW - 6}" fill="{colour}"/>'
    )
    return f"<g><title>{escape(title)}</title>{shape}</g>" if title else shape


def _title(text: str) -> str:
    return _text(8, 20, text, more='font-size="15" font-weight="bold"')


def _legend(colours: Mapping[str, str], top: float) -> list[str]:
    parts, x = [], 8.0
    for name, colour in colours.items():
        wide = 30 + 7.0 * len(name)
        if x + wide > WIDTH:
            x, top = 8.0, top + ROW
        parts += [_bar(x, top, 12, colour), _text(x + 17, top + 12, name)]
        x += wide
    return parts


def _legend_rows(colours: Mapping[str, str]) -> int:
    return 1 + int(sum(30 + 7.0 * len(name) for name in colours) / (WIDTH - 150))


def relative(goal: Goal) -> float | None:
    """How the value stands to its goal: 1 is just reached, more is better. None: there is no goal."""
    if goal.least is not None:
        return goal.value / goal.least
    if goal.most is not None:
        return goal.most / goal.value if goal.value > 0 else MOST
    return None


def goals(found: Sequence[tuple[str, Goal]]) -> str:
    """Every goal with its suite's name: a bar that has to reach the line."""
    held = [(suite, goal, share) for suite, goal in found if (share := relative(goal)) is not None]
    unit = (WIDTH - LEFT - 130) / MOST
    bottom = 40 + ROW * len(held)
    parts = [_title("Goals: the line is reached, right of it is better")]
    for row, (suite, goal, share) in enumerate(held):
        y = 40 + row * ROW
        parts.append(
            _text(LEFT - 8, y + 12, f"{suite}: {goal.key.partition('.')[2]}", more='text-anchor="end"')
        )
        parts.append(_bar(LEFT, y, min(share, MOST) * unit, REACHED if goal.reached else MISSED))
        told = f"{goal.value:.3g} {goal.unit} (goal {wanted(goal)})"
        parts.append(_text(LEFT + min(share, MOST) * unit + 5, y + 12, told, more='font-size="11"'))
    line = LEFT + unit
    parts.append(
        f'<line x1="{line}" y1="34" x2="{line}" y2="{bottom}" stroke="#333" stroke-dasharray="4 3"/>'
    )
    return _svg(bottom + 10, parts)


def stacked(
    title: str, bars: Mapping[str, Mapping[str, float]], colours: Mapping[str, str], *, unit: str = "ms"
) -> str:
    """For every bar its parts in the colours' order; each bar fills the width, its sum stands beside it."""
    room = WIDTH - LEFT - 20
    parts = [_title(title)]
    for row, (name, shares) in enumerate(bars.items()):
        y, x = 40 + row * (ROW + 8), float(LEFT)
        whole = sum(shares.values()) or 1.0
        parts.append(_text(LEFT - 8, y + 12, f"{name}: {whole:.2f} {unit}", more='text-anchor="end"'))
        for part, colour in colours.items():
            value = shares.get(part, 0.0)
            width = value / whole * room
            if value <= 0:
                continue
            parts.append(_bar(x, y, width, colour, f"{part}: {value:.2f} {unit}, {value / whole:.0%}"))
            if width > 30:
                parts.append(_text(x + 3, y + 12, f"{value:.2f}", more='font-size="11"'))
            x += width
    bottom = 40 + len(bars) * (ROW + 8)
    parts += _legend(colours, bottom + 4)
    return _svg(bottom + 10 + ROW * _legend_rows(colours), parts)


def waterfall(title: str, ways: Mapping[str, Sequence[Stage]], colours: Mapping[str, str]) -> str:
    """Ways below one another on one axis of time, each stage a bar where the one before ended."""
    longest = max(sum(stage.ms for stage in stages) for stages in ways.values())
    scale = (WIDTH - LEFT - 70) / longest
    parts, y = [_title(title)], 36.0
    for name, stages in ways.items():
        whole, at = sum(stage.ms for stage in stages), 0.0
        parts.append(_text(8, y + 14, f"{name}: {whole:.1f} ms", more='font-weight="bold"'))
        y += ROW
        for stage in stages:
            x = LEFT + at * scale
            parts.append(_text(LEFT - 8, y + 12, stage.name, more='text-anchor="end"'))
            parts.append(_bar(x, y, stage.ms * scale, colours[stage.kind]))
            parts.append(
                _text(x + max(0.5, stage.ms * scale) + 4, y + 12, f"{stage.ms:.1f}", more='font-size="11"')
            )
            at += stage.ms
            y += ROW - 4
        y += 8
    parts += _legend(colours, y + 2)
    return _svg(y + 12 + ROW * _legend_rows(colours), parts)
