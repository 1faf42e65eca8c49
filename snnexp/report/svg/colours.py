"""Colours of charts and pages, for paper and for dark screens."""

import re
from collections.abc import Mapping

LIGHT = {
    "paper": "#ffffff",
    "card": "#ffffff",
    "ink": "#1b1f24",
    "dim": "#57606a",
    "rule": "#d8dee4",
    "warn": "#9a3412",
    "warm": "#fff4e5",
    "c0": "#0072b2",
    "c1": "#d55e00",
    "c2": "#009e73",
    "c3": "#b0578d",
    "c4": "#b07a00",
    "c5": "#3a93c4",
    "c6": "#000000",
}
"""Told apart by colour-blind readers, too. Source: Okabe & Ito 2008, three of them darker, so that
they stand out on white.
"""
DARK = {
    "paper": "#0d1117",
    "card": "#151b23",
    "ink": "#e6edf3",
    "dim": "#9aa4af",
    "rule": "#30363d",
    "warn": "#ffb37a",
    "warm": "#2d2013",
    "c0": "#4ea8de",
    "c1": "#f58a42",
    "c2": "#2fc79a",
    "c3": "#dd93bd",
    "c4": "#e6b33d",
    "c5": "#9ad1ee",
    "c6": "#ffffff",
}
COUNT = sum(re.fullmatch(r"c\d", name) is not None for name in LIGHT)
"""How many series have a colour of their own; those beyond begin anew, with another dash."""
CHART = """
.chart{font:12px system-ui,sans-serif;fill:var(--ink)}
.chart .dim{fill:var(--dim)}
.chart .right{text-anchor:end}.chart .middle{text-anchor:middle}
.chart .grid{stroke:var(--rule);stroke-width:1;fill:none}
.chart .curve{fill:none;stroke-width:2;stroke-linejoin:round}
.chart .thin{stroke-width:1.3}
.chart .dashed{stroke-dasharray:6 4}.chart .dotted{stroke-dasharray:2 3}
.chart .other{stroke-dasharray:9 3 2 3}
.chart .band{opacity:.16;stroke:none}
.chart .hollow{fill:var(--card);stroke-width:2}
.chart .on{fill:var(--card)}
"""
"""How charts look. What is filled has a class such as `f0`, what is drawn `k0`, by its colour."""


def chart_style() -> str:
    """The style of charts on a page that has the colours as variables."""
    return (
        CHART
        + "".join(map(_of_series, range(COUNT)))
        + ".chart .fi{fill:var(--ink)}.chart .ki{stroke:var(--ink)}\n"
    )


def _of_series(number: int) -> str:
    fill, stroke = f"fill:var(--c{number})", f"stroke:var(--c{number})"
    return f".chart .f{number}{{{fill}}}.chart .k{number}{{{stroke}}}\n"


def literal(style: str, colours: Mapping[str, str]) -> str:
    """The same in colours themselves, for programs that know no variables."""
    return re.sub(r"var\(--(\w+)\)", lambda found: colours[found[1]], style)


def variables(colours: dict[str, str]) -> str:
    """Colours as variables of a page."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def colour(number: int | None, kind: str) -> str:
    """The class of a series: `f` for what is filled, `k` for what is drawn."""
    return f"{kind}i" if number is None else f"{kind}{number % COUNT}"
