"""Capacity as a plot: how many sessions one core carries, over TLS and over plain TCP."""

from . import svg
from .adapters import ADAPTERS, OURS, OURS_FAST, PEER, is_floor
from .results import Results
from .workloads import WORKLOADS

LEFT, RIGHT, TOP, ROW, BAR, BOTTOM = 210, 70, 84, 56, 20, 44
"""Pixels: the labels' column, margins, the height of a row and of a bar in it."""
TITLE = "Sessions that one core carries"
SERIES = (("capacity_tls", "TLS", ""), ("capacity", "plain TCP", " pale"))
"""Workloads, with their labels and what `svg.STYLE` calls them."""


def in_svg(results: Results) -> str:
    """The plot; without a bar where nothing was measured."""
    series = [entry for entry in SERIES if entry[0] in results.workloads()]
    measured = {adapter for name, _, _ in series for adapter in results.adapters(name)}
    adapters = [adapter for adapter in ADAPTERS if adapter in measured]
    numbers = {
        (name, adapter): results.median(name, adapter, WORKLOADS[name].metrics[0].name)
        for name, _, _ in series
        for adapter in results.adapters(name)
    }
    width = svg.WIDTH - LEFT - RIGHT
    longest = max(numbers.values(), default=1) or 1
    end = TOP + ROW * len(adapters)
    body = [*_head(), *_axis(longest, width, end)]
    for row, adapter in enumerate(adapters):
        top = TOP + ROW * row + (ROW - 2 * BAR) / 2
        body.append(svg.text(LEFT - 12, top + BAR + 4, ADAPTERS[adapter].label, anchor="end"))
        for place, (name, _, kind) in enumerate(SERIES):
            number = numbers.get((name, adapter))
            if number is None:
                continue
            y, length = top + BAR * place, number / longest * width
            body.append(svg.rect(LEFT, y + 1, length, BAR - 2, f"bar {_kind(adapter)}{kind}"))
            body.append(svg.text(LEFT + length + 8, y + BAR - 6, f"{number:,.0f}"))
    return svg.drawing(f"{TITLE}, over TLS and over plain TCP", end + BOTTOM, body)


def _kind(adapter: str) -> str:
    if is_floor(adapter):
        return "floor"
    return {PEER: "peer", OURS: "ours", OURS_FAST: "fast"}[adapter]


def _head() -> list[str]:
    lines = [svg.text(16, 28, TITLE, kind="title")]
    for place, (_, label, kind) in enumerate(SERIES):
        x = LEFT + 120 * place
        lines.append(svg.rect(x, 48, 24, 14, f"bar peer{kind}"))
        lines.append(svg.text(x + 32, 60, label))
    note = "audio both ways, 99 % of it less than 20 ms late"
    lines.append(svg.text(svg.WIDTH - 16, 60, note, anchor="end", kind="note"))
    return lines


def _axis(longest: float, width: float, bottom: float) -> list[str]:
    step = next(step for step in (1, 10, 50, 100, 200, 500, 1_000) if longest / step <= 10)
    lines: list[str] = []
    for tick in range(0, int(longest) + 1, step):
        x = LEFT + tick / longest * width
        lines.append(svg.vertical(x, TOP, bottom, "axis"))
        lines.append(svg.text(x, bottom + 20, f"{tick:,}", anchor="middle"))
    return lines
