"""Plots as SVG, written by hand: horizontal bars with an interval and marks for must and goal. No library needed."""
from xml.sax.saxutils import escape

WIDTH, LEFT, ROW, TOP, RIGHT = 760, 190, 34, 46, 110
OURS, OTHERS, MUST, GOAL = "#1f6f8b", "#b8c4cc", "#c0392b", "#2e8b57"


def number(value):
    for limit, digits in ((1000, 0), (10, 1), (1, 2)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def _mark(x, top, bottom, colour, text):
    return (f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 3"/>'
            f'<text x="{x:.1f}" y="{top - 4}" font-size="11" fill="{colour}" text-anchor="middle">{escape(text)}</text>')


def _bar(y, scale, name, value, low, high, ours):
    end = LEFT + value * scale
    middle = y + ROW / 2 - 4
    parts = [f'<text x="{LEFT - 8}" y="{middle + 4}" font-size="13" text-anchor="end">{escape(name)}</text>',
             f'<rect x="{LEFT}" y="{y}" width="{max(1, value * scale):.1f}" height="{ROW - 12}" fill="{OURS if ours else OTHERS}"/>']
    if high > low:
        parts.append(f'<path d="M{LEFT + low * scale:.1f} {middle}H{LEFT + high * scale:.1f}" stroke="#222" stroke-width="1.5"/>')
    parts.append(f'<text x="{max(end, LEFT + high * scale) + 6:.1f}" y="{middle + 4}" font-size="12">{number(value)}</text>')
    return "".join(parts)


def bars(title, unit, rows, must=None, goal=None):
    """rows: [(name, median, low, high, is it ours)]. The axis begins at 0, so that lengths compare."""
    most = max([high for _, _, _, high, _ in rows] + [v for v in (must, goal) if v] + [1e-9])
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + 18 + ROW * len(rows) + 14
    bottom = height - 10
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>',
             f'<text x="12" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
             f'<text x="{WIDTH - 12}" y="22" font-size="12" text-anchor="end" fill="#555">{escape(unit)}</text>']
    parts += [_bar(TOP + 18 + i * ROW, scale, *row) for i, row in enumerate(rows)]
    for value, colour, text in ((must, MUST, "must"), (goal, GOAL, "goal")):
        if value is not None:
            parts.append(_mark(LEFT + value * scale, TOP + 10, bottom, colour, f"{text} {number(value)}"))
    parts.append(f'<line x1="{LEFT}" y1="{TOP + 10}" x2="{LEFT}" y2="{bottom}" stroke="#222"/></svg>\n')
    return "\n".join(parts)
