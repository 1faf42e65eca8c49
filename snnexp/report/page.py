"""A report as one HTML file that asks for nothing: no address, no script."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import snnexp
from snnexp.report.markup import Markup, element, joined, text
from snnexp.report.material import FEW, Material
from snnexp.report.parts import Alert, Block, Code, Figure, Grid, Missing, Part, Words
from snnexp.report.svg.colours import DARK, LIGHT, chart_style, variables
from snnexp.report.svg.draw import drawn
from snnexp.report.twin import twin

ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may do with the page: show it, and nothing else."""
STYLE = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main,footer{max-width:1400px;margin:0 auto;padding:0 24px}
h1{font-size:1.5rem;margin:1.4rem 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .8rem;padding-top:.6rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:0 0 .3rem;overflow-wrap:anywhere}
p{margin:.4rem 0;max-width:75ch;overflow-wrap:anywhere}
.dim,figcaption,footer{color:var(--dim)}
nav{display:flex;flex-wrap:wrap;gap:.2rem .9rem;margin:.8rem 0}
a{color:var(--c0)}
main{display:grid;grid-template-columns:minmax(0,1fr);column-gap:16px}
section{min-width:0}
.tables{display:flex;flex-wrap:wrap;gap:0 3rem}
.tables>*{min-width:0;max-width:100%}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));
 gap:16px;align-items:start;margin:.6rem 0}
figure{margin:0;padding:12px;border:1px solid var(--rule);border-radius:8px;background:var(--card);
 break-inside:avoid;min-width:0}
figcaption{font-size:.85rem}
svg{display:block;width:100%;height:auto;max-width:620px}
.alerts{list-style:none;margin:0;padding:0}
.alerts li{background:var(--warm);border-left:4px solid var(--warn);border-radius:4px;
 padding:.4rem .8rem;margin:.4rem 0;overflow-wrap:anywhere}
.alerts b{color:var(--warn)}
.missing{color:var(--dim);border-left:4px solid var(--rule);padding-left:.8rem}
.table{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.25rem .9rem .25rem 0;text-align:left;vertical-align:top;
 border-bottom:1px solid var(--rule);font-variant-numeric:tabular-nums}
thead th{color:var(--dim);font-weight:600;vertical-align:bottom}
tbody th{font-weight:400;color:var(--dim)}
td{max-width:44ch;overflow-wrap:break-word}
summary{cursor:pointer;color:var(--c0);overflow-wrap:anywhere}
details{margin:.5rem 0}
pre{margin:.3rem 0 .8rem;padding:.6rem .8rem;border:1px solid var(--rule);border-radius:6px;
 background:var(--card);white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
footer{padding-top:1rem;padding-bottom:2rem;font-size:.85rem}
@media (min-width:900px){main{grid-template-columns:repeat(2,minmax(0,1fr))}
 .wide2,.wide3{grid-column:span 2}}
@media (min-width:1300px){main{grid-template-columns:repeat(3,minmax(0,1fr))}
 .wide3{grid-column:span 3}}
@media (max-width:600px){header,main,footer{padding:0 12px}figure{padding:8px}
 th,td{padding-right:.6rem}
 tbody th{min-width:5.5rem;max-width:46vw;overflow-wrap:anywhere}}
"""


def page(material: Material, blocks: Sequence[Block], command: str) -> str:
    """The page of a report, with what it is made of inside as JSON.

    Args:
        material: what the twin tells.
        blocks: what is shown.
        command: that made it.
    """
    title = f"snnexp: {', '.join(_names(material))}"
    head = joined(
        [
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=ALONE),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("link", rel="icon", href="data:,"),
            element("title", title),
            element("style", Markup(_style())),
        ]
    )
    body = joined(
        [_header(material, blocks), element("main", *map(_section, blocks)), _footer(command)]
    )
    data = Markup(f'<script type="application/json" id="snnexp">{twin(material)}</script>')
    whole = element("html", element("head", head), element("body", body, data), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _style() -> str:
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}\n"
    return f":root{{{variables(LIGHT)}}}\n{dark}{STYLE}{chart_style()}"


def _names(material: Material) -> list[str]:
    names = [sweep.name for sweep in material.sweeps] or material.names
    return names if len(names) <= FEW else [f"{len(names)} runs"]


def _header(material: Material, blocks: Sequence[Block]) -> Markup:
    count = len(material.subjects)
    said = f"{count} run{'s' * (count > 1)}" + (" of a sweep" if material.sweeps else "")
    links = (element("a", block.title, href=f"#{block.name}") for block in blocks)
    return element(
        "header",
        element("h1", "; ".join(_names(material))),
        element("p", said, class_="dim"),
        element("nav", *links),
    )


def _footer(command: str) -> Markup:
    said = f"Written by snnexp {snnexp.__version__}: {command}. `snnexp compare` reads this file."
    return element("footer", element("p", said))


def _section(block: Block) -> Markup:
    parts: list[Markup] = []
    for kind, group in groupby(block.parts, key=type):
        parts.append(_together(kind, [_part(part, block.title) for part in group]))
    title = element("h2", block.title)
    return element("section", title, *parts, id=block.name, class_=f"wide{_columns(block)}")


def _columns(block: Block) -> int:
    """How many columns of a wide screen a part takes: one for each picture, three for all else."""
    figures = sum(isinstance(part, Figure) for part in block.parts)
    open_ = any(isinstance(part, Grid | Code | Alert) and not _folded(part) for part in block.parts)
    return 3 if open_ or not 0 < figures < 3 else figures


def _folded(part: Part) -> bool:
    return isinstance(part, Grid) and part.folded is not None


def _together(kind: type, parts: list[Markup]) -> Markup:
    if kind in (Figure, Grid):
        return element("div", *parts, class_="figures" if kind is Figure else "tables")
    return element("ul", *parts, class_="alerts") if kind is Alert else joined(parts)


def _part(part: Part, title: str) -> Markup:
    match part:
        case Words():
            return element("p", part.text)
        case Missing():
            return element("p", part.text, class_="missing")
        case Alert():
            return element("li", element("b", part.run), Markup(" "), part.text)
        case Grid():
            return _grid(part)
        case Code():
            return element("div", element("h3", part.about), element("pre", part.command))
        case Figure():
            return _figure(part, title)


def _figure(part: Figure, title: str) -> Markup:
    """A picture; the title of the part is not said again."""
    head = () if part.chart.title == title else (element("h3", part.chart.title),)
    caption = element("figcaption", part.chart.about)
    return element("figure", *head, drawn(part.chart), caption)


def _grid(part: Grid) -> Markup:
    head = element("tr", *(element("th", name, scope="col") for name in part.head))
    table = element("table", element("thead", head), element("tbody", *_rows(part)))
    open_ = element("div", table, class_="table")
    if part.folded is None:
        return open_
    return element("details", element("summary", part.folded), open_)


def _rows(part: Grid) -> Iterator[Markup]:
    for first, *others in part.rows:
        cells = joined(Markup(f"<td>{text(cell)}</td>") for cell in others)
        yield element("tr", element("th", first, scope="row"), cells)
