"""The charts of a report: matplotlib draws them, as SVG elements of a page in the page's colours.

matplotlib knows no CSS variables, so it draws in colours that stand for them, and the text that it writes is changed
afterwards: colours, identifiers that no other chart has, a title on every dot.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from nao_tf.report.drawing.diagram import shortened
from nao_tf.tasks.sizes import front as unsurpassed

SERIES = 6  # colours for strategies and networks
LEVELS = 5  # colours from bad to good
_NAMES = ["ink", "muted", "grid", "paper", "heat", *(f"series-{at}" for at in range(SERIES)),
          *(f"level-{at}" for at in range(LEVELS))]  # fmt: skip
_STAND_INS = {name: f"#ab{at:02x}cd" for at, name in enumerate(_NAMES)}
_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_PLACES = {"d", "x", "y", "transform", "width", "height"}  # attributes that hold many digits
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: to be selected, and in the page's font
    "svg.hashsalt": "nao_tf",  # the same chart is written in the same way
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _STAND_INS["muted"],
    "axes.labelcolor": _STAND_INS["ink"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _STAND_INS["grid"],
    "grid.linewidth": 0.7,
    "text.color": _STAND_INS["ink"],
    "xtick.color": _STAND_INS["muted"],
    "ytick.color": _STAND_INS["muted"],
    "xtick.labelcolor": _STAND_INS["ink"],
    "ytick.labelcolor": _STAND_INS["ink"],
    "legend.frameon": False,
    "legend.fontsize": 9,
    "path.simplify": False,
    "text.parse_math": False,  # names come from users
}
WIDTH, HEIGHT = 5.6, 3.3  # of a chart, in inches of 72 pixels
LONGEST_LABEL = 230.0  # of names beside a chart, in pixels
_MARKER = 14.0  # area of a dot, in square pixels


def colour(name: str) -> str:
    """The colour that stands for a CSS variable while matplotlib draws."""
    return _STAND_INS[name]


def series(index: int) -> str:
    """The colour of a strategy or network, by its place."""
    return _STAND_INS[f"series-{index % SERIES}"]


def level(share: float) -> str:
    """The colour of a goodness from 0 to 1."""
    return _STAND_INS[f"level-{min(LEVELS - 1, max(0, int(share * LEVELS)))}"]


@dataclasses.dataclass
class Chart:
    """A chart that is being drawn; `text` is there when the block of `chart` has ended.

    Attributes:
        axes: of matplotlib.
        name: unique in the page.
        tips: for groups of dots, by their identifier, what each says when it is pointed at.
        text: the SVG element.
    """

    axes: Axes
    name: str
    tips: dict[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    text: str = ""

    def dots(
        self,
        x: Sequence[float] | np.ndarray,
        y: Sequence[float] | np.ndarray,
        *,
        colours: str | Sequence[str],
        tips: Sequence[str] = (),
        label: str | None = None,
        hollow: bool = False,
        area: float = _MARKER,
        marker: str = "o",
        order: float = 3,
    ) -> None:
        """Dots, each with what it says when it is pointed at."""
        if not len(x):
            return
        group = f"dots{len(self.tips)}"
        self.tips[group] = list(tips)
        filled = {"facecolors": "none", "edgecolors": colours} if hollow else {"c": colours, "edgecolors": "none"}
        self.axes.scatter(x, y, s=area, marker=marker, label=label, gid=group, zorder=order, linewidths=1.1, **filled)  # type: ignore[arg-type]


@contextlib.contextmanager
def chart(name: str, description: str, *, x: str, y: str, height: float = HEIGHT) -> Iterator[Chart]:
    """A chart to draw in.

    Args:
        name: unique in the page.
        description: what it shows, for those who cannot see it.
        x: what is to the right.
        y: what is upwards.
        height: in inches of 72 pixels.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        drawn = Chart(figure.add_subplot(), name)
        drawn.axes.set_xlabel(x)
        drawn.axes.set_ylabel(y)
        yield drawn
        file = io.StringIO()
        figure.patch.set_visible(False)
        drawn.axes.patch.set_visible(False)
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    drawn.text = _for_page(file.getvalue(), drawn, description)


def _for_page(text: str, drawn: Chart, description: str) -> str:
    """What matplotlib wrote as an element of a page."""
    root = ElementTree.fromstring(text)
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style") or child.tag.endswith("metadata"):
                parent.remove(child)
    for group, tips in drawn.tips.items():
        found = next((part for part in root.iter(f"{_SVG}g") if part.get("id") == group), None)
        uses = [] if found is None else list(found.iter(f"{_SVG}use"))
        if found is not None and not uses:  # few dots are written as paths of their own
            uses = [path for path in found.iter(f"{_SVG}path") if "clip-path" in path.attrib]
        for use, tip in zip(uses, tips, strict=False):
            ElementTree.SubElement(use, f"{_SVG}title").text = tip
    prefix = "c" + hashlib.blake2b(drawn.name.encode(), digest_size=4).hexdigest()  # short: it stands there often
    new = {name: f"{prefix}{at:x}" for at, name in enumerate(dict.fromkeys(re.findall(r"#([\w-]+)", text)))}
    for part in root.iter():
        identifier = part.get("id", "")
        if (step := re.fullmatch(r"step-(\d+)(-.*)?", identifier)) is not None:
            part.set("class", "step")
            part.set("data-step", step[1])
        if identifier in new:
            part.set("id", new[identifier])
        elif identifier:
            del part.attrib["id"]
        for attribute in (f"{_XLINK}href", "clip-path"):
            if attribute in part.attrib:
                value = part.attrib.pop(attribute)
                renamed = re.sub(r"#([\w-]+)", lambda found: f"#{new[found[1]]}", value)
                part.set(attribute.removeprefix(_XLINK), renamed)
        for attribute in _PLACES & part.attrib.keys():
            part.set(attribute, re.sub(r"\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}", part.attrib[attribute]))
        if "style" in part.attrib:
            style = re.sub(r"font: (?:[a-z]+ )*([\d.]+)px [^;]*", r"font-size: \1px", part.attrib["style"])
            part.set("style", style)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", description)
    ElementTree.register_namespace("", _SVG[1:-1])
    written = ElementTree.tostring(root, encoding="unicode")
    for name, stand_in in _STAND_INS.items():
        written = written.replace(stand_in, f"var(--{name})")
    written = re.sub(r'font-family: [^;"]*;? ?| transform="rotate\(-0 [^"]*"', "", written)  # the page's font
    return re.sub(r">\s+<", "><", written)


# ---- the charts


@dataclasses.dataclass(frozen=True)
class Line:
    """The scores of one strategy or network, in the order in which they came.

    Attributes:
        name: of it.
        x: where each stands.
        scores: in the metric's own direction; None where there is none.
        tips: what each dot says.
        proposed: which of them were proposed and not drawn at random.
    """

    name: str
    x: Sequence[float]
    scores: Sequence[float | None]
    tips: Sequence[str] = ()
    proposed: Sequence[bool] = ()


def progress(name: str, lines: Sequence[Line], *, x: str, metric: str, higher_is_better: bool) -> tuple[str, int]:
    """The best score so far of several strategies, and every score of the first.

    Returns:
        The chart, and how many scores lie outside it: those far from the good ones.
    """
    scores = np.array([score for line in lines for score in line.scores if score is not None])
    low, high = extent(scores, higher_is_better)
    description = f"{metric}, best so far, against {x}: " + ", ".join(
        f"{line.name} {_best([s for s in line.scores if s is not None], higher_is_better)[-1]:.5g}"
        for line in lines
        if any(score is not None for score in line.scores)
    )
    with chart(name, description, x=x, y=metric) as drawn:
        for index, line in enumerate(lines):
            known = [(at, score) for at, score in zip(line.x, line.scores, strict=True) if score is not None]
            if not known:
                continue
            places, values = np.array(known).T
            best = _best(values, higher_is_better)
            end = max(line.x)
            drawn.axes.step([*places, end], [*best, best[-1]], where="post", color=series(index), label=line.name,
                            linewidth=2.2 if index == 0 else 1.5, zorder=4 - 0.1 * index)  # fmt: skip
        first = lines[0]
        for proposed, label in ((False, "drawn at random"), (True, f"proposed by {first.name}")):
            chosen = [
                (at, score, tip)
                for at, score, tip, is_proposed in zip(first.x, first.scores, first.tips, first.proposed, strict=True)
                if score is not None and is_proposed == proposed and low <= score <= high
            ]
            if chosen:
                places, values, tips = zip(*chosen, strict=True)
                drawn.dots(places, values, colours=series(0), tips=tips, label=label, hollow=not proposed)
        drawn.axes.set_ylim(low, high)
        drawn.axes.legend(loc="best")
    shown = [score for score in first.scores if score is not None]
    return drawn.text, sum(not low <= score <= high for score in shown)


def extent(scores: np.ndarray, higher_is_better: bool) -> tuple[float, float]:
    """What part of the scores a chart shows: down to the worst of the better three quarters, and a little more."""
    best, middle = (scores.max(), np.quantile(scores, 0.25)) if higher_is_better else (
        scores.min(), np.quantile(scores, 0.75))  # fmt: skip
    margin = abs(best - middle) or abs(best) * 0.01 or 1.0
    worst = middle - 0.35 * margin if higher_is_better else middle + 0.35 * margin
    beyond = best + 0.12 * margin if higher_is_better else best - 0.12 * margin
    return float(min(worst, beyond)), float(max(worst, beyond))


def _best(scores: Sequence[float] | np.ndarray, higher_is_better: bool) -> np.ndarray:
    """The best so far of scores."""
    return np.maximum.accumulate(scores) if higher_is_better else np.minimum.accumulate(scores)


def scatter(
    name: str,
    description: str,
    *,
    x: tuple[str, Sequence[float]],
    y: tuple[str, Sequence[float]],
    shares: Sequence[float],
    tips: Sequence[str],
    line: Sequence[tuple[float, float]] = (),
    limits: tuple[float, float] | None = None,
    logarithmic: bool = False,
) -> str:
    """Dots in two quantities.

    Args:
        name: see `chart`.
        description: see `chart`.
        x: name and values.
        y: name and values.
        shares: from 0 to 1, the colour of each dot.
        tips: what each dot says.
        line: corners of a line through some of them.
        limits: of y.
        logarithmic: whether x is.
    """
    with chart(name, description, x=x[0], y=y[0]) as drawn:
        if line:
            places, values = zip(*line, strict=True)
            drawn.axes.plot(places, values, color=colour("heat"), linewidth=1.4, zorder=2)
            drawn.dots(places, values, colours=colour("heat"), hollow=True, area=60, order=2.5)
        drawn.dots(x[1], y[1], colours=[level(share) for share in shares], tips=tips, area=20)
        if limits is not None:
            drawn.axes.set_ylim(*limits)
        if logarithmic:
            drawn.axes.set_xscale("log")
            axis = drawn.axes.xaxis
            axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=7))
            axis.set_major_formatter(EngFormatter(sep=""))  # others write mathematics, which are not read here
            axis.set_minor_formatter(NullFormatter())
    return drawn.text


def bars(name: str, description: str, *, x: str, values: Mapping[str, float], texts: Sequence[str]) -> str:
    """A bar for each of some quantities, the first above."""
    with chart(name, description, x=x, y="", height=0.55 + 0.27 * len(values)) as drawn:
        axes, places = drawn.axes, range(len(values))
        axes.barh(places, list(values.values()), color=series(0), height=0.62)
        axes.set_yticks(places, [_label(name) for name in values])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        for place, (value, text) in enumerate(zip(values.values(), texts, strict=True)):
            axes.annotate(text, (value, place), xytext=(4, 0), textcoords="offset points", va="center")
        axes.margins(x=0.16)
    return drawn.text


def dumbbells(name: str, description: str, *, x: str, rows: Sequence[tuple[str, float, float]]) -> str:
    """Two values for each of some names, joined: (name, in the worst, in the best)."""
    with chart(name, description, x=x, y="", height=0.75 + 0.26 * len(rows)) as drawn:
        axes = drawn.axes
        places = np.arange(len(rows))
        worst, best = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
        axes.hlines(places, worst, best, color=colour("muted"), linewidth=1.2, zorder=2)
        axes.set_yticks(places, [_label(row[0]) for row in rows])
        axes.invert_yaxis()
        drawn.dots(worst, places, colours=level(0), tips=[f"{row[0]}: {row[1]:.2f} in the worst" for row in rows],
                   label="worst quarter", area=36)  # fmt: skip
        drawn.dots(best, places, colours=level(1), tips=[f"{row[0]}: {row[2]:.2f} in the best" for row in rows],
                   label="best quarter", area=36)  # fmt: skip
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return drawn.text


def figures(name: str, description: str, *, x: str, rows: Sequence[tuple[str, Sequence[float], str]]) -> str:
    """The figures of networks, one a training, and their mean where there are several: (name, values, tip)."""
    with chart(name, description, x=x, y="", height=0.6 + 0.3 * len(rows)) as drawn:
        axes = drawn.axes
        for place, (_, values, tip) in enumerate(rows):
            if len(values) > 1:
                mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
                axes.errorbar([mean], [place], xerr=[deviation], color=series(place), capsize=4, linewidth=1.6)
                drawn.dots([mean], [place], colours=series(place), marker="D", area=34, tips=[tip])
            several = len(values) > 1
            drawn.dots(values, [place] * len(values), colours=series(place), tips=[tip] * len(values), hollow=several,
                       area=26 if several else 48)  # fmt: skip
        axes.set_yticks(range(len(rows)), [_label(row[0]) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.margins(x=0.12)
    return drawn.text


def curves(name: str, description: str, *, x: str, y: str, lines: Mapping[str, Sequence[float]]) -> str:
    """Lines of values at 1, 2, 3, …; the first may be far off, so the range is that of the later ones."""
    with chart(name, description, x=x, y=y) as drawn:
        for index, (label, values) in enumerate(lines.items()):
            drawn.axes.plot(range(1, len(values) + 1), values, color=series(index), label=label, linewidth=1.8,
                            marker="o", markersize=3)  # fmt: skip
        later = [value for values in lines.values() for value in values[len(values) // 4 :]]
        margin = 0.06 * (max(later) - min(later)) or 1.0
        drawn.axes.set_ylim(min(later) - margin, max(later) + margin)
        drawn.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.axes.legend(loc="best")
    return drawn.text


# ---- the ascent


def ascent_scores(
    name: str,
    description: str,
    *,
    sizes: Sequence[float],
    promised: Sequence[float],
    predicted: Sequence[float],
    spread: Sequence[float],
    measured: Sequence[float | None],
    tips: Sequence[str],
    y: str,
) -> str:
    """Predicted and measured scores of what an ascent comes to, by step size; elements of a step have its number."""
    with chart(name, description, x="step size (0: the start)", y=y) as drawn:
        axes, places = drawn.axes, np.arange(len(sizes))
        for step in places:
            axes.axvline(float(step), color=colour("heat"), linewidth=9, alpha=0.18, zorder=1, gid=f"step-{step}")
        axes.plot(places, promised, color=colour("muted"), linestyle="--", linewidth=1.3,
                  label="of the moved embedding")  # fmt: skip
        axes.errorbar(places, predicted, yerr=spread, color=series(0), fmt="none", capsize=3, linewidth=1.3)
        drawn.dots(
            places, predicted, colours=series(0), tips=tips, area=34, label="predicted, of what is decoded there"
        )
        known = [
            (step, value, tip) for step, value, tip in zip(places, measured, tips, strict=True) if value is not None
        ]
        if known:
            at, values, said = zip(*known, strict=True)
            drawn.dots(at, values, colours=series(1), tips=said, area=70, hollow=True, marker="s", label="measured")
        axes.set_xticks(places, [f"{size:g}" for size in sizes])
        axes.set_ylim(-0.05, 1.05)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8, columnspacing=1.0)
    return drawn.text


def ascent_map(
    name: str,
    description: str,
    *,
    way: Sequence[tuple[float, float]],
    landed: Sequence[tuple[float, float]],
    points: Sequence[tuple[float, float, float]],
    tips: Sequence[str],
) -> str:
    """The way of an embedding among those of evaluated architectures; elements of a step have its number."""
    with chart(name, description, x="along the gradient", y="across") as drawn:
        axes = drawn.axes
        at_x, at_y, levels = (
            [x for x, _, _ in points],
            [y for _, y, _ in points],
            [level(share) for _, _, share in points],
        )
        drawn.dots(at_x, at_y, colours=levels, area=16, order=2)
        way_x, way_y = [x for x, _ in way], [y for _, y in way]
        axes.plot(way_x, way_y, color=colour("heat"), linewidth=1.8, zorder=3)
        for step, ((from_x, from_y), (to_x, to_y)) in enumerate(zip(way, landed, strict=True)):
            axes.plot([from_x, to_x], [from_y, to_y], color=colour("ink"), linewidth=1, linestyle=":", zorder=4,
                      gid=f"step-{step}-a")  # fmt: skip
            axes.plot([to_x], [to_y], "s", color=colour("ink"), markersize=7, fillstyle="none", zorder=4,
                      gid=f"step-{step}-b")  # fmt: skip
            axes.plot([from_x], [from_y], "o", color=colour("heat"), markersize=9, zorder=5, gid=f"step-{step}-c")
        drawn.dots(way_x, way_y, colours=colour("heat"), tips=tips, area=14, order=4)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
    return drawn.text


def _label(name: str) -> str:
    """A name of a length that leaves room for the chart."""
    return shortened(name, LONGEST_LABEL, size=9.5)


def front(x: Sequence[float], goodness: Sequence[float]) -> list[int]:
    """The places of what nothing surpasses: nothing smaller is as good; in ascending order of x."""
    return unsurpassed(list(zip((-size for size in x), goodness, strict=True)))


def ranks(goodness: Sequence[float]) -> list[float]:
    """The share of values that each is not below, from 0 to 1."""
    values = np.asarray(goodness)
    return [float(np.mean(values <= value)) for value in values]


def cumulated(costs: Sequence[float]) -> list[float]:
    """Sums of the first, the first two, … costs."""
    return list(itertools.accumulate(costs))
