"""Results as a plot: a row for each workload, a dot for each adapter, times better than the SDK.

SVG written by hand, so that it needs no package; its colours follow the reader's light or dark.
The axis is logarithmic: twice as good and half as good are equally far from the SDK.
"""

import math
from html import escape

from .adapters import OURS, OURS_FAST, PEER
from .results import Ratio, Results
from .workloads import WORKLOADS

LEFT, RIGHT, TOP, ROW, WIDTH = 360, 40, 64, 40, 900
"""Pixels: the titles' column, margins, a row's height, the whole width."""
TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .axis { stroke: #ddd } .even { stroke: #888; stroke-width: 1.5 }
  .ours { fill: #0b6bcb; stroke: #0b6bcb } .fast { fill: #c2410c; stroke: #c2410c }
  .floor { fill: #888; stroke: #888 }
  .spread { stroke-width: 2; opacity: 0.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .axis { stroke: #444 } .even { stroke: #999 }
    .ours { fill: #5aa9ff; stroke: #5aa9ff } .fast { fill: #ff9a5c; stroke: #ff9a5c }
  }
"""


def in_svg(results: Results) -> str:
    """The plot."""
    rows = [(WORKLOADS[name].title, _dots(results, name)) for name in results.workloads()]
    scale = _Scale([ratio for _, dots in rows for _, ratio in dots])
    height = TOP + ROW * len(rows) + 40
    body = [*_legend(), *_axis(scale, height - 40)]
    for number, (title, dots) in enumerate(rows):
        middle = TOP + ROW * number + ROW / 2
        body.append(
            f'<text x="{LEFT - 16}" y="{middle + 4:.0f}" text-anchor="end">{escape(title)}</text>'
        )
        for offset, (kind, ratio) in zip((-9, 0, 9), dots, strict=False):
            body += _dot(kind, ratio, scale, middle + offset)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>Times better than the OpenAI Agents SDK, by workload</title>",
            f"<style>{STYLE}</style>",
            *body,
            "</svg>",
            "",
        ]
    )


def _dots(results: Results, name: str) -> list[tuple[str, Ratio]]:
    """What there is to compare with the SDK, by its class in `STYLE`."""
    adapters = (("ours", OURS), ("fast", OURS_FAST), ("floor", results.best_floor(name)))
    metric = WORKLOADS[name].metrics[0]
    found = (
        (kind, results.ratio(name, adapter, PEER, metric) if adapter else None)
        for kind, adapter in adapters
    )
    return [(kind, ratio) for kind, ratio in found if ratio is not None]


class _Scale:
    """From a ratio to pixels."""

    def __init__(self, ratios: list[Ratio]) -> None:
        lowest = min((ratio.lowest for ratio in ratios), default=1)
        highest = max((ratio.highest for ratio in ratios), default=1)
        self._low = math.log2(min(0.5, lowest)) - 0.2
        self._high = math.log2(max(2, highest)) + 0.2
        self.ticks = [t for t in TICKS if self._low <= math.log2(t) <= self._high]

    def __call__(self, ratio: float) -> float:
        share = (math.log2(ratio) - self._low) / (self._high - self._low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


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
        x = f"{scale(tick):.1f}"
        kind = "even" if tick == 1 else "axis"
        label = "the SDK" if tick == 1 else f"{tick:g} times" if tick > 1 else f"1/{1 / tick:g}"
        lines.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{bottom}"/>')
        lines.append(f'<text x="{x}" y="{bottom + 20}" text-anchor="middle">{label}</text>')
    return lines


def _legend() -> list[str]:
    lines: list[str] = []
    entries = (("ours", "trio_realtime"), ("fast", "trio_realtime[fast]"), ("floor", "best floor"))
    for number, (kind, label) in enumerate(entries):
        x = LEFT + 170 * number
        lines.append(f'<circle class="{kind}" cx="{x}" cy="24" r="4.5"/>')
        lines.append(f'<text x="{x + 12}" y="28">{label}</text>')
    return lines
