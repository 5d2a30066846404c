"""The textbook section: its page is current, its mathematics holds, its markup is sound."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from reports import textbook
from reports import textbook_network as net
from reports.textbook_descent import ONE_WEIGHT, POINT_A, POINT_B, START, TWO_WEIGHTS, walk
from reports.textbook_maths import TexError, mathml
from reports.textbook_plot import Frame, arrow, ticks

FEW_ULP = 8  # four ways that round at different places, over a dozen operations


@pytest.fixture(scope="module")
def section():
    return textbook.section()


@pytest.fixture(scope="module")
def tree(section):
    """The section's HTML; that it parses as XML shows that every element is closed."""
    return ET.fromstring(f"<main>{section.html}</main>")


def without_measured(page):
    """The page but for the ulp column, which may differ between processors."""
    lines = page.splitlines()
    start = next(i for i, line in enumerate(lines) if line.endswith("| ulp |"))
    end = lines.index("", start)
    lines[start:end] = [line.rsplit("|", 2)[0] for line in lines[start:end]]
    return lines


def test_page_is_current():
    committed = textbook.PAGE.read_text(encoding="utf-8")
    assert without_measured(committed) == without_measured(textbook.page()), (
        "docs/textbook.md is out of date; run: python -m reports.textbook"
    )


def test_main_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(textbook, "PAGE", tmp_path / "textbook.md")
    textbook.main()
    assert textbook.PAGE.read_text(encoding="utf-8") == textbook.page()


@pytest.mark.parametrize(("start", "sign"), [(POINT_A, -1), (POINT_B, 1)])
def test_one_weight_walks_to_the_minimum_from_either_side(start, sign):
    minimum = ONE_WEIGHT.minimum()[0]
    for here, there in pairwise(walk(ONE_WEIGHT, start, 6)):
        assert np.sign(here.w[0] - minimum) == np.sign(here.gradient[0]) == sign
        assert np.sign(there.w[0] - here.w[0]) == -sign
        assert there.error < here.error


def test_the_gradient_of_two_weights_points_uphill_and_every_step_down():
    for here, there in pairwise(walk(TWO_WEIGHTS, START, 8)):
        assert TWO_WEIGHTS.error(here.w + 1e-3 * here.gradient) > here.error
        assert there.error < here.error
        np.testing.assert_allclose(there.w, here.w + here.step, rtol=1e-15)


def test_contours_are_level_and_square_to_the_gradient():
    contour = TWO_WEIGHTS.contour(TWO_WEIGHTS.error(np.array(START)), points=720)
    errors = [TWO_WEIGHTS.error(w) for w in contour]
    np.testing.assert_allclose(errors, errors[0], rtol=1e-12)
    for before, here, after in zip(contour, contour[1:], contour[2:], strict=False):
        along, gradient = after - before, TWO_WEIGHTS.gradient(here)
        assert abs(along @ gradient) < 1e-2 * np.linalg.norm(along) * np.linalg.norm(gradient)


def test_four_ways_agree_to_a_few_ulp():
    rows = net.compare()
    assert len(rows) == len(net.quantities()) == 2 + 9 + 9
    apart = {name: net.ulps(row) for name, row in zip(net.quantities(), rows, strict=True)}
    assert max(apart.values()) <= FEW_ULP, apart


@pytest.mark.parametrize("way", net.WAYS)
def test_a_wrong_formula_in_any_way_would_show(way, monkeypatch):
    right = net.WAYS[way]()
    wrong = net.Outcome(
        right.y,
        right.error,
        {name: w * (1 + 1e-13) for name, w in right.gradient.items()},
        right.updated,
    )
    monkeypatch.setitem(net.WAYS, way, lambda: wrong)
    assert max(net.ulps(row) for row in net.compare()) > FEW_ULP


def test_the_articles_partial_derivatives_of_y():
    f = net.forward()
    weights = net.start()
    for name, w in weights.items():
        for j, i in np.ndindex(w.shape):
            moved = w.astype(complex)
            moved[j, i] += 1j * net.STEP
            y, _ = net.MODEL.forward(np.array([net.X]), *(weights | {name: moved}).values())
            slope = f.h[j] * (1 - f.h[j])
            expected = f.h[i] if name == "w2" else net.W2[j] * slope * net.X[i]
            assert net.ulps((y.item().imag / net.STEP, expected)) <= FEW_ULP


def test_the_notation_maps_to_torchs_layout():
    weights = net.start()
    assert all(weights["w1"][j, i] == net.W1[i][j] for i in net.INPUTS for j in net.HIDDEN)
    assert all(weights["w2"][0, i] == net.W2[i] for i in net.HIDDEN)


def test_training_makes_the_error_smaller_every_time():
    seen = net.train(12)
    assert seen[0] == (net.matrix().y, net.matrix().error)
    assert all(later < earlier for (_, earlier), (_, later) in pairwise(seen))


def test_ulps_counts_floats_between():
    one = float(np.nextafter(1.0, 2.0))
    assert net.ulps((1.0, 1.0)) == 0
    assert net.ulps((1.0, one, 1.0)) == 1
    assert net.ulps((-1.0, -one, float(np.nextafter(one, 2.0)) * -1)) == 2


def test_section_is_the_same_every_time(section):
    assert section == textbook.section()


def test_html_needs_nothing_from_outside_and_no_script(section, tree):
    assert not {"script", "img", "link", "iframe"} & {element.tag for element in tree.iter()}
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", section.html)
    assert len(section.html) < 120_000


def test_html_is_accessible(tree):
    tags = Counter(element.tag for element in tree.iter())
    assert tags["h3"] == len(re.findall(r"^## ", textbook.page(), re.MULTILINE)) == 7
    assert not tags["h1"] + tags["h2"]
    assert tags["svg"] >= tags["figure"] == tags["figcaption"] == 4
    ids = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    assert max(ids.values()) == 1
    for table in tree.iter("table"):
        assert table[0].tag == "caption"
        assert all(th.get("scope") in ("col", "row") for th in table.iter("th"))
        assert all(row[0].tag == "th" for row in table.iter("tr"))
    for svg in tree.findall(".//figure/svg"):
        assert svg.get("role") == "img"
        assert svg[0].tag == "title"
        assert svg[0].text


def test_the_report_says_where_the_article_is(section):
    assert "(textbook.html)" in section.markdown and "docs/textbook.md" in section.markdown


def test_markdown_has_tables_and_maths_and_no_picture():
    text = textbook.page().split("-->")[1]
    assert "![" not in text
    assert "<" not in text
    assert text.count("$$") % 2 == 0
    assert text.count("$") % 2 == 0
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("x", "<mi>x</mi>"),
        ("w^1_{ij}", "<msubsup><mi>w</mi><mrow><mi>i</mi><mi>j</mi></mrow><mn>1</mn></msubsup>"),
        (r"\frac{a}{2}", "<mfrac><mi>a</mi><mn>2</mn></mfrac>"),
        (r"\frac{2a}{b}", "<mfrac><mrow><mn>2</mn><mi>a</mi></mrow><mi>b</mi></mfrac>"),
        (r"\varphi'", "<mi>φ′</mi>"),
        ("a - b", "<mi>a</mi><mo>−</mo><mi>b</mi>"),
        ("-b", '<mo form="prefix">−</mo><mi>b</mi>'),
        (r"a \cdot -b", '<mi>a</mi><mo>·</mo><mo form="prefix">−</mo><mi>b</mi>'),
        (r"a < \text{b c}", "<mi>a</mi><mo>&lt;</mo><mtext>b c</mtext>"),
    ],
)
def test_mathml(tex, expected):
    assert mathml(tex) == f"<math>{expected}</math>"


@pytest.mark.parametrize("tex", [r"\unknown", "{a", "a}", "x_", r"\frac{a}"])
def test_mathml_refuses_what_it_does_not_know(tex):
    with pytest.raises(TexError, match=re.escape(tex[:2])):
        mathml(tex)


def test_frames_map_values_to_pixels():
    frame = Frame(x=(-1.0, 1.0), y=(0.0, 4.0), width=200, height=100)
    assert frame.at(-1, 0) == (frame.left, frame.bottom)
    assert frame.at(1, 4) == (frame.right, frame.top)
    assert [label for _, label in frame.y_ticks()] == ["0", "1", "2", "3", "4"]
    assert frame.x_ticks()[0][1].startswith("−")


def test_ticks_are_round_and_inside():
    assert ticks(-1.0, 4.0) == [-1, 0, 1, 2, 3, 4]
    assert ticks(0.0, 0.27) == [0, 0.05, 0.1, 0.15, 0.2, 0.25]


def test_an_arrow_stops_short_of_its_end():
    assert arrow((0, 0), (30, 0), 5).startswith("M0 0l25 0M")
    assert arrow((0, 0), (2, 0), 5) == "M0 0l2 0"
