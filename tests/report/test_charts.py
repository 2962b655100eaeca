"""Charts: what matplotlib wrote, as elements of a page in its colours."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from nao_tf.report import charts  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
TIP = "architecture 3: <b>evil</b> & co"


def drawn(name="one"):
    line = charts.Line("nao", [1, 2, 3, 4], [5.0, None, 3.0, 4.0], ["a", "b", TIP, "d"], [False, False, True, True])
    other = charts.Line("random $x_1$ <i>", [1, 2, 3, 4], [6.0, 4.5, 4.5, 4.4])
    return charts.progress(name, [line, other], x="evaluations", metric="loss", higher_is_better=False)


def test_dots_say_what_they_are_and_texts_stay_texts():
    text, outside = drawn()
    tree = ElementTree.fromstring(text)
    said = [title.text for title in tree.iter(f"{SVG}title")]
    assert {TIP, "d"} <= set(said) <= {"a", TIP, "d"} and len(said) == 3 - outside and "<b>" not in text
    words = ["".join(part.itertext()) for part in tree.iter(f"{SVG}text")]
    assert {"nao", "random $x_1$ <i>", "evaluations", "loss"} <= set(words)
    assert tree.get("role") == "img" and "nao 3" in tree.get("aria-label") and "random" in tree.get("aria-label")


def test_colours_are_variables_of_the_page_and_nothing_comes_from_elsewhere():
    text, _ = drawn()
    assert "var(--series-0)" in text and "var(--ink)" in text and "var(--grid)" in text
    assert not re.findall(r"#ab[0-9a-f]{2}cd", text) and "font-family" not in text and "<style" not in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_two_charts_have_no_identifier_in_common_and_refer_to_their_own():
    found = []
    for name in ("one", "two"):
        text = drawn(name)[0]
        own = set(re.findall(r' id="([^"]+)"', text))
        assert set(re.findall(r"#([\w-]+)", text)) <= own
        found.append(own)
    assert found[0] and not found[0] & found[1]
    assert drawn("one") == drawn("one")


def test_labels_keep_their_digits():
    text = charts.figures("f", "d", x="perplexity", rows=[("a", [55.664, 55.71], "tip"), ("b", [55.68], "tip")])
    ticks = [part.text for part in ElementTree.fromstring(text).iter(f"{SVG}text")]
    numbers = [tick for tick in ticks if re.fullmatch(r"[\d.]+", tick)]
    assert len(numbers) == len(set(numbers)) > 2 and any(len(tick) >= 5 for tick in numbers)


def test_a_logarithmic_axis_has_numbers():
    about = {"x": ("parameters", [20_000.0, 900_000.0]), "y": ("score", [1.0, 2.0]), "shares": [0, 1], "tips": ["", ""]}
    text = charts.scatter("c", "Sizes", logarithmic=True, **about)
    assert ">100k</text>" in text and "$" not in text


def test_far_scores_are_left_out_and_counted():
    scores = [1.0 + 0.01 * index for index in range(30)] + [500.0]
    line = charts.Line("nao", list(range(31)), scores, [str(score) for score in scores], [False] * 31)
    text, outside = charts.progress("p", [line], x="x", metric="loss", higher_is_better=False)
    assert outside >= 1 and "<title>500.0</title>" not in text and "<title>1.0</title>" in text
    assert text.count("<title>") == 31 - outside


@pytest.mark.parametrize("seed", range(3))
def test_the_front_is_what_nothing_surpasses(seed):
    generator = np.random.default_rng(seed)
    x, goodness = generator.integers(0, 20, 40), generator.integers(0, 20, 40)
    kept = charts.front(list(x), list(goodness))
    surpassed = [
        any((x[b] <= x[a] and goodness[b] >= goodness[a]) and (x[b] < x[a] or goodness[b] > goodness[a])
            for b in range(40))
        for a in range(40)
    ]  # fmt: skip
    assert {(x[a], goodness[a]) for a in kept} == {(x[a], goodness[a]) for a in range(40) if not surpassed[a]}
    assert [x[a] for a in kept] == sorted({x[a] for a in kept})
