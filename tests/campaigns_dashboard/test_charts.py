"""The layout of pictures: round scales, nothing outside of the box, gaps left open."""

import math

import html5lib
import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from portal.ui import charts

VALUES = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@given(st.floats(min_value=1e-6, max_value=1e12, allow_nan=False))
def test_ticks_are_round_and_reach_the_highest(highest: float) -> None:
    ticks = charts.nice_ticks(highest)
    assert ticks[0] == 0
    assert len(ticks) <= 7
    assert ticks == sorted(set(ticks))
    assert ticks[-1] >= highest * (1 - 1e-6) or math.isclose(ticks[-1], highest, abs_tol=1e-9)


@pytest.mark.parametrize("highest", [0, -1, math.inf, math.nan])
def test_no_values_still_have_a_scale(highest: float) -> None:
    assert charts.nice_ticks(highest) == [0, 1]


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4), max_size=8))
def test_every_column_is_inside_the_box(values: list[list[float]]) -> None:
    series = [charts.Series(f"s{number}", row) for number, row in enumerate(values)]
    chart = charts.columns("k", "Title", ["a", "b", "c", "d"], series)
    for shape in chart.shapes:
        assert chart.left <= shape.x
        assert shape.x + shape.width <= chart.right
        assert shape.y >= -0.1
        assert shape.y + shape.height <= chart.base + 0.1
        assert shape.look < charts.MOST_SERIES
    assert len(chart.legend) <= charts.MOST_SERIES


@given(st.lists(st.tuples(st.text(max_size=30), VALUES), max_size=20))
def test_every_bar_is_inside_the_box(items: list[tuple[str, float]]) -> None:
    chart = charts.bars("k", "Title", items)
    assert all(0 <= bar.width <= chart.width - chart.left for bar in chart.bars)
    assert len(chart.table.rows) == len(items)


def test_what_is_not_known_is_a_gap_and_not_a_zero() -> None:
    chart = charts.line("k", "Rate", [("a", 1.0), ("b", 2.0), ("c", None), ("d", 1.0), ("e", 1.5)], unit=" %")
    assert len(chart.pieces) == 2
    assert len(chart.dots) == 4
    assert chart.table.rows[2] == ["c", "no figures"]


@pytest.mark.parametrize(
    ("template", "chart"),
    [
        (
            "columns",
            charts.columns("k", "<Title>", ["a & b"], [charts.Series("<s>", [3]), charts.Series("t", [1])]),
        ),
        ("bars", charts.bars("k", "<Title>", [("<script>", 3), ("b", 1.5)])),
        (
            "lines",
            charts.line("k", "<Title>", [("<a>", 3.0), ("b", None), ("c", 0.25)], limits=[(2, "stop")]),
        ),
    ],
)
def test_pictures_are_named_escaped_and_have_their_figures_behind(template: str, chart: object) -> None:
    html = render_to_string(f"components/chart_{template}.html", {"chart": chart})
    assert "<Title>" not in html
    assert "<script>" not in html
    assert "style=" not in html
    document = html5lib.parse(html, namespaceHTMLElements=False)
    svg = next(element for element in document.iter() if element.tag.endswith("svg"))
    ids = {element.get("id") for element in document.iter() if element.get("id")}
    assert set(svg.get("aria-labelledby", "").split()) <= ids
    assert svg.get("role") == "img"
    assert document.find(".//table") is not None
