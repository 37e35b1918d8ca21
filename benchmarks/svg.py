"""What the plots share. SVG is written by hand, so that it needs no package.

The background is white and the colours are those for it, whatever the page around the plot is like.
"""

from collections.abc import Sequence
from html import escape

XML = "http://www.w3.org/2000/svg"
WIDTH = 900
"""Pixels."""
STYLE = """
  .paper { fill: #fff } .band { fill: #f5f6f8 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #222 }
  .title { font-size: 15px; font-weight: 600 } .note { font-size: 12px; fill: #666 }
  .axis { stroke: #d9dce1 } .even { stroke: #555; stroke-width: 1.5 }
  .peer { fill: #5f6b7a } .ours { fill: #0b6bcb; stroke: #0b6bcb }
  .fast { fill: #c2410c; stroke: #c2410c } .floor { fill: #9aa2ad; stroke: #9aa2ad }
  .spread { stroke-width: 2; opacity: 0.45 } .bar { stroke: none }
  .peer.pale { fill: #b8bec7 } .ours.pale { fill: #8fbce9 } .fast.pale { fill: #e6ab91 }
  .floor.pale { fill: #d3d7dc }
"""


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    """Words at a place; ``anchor`` is ``start``, ``middle`` or ``end``."""
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{of_kind}>{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled rectangle."""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def vertical(x: float, top: float, bottom: float, kind: str) -> str:
    """A vertical line."""
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'


def drawing(title: str, height: float, body: Sequence[str]) -> str:
    """The whole file."""
    return "\n".join(
        [
            f'<svg xmlns="{XML}" viewBox="0 0 {WIDTH} {height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            rect(0, 0, WIDTH, height, "paper"),
            *body,
            "</svg>",
            "",
        ]
    )
