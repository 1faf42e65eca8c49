"""What every drawing has: its size, its description, and the names of what is in it."""

from collections.abc import Iterator, Mapping, Sequence

from snnexp.report.charts.base import Chart
from snnexp.report.markup import Markup, element, joined
from snnexp.report.svg.colours import chart_style, literal

WIDTH = 440
"""Of every chart, in pixels: read at this width its letters are of the size of others."""
LETTER = 7.5
"""Width of a letter, more than most have."""
ROW = 17
"""Height of a line of a legend."""
SPACE = "http://www.w3.org/2000/svg"


def drawing(chart: Chart, height: float, parts: Sequence[Markup]) -> Markup:
    """A chart of `parts` that says what it is; as wide as there is room."""
    return element(
        "svg",
        element("title", chart.title),
        element("desc", chart.about),
        *parts,
        class_="chart",
        role="img",
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        aria_label=f"{chart.title}. {chart.about}",
    )


def words(x: float, y: float, said: object, look: str = "", room: float | None = None) -> Markup:
    """Text at a place; where there is no room for it, its beginning and end, and all of it beside
    the mouse.
    """
    said = str(said)
    short = said if room is None else shortened(said, int(room / LETTER))
    whole = () if short == said else (element("title", said),)
    return element("text", short, *whole, x=x, y=y, class_=look or None)


def shortened(said: str, letters: int) -> str:
    """The beginning and the end of a text that has too many letters."""
    if len(said) <= letters:
        return said
    half = max((letters - 1) // 2, 1)
    return f"{said[:half]}…{said[-half:]}"


def line(places: Sequence[tuple[float, float]], look: str) -> Markup:
    """A curve through places."""
    return element("polyline", points=_pairs(places), class_=look)


def area(places: Sequence[tuple[float, float]], look: str) -> Markup:
    """What lies within places."""
    return element("polygon", points=_pairs(places), class_=look)


def _pairs(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{round(x, 1):g},{round(y, 1):g}" for x, y in places)


def legend(entries: Sequence[tuple[str, Markup]], top: float) -> tuple[list[Markup], float]:
    """Marks with what they stand for, two in a row where they are short; the height of it all.

    Args:
        entries: label, and the mark as it is drawn around 0, 0.
        top: where it begins.
    """
    columns = 2 if all(len(label) * LETTER < WIDTH / 2 - 40 for label, _ in entries) else 1
    parts = [*_entries(entries, top, columns)]
    return parts, ROW * -(-len(entries) // columns)


def _entries(entries: Sequence[tuple[str, Markup]], top: float, columns: int) -> Iterator[Markup]:
    wide = (WIDTH - 12) / columns
    for place, (label, mark) in enumerate(entries):
        x, y = 6 + place % columns * wide, top + place // columns * ROW + 8
        yield element("g", mark, transform=f"translate({x + 12:g} {y:g})")
        yield words(x + 30, y + 4, label, room=wide - 34)


def alone(drawn: Sequence[tuple[str, Markup, float]], colours: Mapping[str, str]) -> str:
    """Drawings one below the other as a file of their own.

    Args:
        drawn: title, drawing and height of each.
        colours: by name, as `snnexp.report.svg.colours` has them.
    """
    placed, top = [], 0.0
    for title, each, height in drawn:
        placed.append(element("g", words(6, top + 18, title, room=WIDTH - 12), class_="chart"))
        inner = f'<svg x="0" y="{top + 24:.0f}" width="{WIDTH}" height="{height:.0f}" '
        placed.append(Markup(each.replace("<svg ", inner, 1)))
        top += 24 + height + 8
    style = element("style", Markup(literal(chart_style(), colours)))
    sheet = element("rect", width=WIDTH, height=top, fill=colours["paper"])
    head = f'<svg xmlns="{SPACE}" viewBox="0 0 {WIDTH} {top:.0f}" width="{WIDTH * 1.5:g}">'
    return f"{head}{joined([style, sheet, *placed])}</svg>\n"


def height(drawn: Markup) -> float:
    """Of a drawing."""
    return float(drawn.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])
