"""The ascent of a run, to be watched: computed again from the controller that the run exported.

One member of the ensemble is followed from a start along its gradient, with the step sizes of the search. At each the
decoder writes an architecture, all members predict its score, and where the run evaluated it, the score is there too.

Letters: E members of the ensemble, N architectures, K step sizes, S encoder steps, H hidden units, T tokens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from nao_tf.architecture import Architecture
from nao_tf.controller.settings import ControllerSettings
from nao_tf.report.run import Row, Run, Search

MOST_STEPS = 10  # step sizes that are shown, of more a selection
MOST_POINTS = 200  # architectures of the map, the best and some of the others


@dataclasses.dataclass(frozen=True)
class Step:
    """Where the ascent stands at a step size.

    Attributes:
        size: eta; 0 at the start.
        architecture: that the decoder writes there, as it spells it.
        changed: the integers in which it differs from the start.
        promised: the score that the member's predictor gives to the moved embedding itself.
        predicted: the mean of all members' predictions for the architecture.
        spread: their standard deviation.
        row: its evaluation, where the run made one.
        measured: the score of that evaluation on the scale of the predictions.
        place: of the moved embedding on the map.
        landed: the place of the architecture's own embedding.
    """

    size: float
    architecture: Architecture
    changed: frozenset[int]
    promised: float
    predicted: float
    spread: float
    row: Row | None
    measured: float | None
    place: tuple[float, float]
    landed: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Ascent:
    """The way from one start.

    Attributes:
        name: what the start is, for people.
        start: its evaluation.
        member: of the ensemble, from 0.
        members: of the ensemble.
        heat: for every integer of the start how far the gradient moves it, the farthest 1.
        steps: the start itself, then one for each step size, in ascending order.
        points: the places of evaluated architectures on the map, and their measured scores on the predictions' scale.
    """

    name: str
    start: Row
    member: int
    members: int
    heat: Mapping[int, float]
    steps: tuple[Step, ...]
    points: tuple[tuple[float, float, float], ...]


def ascents(run: Run, *, most: int = 3) -> list[Ascent]:
    """The ascents from a few starts; none where the run exported no controller. Loads TensorFlow.

    Args:
        run: as it was read.
        most: how many.

    Raises:
        InputError: the exported controller is damaged, or is none of this run.
    """
    search, directory = run.main, run.path / "export" / "controller"
    if search is None or "controller" not in search.identity or not directory.is_dir():
        return []
    starts = _starts(search, run)[:most]
    if not starts:
        return []
    from nao_tf.serving.exported_controller import load_controller

    settings = ControllerSettings(**search.identity["controller"])
    model = load_controller(directory, run.space, settings=settings)
    sizes = _selected(sorted(float(size) for size in search.identity["ascent"]["step_sizes"]))
    scale = _Scale(run, settings)
    return [_ascent(run, model, name, start, sizes=sizes, scale=scale) for name, start in starts]


def _starts(search: Search, run: Run) -> list[tuple[str, Row]]:
    """Members to start from, and what they are."""
    ranked = search.ranked
    if len(ranked) < 4:
        return []
    by_id = {row.id: row for row in search.members}
    starts: dict[int, tuple[str, Row]] = {}
    winner = run.winner_row
    parent = None if winner is None or winner.parent is None else by_id.get(winner.parent)
    if parent is not None and parent.score is not None:
        starts[parent.id] = "the winner's parent", parent
    starts.setdefault(ranked[len(ranked) // 2].id, ("one of the middle", ranked[len(ranked) // 2]))
    starts.setdefault(ranked[0].id, ("the best so far", ranked[0]))
    return list(starts.values())


def _selected(sizes: Sequence[float]) -> np.ndarray:
    """At most `MOST_STEPS` of the step sizes, spread over all, float32 `[K]`."""
    if len(sizes) > MOST_STEPS:
        sizes = [sizes[round(at)] for at in np.linspace(0, len(sizes) - 1, MOST_STEPS)]
    return np.array(sizes, np.float32)


class _Scale:
    """Measured scores on the scale that the controller learnt."""

    def __init__(self, run: Run, settings: ControllerSettings):
        from nao_tf.controller.training_set import NORMALISATIONS

        assert run.main is not None
        search = run.main
        top = [row for row in search.ranked if not search.rungs or row.rung == search.ranked[0].rung]
        normalised = NORMALISATIONS[settings.targets](np.array([search.goodness(row) for row in top]))
        self.rows = top
        self.measured = {row.id: float(value) for row, value in zip(top, normalised, strict=True)}
        self._goodness = np.array([search.goodness(row) for row in top][::-1])  # ascending
        self._normalised = np.asarray(normalised, float)[::-1]
        canonical = ((run.architecture(row.values).canonical, row, search) for row in search.members)
        self.known: dict[Architecture, tuple[Row, Search]] = {key: (row, of) for key, row, of in canonical}
        for other in run.searches.values():  # what a rival has evaluated was measured too
            for row in other.members:
                self.known.setdefault(run.architecture(row.values).canonical, (row, other))

    def of(self, row: Row, search: Search) -> float | None:
        """The measured score of an evaluation, between those of the search where it is one of another search."""
        if row.score is None:
            return None
        if row.id in self.measured and row in self.rows:
            return self.measured[row.id]
        return float(np.interp(search.goodness(row), self._goodness, self._normalised))


def _ascent(run: Run, model, name: str, start: Row, *, sizes: np.ndarray, scale: _Scale) -> Ascent:
    from nao_tf.controller import ascent

    space, origin = run.space, run.architecture(start.values)
    tokens = space.token_array([origin])  # [1, T]
    states = model.encode(tokens)  # [E, 1, S, H]
    gradient = ascent.gradient(model, states)  # [E, 1, S, H]
    moved = ascent.ascend(states, gradient, step_sizes=sizes).numpy()[:, :, 0]  # [K, E, S, H]
    moved = moved.transpose(1, 0, 2, 3)  # [E, K, S, H]: step sizes as the rows of a batch
    written = model.decode(moved).numpy().transpose(1, 0, 2)  # [K, E, T]
    decoded = [[space.from_tokens(of_member) for of_member in of_size] for of_size in written]
    flat = [origin, *(architecture for of_size in decoded for architecture in of_size)]
    scores = model.predict_scores(space.token_array(flat)).numpy()  # [E, 1 + K E]
    members = model.members
    means = scores.mean(axis=0)[1:].reshape(len(sizes), members)  # [K, E]
    member = int(means.max(axis=0).argmax())  # whose way leads to what all members together think best
    chosen = [origin, *(of_size[member] for of_size in decoded)]
    columns = [0, *(1 + size * members + member for size in range(len(sizes)))]
    way = np.concatenate([states.numpy(), moved], axis=1)  # [E, 1 + K, S, H]
    promised = model.predictor(way).numpy()[member]  # [1 + K]

    rows = scale.rows[: MOST_POINTS // 2] + scale.rows[MOST_POINTS // 2 :: max(1, 2 * len(scale.rows) // MOST_POINTS)]
    others = [run.architecture(row.values) for row in rows]
    own = model.encode(space.token_array([*chosen, *others])).numpy()[member]  # [1 + K + N, S, H]
    slope = gradient.numpy()[member, 0]  # [S, H]
    places, own_places = _map(way[member], own, slope)
    steps = []
    for index, architecture in enumerate(chosen):
        found = scale.known.get(architecture.canonical)
        pairs = zip(architecture.values, origin.values, strict=True)
        steps.append(
            Step(
                size=0.0 if index == 0 else float(sizes[index - 1]),
                architecture=architecture,
                changed=frozenset(at for at, (value, before) in enumerate(pairs) if value != before),
                promised=float(promised[index]),
                predicted=float(scores[:, columns[index]].mean()),
                spread=float(scores[:, columns[index]].std()),
                row=None if found is None else found[0],
                measured=None if found is None else scale.of(*found),
                place=(float(places[index][0]), float(places[index][1])),
                landed=(float(own_places[index][0]), float(own_places[index][1])),
            )
        )
    points = own_places[len(chosen) :]
    measured = (scale.measured[row.id] for row in rows)
    return Ascent(
        name=name,
        start=start,
        member=member,
        members=members,
        heat=_heat(slope, positions=len(space.positions), tokens=space.token_length),
        steps=tuple(steps),
        points=tuple((float(x), float(y), value) for (x, y), value in zip(points, measured, strict=True)),
    )


def _map(way: np.ndarray, own: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of embeddings in a plane: along the gradient, and along what else they differ in most.

    Args:
        way: the moved embeddings, the start first, `[1 + K, S, H]`.
        own: embeddings of architectures, `[N, S, H]`.
        slope: the gradient at the start, `[S, H]`.

    Returns:
        x and y of both, `[1 + K, 2]` and `[N, 2]`, the start at 0, 0; x grows along the gradient.
    """
    origin = way[0].ravel()
    from_start = [part.reshape(len(part), -1) - origin for part in (way, own)]
    along = slope.ravel() / max(float(np.linalg.norm(slope)), 1e-12)
    rest = from_start[1] - np.outer(from_start[1] @ along, along)  # [N, S H]
    across = np.linalg.svd(rest - rest.mean(axis=0), full_matrices=False)[2][0]
    across = across - (across @ along) * along
    across /= max(float(np.linalg.norm(across)), 1e-12)
    axes = np.stack([along, across], axis=1)  # [S H, 2]
    return from_start[0] @ axes, from_start[1] @ axes


def _heat(slope: np.ndarray, *, positions: int, tokens: int) -> dict[int, float]:
    """How far the gradient moves what each integer stands for, the farthest 1.

    The encoder reads several tokens as one step, so the integers of a step are moved as one.
    """
    strength = np.linalg.norm(slope, axis=-1)  # [S]
    strength /= max(float(strength.max()), 1e-12)
    per_step = tokens // len(strength)
    return {at: float(strength[at * tokens // positions // per_step]) for at in range(positions)}
