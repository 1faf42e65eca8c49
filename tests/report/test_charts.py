"""How charts are drawn: axes, places, and text that stays text."""

import re

import pytest

from snnexp.report.charts.lines import Lines, Place, Series
from snnexp.report.markup import Markup, element, text
from snnexp.report.svg.canvas import WIDTH, shortened
from snnexp.report.svg.draw import drawn
from snnexp.report.svg.scale import Scale, powers, ticks


@pytest.mark.parametrize(
    "low, high, least, expected",
    [
        (0.0, 100.0, 0.0, [0, 20, 40, 60, 80, 100]),
        (97.4, 99.0, 0.0, [97.5, 98.0, 98.5, 99.0]),
        (1.0, 5.0, 1.0, [1, 2, 3, 4, 5]),
        (3.0, 3.0, 0.0, [3.0]),
    ],
)
def test_ticks_are_round_and_within(low, high, least, expected):
    assert ticks(low, high, least=least) == pytest.approx(expected)


def test_a_logarithmic_axis_has_powers():
    assert powers(1.0, 33.0, 2) == [1, 2, 4, 8, 16, 32]
    scale = Scale(1.0, 100.0, 0.0, 10.0, logarithmic=True)
    assert [scale(value) for value in (1.0, 10.0, 100.0)] == pytest.approx([0.0, 5.0, 10.0])
    assert len(powers(1.0, 2.0**40, 2)) <= 9


def test_markup_is_escaped_but_for_markup():
    assert text("<a href='x'>&") == "&lt;a href=&#x27;x&#x27;&gt;&amp;"
    inner = element("b", "1 < 2", class_='"x"')
    assert inner == '<b class="&quot;x&quot;">1 &lt; 2</b>'
    assert element("p", inner, Markup("&amp;")) == f"<p>{inner}&amp;</p>"
    assert "\x1b" not in text("\x1b]0;x\x07") and text("a\nb") == "a b"


def test_a_curve_goes_through_its_places_within_the_picture():
    series = Series("<b>", tuple(Place(x, y) for x, y in ((1, 0.0), (2, 50.0), (3, 100.0))), 0)
    chart = Lines(title="t", about="a", x="x", y="y", series=(series,), whole=True)
    picture = drawn(chart)
    points, _mark = re.findall(r'<polyline points="([^"]*)" class="curve k0">', picture)
    places = [tuple(map(float, pair.split(","))) for pair in points.split()]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert 0 < x0 < x2 < WIDTH and y0 > y1 > y2 > 0
    assert "&lt;b&gt;: y 50 at x 2" in picture and "<b>" not in picture


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    series = Series("long", tuple(Place(x, x % 7) for x in range(1, 2501)), 0)
    chart = Lines(title="t", about="a", x="x", y="y", series=(series,), logarithmic=True)
    (points,) = re.findall(r'points="([^"]*)" class="curve', drawn(chart))[:1]
    assert len(points.split()) <= 302 and len([*chart.rows()]) == 2500


def test_a_name_that_has_no_room_keeps_its_ends():
    assert shortened("body.stage1_block2.branches.0", 11) == "body.…hes.0"
    assert shortened("short", 11) == "short"
