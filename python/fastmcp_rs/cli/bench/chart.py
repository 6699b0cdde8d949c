"""A bar chart as SVG, for light and for dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "chart"]

_ROW, _BAR, _GAP, _LABELS, _WIDTH, _RIGHT = 22, 14, 34, 220, 760, 90
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 } .value { fill: #57606a }
.bar { fill: #8c959f } .ours { fill: #0969da } .floor { fill: #d0d7de } .page { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .value { fill: #8d96a0 }
  .bar { fill: #6e7681 } .ours { fill: #4493f8 } .floor { fill: #3d444d } .page { fill: #0d1117 }
}"""
# Around the chart. A page may be light where its reader's system is dark, so the chart has a ground of its own.
_MARGIN = 12


@dataclass(frozen=True)
class Bar:
    """One bar: what it stands for, how long it is, what is written at its end, and ``ours``, ``floor`` or ``bar``."""

    label: str
    value: float
    text: str
    kind: str = "bar"


def chart(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Draw groups of bars, one below the other, each group to its own scale.

    Args:
        title: What the chart shows, for those who do not see it.
        groups: The name and the bars of each group.

    Returns:
        The text of an SVG document.
    """
    parts = []
    y = 0
    for name, bars in groups:
        y += _GAP
        parts.append(f'<text class="title" x="0" y="{y - 12}">{escape(name)}</text>')
        longest = max((bar.value for bar in bars), default=0) or 1
        for bar in bars:
            length = max(1.0, bar.value / longest * (_WIDTH - _LABELS - _RIGHT))
            parts.append(
                f'<text x="{_LABELS - 8}" y="{y + 11}" text-anchor="end">{escape(bar.label)}</text>'
                f'<rect class="{escape(bar.kind)}" x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
                f'<text class="value" x="{_LABELS + length + 6:.1f}" y="{y + 11}">{escape(bar.text)}</text>'
            )
            y += _ROW
    body = "\n".join(parts)
    size = f'width="{_WIDTH + 2 * _MARGIN}" height="{y + _MARGIN}"'
    box = f'viewBox="{-_MARGIN} 0 {_WIDTH + 2 * _MARGIN} {y + _MARGIN}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {size} role="img">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n"
        f'<rect class="page" x="{-_MARGIN}" {size}/>\n{body}\n</svg>\n'
    )
