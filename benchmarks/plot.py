"""Ratios as a plot: a row for each number, a dot for each adapter, times better than the SDK.

The axis is logarithmic: twice as good and half as good are equally far from the SDK.
"""

import math

from . import svg
from .adapters import ADAPTERS, OURS, OURS_FAST, PEER
from .results import Ratio, Results
from .workloads import WORKLOADS, Metric

LEFT, RIGHT, TOP, ROW, BOTTOM, LABEL = 350, 40, 84, 36, 56, 40
"""Pixels: the titles' column, margins, a row's height, the width of a tick's label."""
TITLE = "Times better than the OpenAI Agents SDK"

Dots = list[tuple[str, Ratio]]
"""What there is to compare with the SDK, by its class in `svg.STYLE`."""


def in_svg(results: Results) -> str:
    """The plot."""
    rows = [
        (metric.title, _dots(results, name, metric))
        for name in results.workloads()
        for metric in WORKLOADS[name].compared()
    ]
    scale = _Scale([ratio for _, dots in rows for _, ratio in dots])
    end = TOP + ROW * len(rows)
    bands = [
        svg.rect(0, TOP + ROW * number, svg.WIDTH, ROW, "band") for number in range(0, len(rows), 2)
    ]
    body = [*_legend(), *bands, *_axis(scale, end)]
    for number, (title, dots) in enumerate(rows):
        middle = TOP + ROW * (number + 0.5)
        body.append(svg.text(LEFT - 16, middle + 4, title, anchor="end"))
        for offset, (kind, ratio) in zip((-9, 0, 9), dots, strict=False):
            body += _dot(kind, ratio, scale, middle + offset)
    return svg.drawing(f"{TITLE}, by workload", end + BOTTOM, body)


def _dots(results: Results, name: str, metric: Metric) -> Dots:
    floor = results.best_floor(name, metric)
    adapters = (("ours", OURS), ("fast", OURS_FAST), ("floor", floor))
    found = ((kind, results.ratio(name, adapter, PEER, metric)) for kind, adapter in adapters)
    return [(kind, ratio) for kind, ratio in found if ratio is not None]


class _Scale:
    """From a ratio to pixels."""

    def __init__(self, ratios: list[Ratio]) -> None:
        lowest = min((ratio.lowest for ratio in ratios), default=1)
        highest = max((ratio.highest for ratio in ratios), default=1)
        self._low = math.log2(min(0.5, lowest)) - 0.2
        self._high = math.log2(max(2, highest)) + 0.2
        powers = range(math.ceil(self._low), math.floor(self._high) + 1)
        step = math.ceil(LABEL * (self._high - self._low) / (svg.WIDTH - LEFT - RIGHT))
        self.ticks = [2.0**power for power in powers if power % step == 0]

    def __call__(self, ratio: float) -> float:
        share = (math.log2(ratio) - self._low) / (self._high - self._low)
        return LEFT + share * (svg.WIDTH - LEFT - RIGHT)


def _dot(kind: str, ratio: Ratio, scale: _Scale, y: float) -> list[str]:
    low, middle, high = (scale(x) for x in (ratio.lowest, ratio.median, ratio.highest))
    title = f"<title>{ratio.median:.2f} ({ratio.lowest:.2f} to {ratio.highest:.2f})</title>"
    return [
        f'<line class="{kind} spread" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.0f}" y2="{y:.0f}"/>',
        f'<circle class="{kind}" cx="{middle:.1f}" cy="{y:.0f}" r="4.5">{title}</circle>',
    ]


def _axis(scale: _Scale, bottom: float) -> list[str]:
    lines: list[str] = []
    for tick in scale.ticks:
        x = scale(tick)
        label = f"{tick:g}x" if tick > 1 else "SDK" if tick == 1 else f"1/{1 / tick:g}"
        lines.append(svg.vertical(x, TOP, bottom, "even" if tick == 1 else "axis"))
        lines.append(svg.text(x, bottom + 20, label, anchor="middle"))
    middle = scale(1)
    lines.append(svg.text(middle - 12, bottom + 42, "← worse", anchor="end", kind="note"))
    lines.append(svg.text(middle + 12, bottom + 42, "better →", kind="note"))
    return lines


def _legend() -> list[str]:
    lines = [svg.text(16, 28, TITLE, kind="title")]
    labels = {
        "ours": f"{ADAPTERS[OURS].label} (trio-websocket)",
        "fast": ADAPTERS[OURS_FAST].label,
        "floor": "the better floor",
    }
    x = LEFT
    for kind, label in labels.items():
        lines.append(f'<circle class="{kind}" cx="{x}" cy="56" r="4.5"/>')
        lines.append(svg.text(x + 12, 60, label))
        x += 40 + 7 * len(label)
    return lines
