from decimal import Decimal
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from services.web.charts import NARROW, WIDE, equity_chart, grid_lines
from shared.domain.performance import EquityPoint, Result, equity_curve

ZONE = ZoneInfo("America/New_York")
HOUR = 3_600_000_000_000


def curve(*pnls: int) -> list[EquityPoint]:
    return equity_curve(Result(exited_at=number * HOUR, pnl=Decimal(pnl)) for number, pnl in enumerate(pnls, start=1))


def drawn(points: list[EquityPoint], currency: str = "USD") -> ET.Element:
    return ET.fromstring(equity_chart(points, ZONE, currency, WIDE))  # noqa: S314 - our own output


def numbers_of(path: str) -> list[float]:
    return [float(number) for number in path.replace("M", " ").replace("H", " ").replace("V", " ").split()]


def test_without_points_there_is_no_chart() -> None:
    assert equity_chart([], ZONE, "USD", WIDE) == ""


def test_the_chart_says_in_words_what_it_shows() -> None:
    svg = drawn(curve(100, -40, 10))

    labels = svg.attrib["aria-labelledby"].split()
    words = {element.attrib["id"]: element.text for element in svg if "id" in element.attrib}
    assert [words[label] for label in labels] == [
        "Equity and underwater curve",
        "After 3 closings the booked result is $70.00; its deepest fall below an earlier high was $40.00.",
    ]


def test_two_sizes_on_one_page_share_no_id() -> None:
    wide, narrow = (str(equity_chart(curve(1, 2), ZONE, "USD", size)) for size in (WIDE, NARROW))

    assert 'id="equity-title-wide"' in wide
    assert 'id="equity-title-wide"' not in narrow


def test_nothing_in_the_chart_needs_a_style_attribute_or_a_script() -> None:
    text = str(equity_chart(curve(5, -7, 9), ZONE, "USD", WIDE))

    assert "style" not in text
    assert "script" not in text


def test_higher_equity_is_drawn_higher_and_everything_stays_inside() -> None:
    svg = drawn(curve(100, -150, 300, -20))

    path = next(element for element in svg if element.attrib.get("class") == "equity-line").attrib["d"]
    heights = [float(part.split("V")[1]) for part in path.split("H")[1:]]
    assert heights[2] < heights[3] < heights[0] < heights[1]
    for element in svg:
        if "d" in element.attrib:
            assert all(0 <= number <= WIDE.width for number in numbers_of(element.attrib["d"].replace("Z", "")))


def test_ten_thousand_closings_keep_the_chart_small_and_its_extremes() -> None:
    points = curve(*[5, -4] * 5000)

    text = str(equity_chart(points, ZONE, "USD", WIDE))

    assert len(text) < 150_000
    assert text.count("H") < 4 * 2 * WIDE.width


@pytest.mark.parametrize(
    ("amounts", "lines"),
    [
        (["0", "2705"], ["0", "1000", "2000", "3000"]),
        (["0", "-300"], ["-300", "-200", "-100", "0"]),
        (["0", "0"], ["0", "1"]),
        (["-20", "35"], ["-20", "0", "20", "40"]),
        (["0", "0.03"], ["0", "0.01", "0.02", "0.03"]),
    ],
)
def test_grid_lines_are_round_and_enclose_the_amounts(amounts: list[str], lines: list[str]) -> None:
    found = grid_lines([Decimal(amount) for amount in amounts], 4)

    assert [Decimal(line) for line in lines] == found


def test_a_one_point_curve_is_drawn() -> None:
    assert len(drawn(curve(25)).findall("path")) == 4


def test_a_spike_among_thousands_of_closings_is_still_drawn() -> None:
    calm = [1, -1] * 4000

    path = drawn(curve(*calm[:3001], 900, -900, *calm[3001:])).findall("path")[1].attrib["d"]

    heights = [float(part) for column in path.split("H")[1:] for part in column.split("V")[1:]]
    assert min(heights) < 0.5 * max(heights)
