"""The contract of a task, and of the final models that it makes of architectures.

A task is one class: its data, its search space, an evaluator that gives architectures their scores, and final models. A
user's own task overrides `evaluator` and `final` and is run by a `Study`; the programs in `bin/` also need the class
methods `presets` and `load` and the table `short`.
"""

from __future__ import annotations

import abc
import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from nao_tf.architecture import Architecture, Restriction, SearchSpace
from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator
from nao_tf.search.executors import Executor
from nao_tf.search.settings import StudySettings
from nao_tf.settings import plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFiles:
    """Where a task's data come from.

    Attributes:
        directory: folder of the published files; given, it is used strictly.
        download: whether the data are fetched where they are neither given nor prepared.
    """

    directory: str | None = None
    download: bool = False


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure that networks are compared by.

    Attributes:
        name: as files have it ("validation_perplexity").
        higher_is_better: its direction.
        form: a format string of one value, for people.
    """

    name: str
    higher_is_better: bool
    form: str = "{:.4f}"

    @property
    def words(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ")

    def goodness(self, value: float) -> float:
        """A value turned so that higher is better."""
        return value if self.higher_is_better else -value

    def text(self, value: float) -> str:
        """A value for people."""
        return self.form.format(value)


@dataclasses.dataclass(frozen=True)
class Rival:
    """A hand-made network that final models are compared with.

    Attributes:
        name: of its kind, as --baselines names it ("lstm").
        size: what makes it as large as another network: its widths by their names ("units").
    """

    name: str
    size: Mapping[str, int]


class Latency(Protocol):
    """Tells how long a request takes."""

    def predict(self, architecture: Architecture) -> float:
        """Milliseconds of one request to the export of an architecture's final model."""


class FinalModel(abc.ABC):
    """A network that is trained to the end: an architecture's or a hand-made one.

    Attributes:
        steps: training steps in all.
        ends_early: whether validation may end the training before.
        parameters: trainable parameters.
    """

    steps: int = 0
    ends_early: bool = False
    parameters: int | None = None

    @abc.abstractmethod
    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """Trains the network, or goes on with it where a file holds the state of its training.

        Models of one task may share one compiled program and its weights: the model that was trained last has its
        weights, and training another one again from its checkpoint brings its own back.

        Args:
            checkpoint: the file of the training's state.
            label: of the network, for the observer.
            observer: receives steps and epochs.

        Raises:
            DivergedError: the network cannot be trained.
        """

    @abc.abstractmethod
    def validate(self) -> float:
        """The figure that chooses among final models. Raises DivergedError where it is not a number."""

    @abc.abstractmethod
    def measure(self) -> dict[str, Any]:
        """Validation and test figures by their names, as result.json holds them."""

    def seconds_per_step(self) -> float:
        """Seconds of a training step; training goes on with the weights that are there. For comparisons by time."""
        raise NotImplementedError(f"{type(self).__name__} is not compared by time")

    def export(self, directory: pathlib.Path) -> None:  # noqa: B027, nothing is exported where nothing can be served
        """Writes the network as a SavedModel."""

    def export_keras(self, directory: pathlib.Path) -> str | None:
        """Writes the network for those who go on with it in Keras: a model, and plain code with its weights.

        Args:
            directory: of the files.

        Returns:
            A line for people where a part cannot be written; None where nothing is to be said.
        """
        return None


@dataclasses.dataclass(frozen=True)
class Short:
    """A flag that is a short name of values in a task's settings.

    Attributes:
        path: of the value, see `nao_tf.settings`.
        also: paths of further values that it sets, where the settings have them.
        factor: what a whole number is multiplied by.
        description: for --help; that of the value where empty.
    """

    path: str
    also: tuple[str, ...] = ()
    factor: int = 1
    description: str = ""


class Task(abc.ABC):
    """What is learned, on which data, and how architectures are judged.

    Args:
        settings: of the search, the scores and the final models.

    Attributes:
        name: of the task.
        settings: as given.
        space: the search space.
        metric: of scores.
        final_metric: of the validation of final models; that of scores where it is not another.
        test_metric: the one of the figures of `FinalModel.measure` by which a winner and its rivals are compared; None:
            they are compared by the validation of final models.
        rival: the name of the hand-made network that final models are compared with; None: there is none.
        noun: the word for an architecture, for people.

    Class attributes of tasks that the programs know:
        names: of the tasks that the class serves.
        axes: paths of values that choose among presets rather than change them.
        short: the flags of the task that set values of its settings.
        same: pairs of flags of which only one may be given.
        default_baselines: what a search is compared with when nothing else is asked for.
        trains: the first names of the settings that training one given architecture uses.
        uses_tensorflow: whether scores and final models need it.
        reads_with_tensorflow: names of the tasks whose data TensorFlow reads.
        seeds_differ: whether final models that are trained with other seeds have other figures.
        sizes: those of `search.settings.SIZES` that it can tell of an architecture's final model.
        varying_sizes: those of them that are not the same for all of its architectures.
        measures_latency: whether `latency_ms` is measured on exports, see `serve_untrained`; otherwise `sizes_of` tells
            it, if anything does.
    """

    names: ClassVar[tuple[str, ...]] = ()
    axes: ClassVar[tuple[str, ...]] = ()
    short: ClassVar[Mapping[str, Short]] = {}
    same: ClassVar[tuple[tuple[str, str], ...]] = ()
    default_baselines: ClassVar[tuple[str, ...]] = ("random",)
    trains: ClassVar[tuple[str, ...]] = ()
    uses_tensorflow: ClassVar[bool] = True
    reads_with_tensorflow: ClassVar[tuple[str, ...]] = ()
    seeds_differ: ClassVar[bool] = True
    sizes: ClassVar[tuple[str, ...]] = ()
    varying_sizes: ClassVar[tuple[str, ...]] = ()
    measures_latency: ClassVar[bool] = False
    rival: ClassVar[str | None] = None

    name: str = "own"
    noun: str = "architecture"
    space: SearchSpace
    metric: Metric
    settings: Any

    def __init__(self, settings: StudySettings | None = None):
        self.settings = StudySettings() if settings is None else settings

    @property
    def final_metric(self) -> Metric:
        """See the class."""
        return self.metric

    @property
    def test_metric(self) -> Metric | None:
        """See the class."""
        return None

    # ---- what every task says

    @abc.abstractmethod
    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """Makes what gives architectures their scores.

        Args:
            seed: of everything random.
            directory: for what an evaluator keeps between rounds.
            executor: where the evaluations run.
        """

    @abc.abstractmethod
    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """Makes a final model.

        Args:
            network: an architecture, or the hand-made network.
            seed: of the weights and of everything random.
            devices: a `tf.distribute.Strategy`, or None for one device.
            steps: training steps; None: those of the settings.
        """

    # ---- what a task may say

    @property
    def climbs(self) -> bool:
        """Whether its architectures are evaluated on a ladder of rungs."""
        return bool(getattr(self.settings, "rungs", ()))

    @property
    def independent_scores(self) -> bool:
        """Whether each score is a training of its own, so that many may run at once in processes of their own."""
        return False

    def rival_of(self, model: FinalModel) -> Rival:
        """The hand-made network with about as many parameters as a final model."""
        raise NotImplementedError(f"the task {self.name} has no hand-made network")

    def dataset(self) -> dict[str, Any]:
        """Name and source of the data, for result.json."""
        return {"dataset": self.name}

    def fingerprint(self) -> str:
        """Names the content of the data, wherever it lies: a work directory belongs to it."""
        return hashlib.sha256(repr(sorted(self.dataset().items())).encode()).hexdigest()

    def data_lines(self) -> list[str]:
        """The data, for people: the last line describes it, those before are notices."""
        return [f"task {self.name}"]

    def length_line(self, *, training: bool = False) -> str | None:
        """How long trainings are where the size of the data decides it, for people; None: nowhere.

        Args:
            training: for training one given architecture instead of a search.
        """
        return None

    def require_data(self) -> None:  # noqa: B027, most tasks are not made without their data
        """Raises InputError where sizes can be told but there is nothing to train with."""

    def description(self, architecture: Architecture | None = None) -> dict[str, Any]:
        """The data, and the size of an architecture's final model, as JSON values for --dry_run."""
        return self.dataset()

    def identity(self) -> dict[str, Any]:
        """What an architecture of this task is about, as JSON values: task, data, space."""
        return {"task": self.name, "data": self.fingerprint(), "space": self.space.name}

    def score_identity(self) -> dict[str, Any]:
        """What decides a score, besides `identity`, the strategy and the seed, as JSON values."""
        return {}

    def final_identity(self) -> Any:
        """What decides a final model, besides `identity`, its architecture and the seed, as JSON values."""
        settings = self.final_settings()
        return None if settings is None else plain(settings)

    # ---- how large its networks are

    def sizes_of(self, architecture: Architecture) -> dict[str, float]:
        """The sizes of an architecture's final model that are known without measuring, by their names in `sizes`."""
        return {}

    def typical_parameters(self) -> float | None:
        """The mean of the trainable parameters of random final models; None where they are not known."""
        draw = np.random.default_rng(0)
        found = [self.sizes_of(self.space.sample(draw)).get("parameters") for _ in range(20)]
        known = [parameters for parameters in found if parameters is not None]
        return sum(known) / len(known) if known else None

    @property
    def copies_of_weights(self) -> int | None:
        """How often the checkpoint of a final training holds as many numbers as there are weights; None: unknown."""
        return None

    @property
    def space_without_limits(self) -> SearchSpace:
        """The whole search space."""
        return self.space.space if isinstance(self.space, Restriction) else self.space

    def limits_of(self, latency: Latency | None) -> None:
        """Lets searches propose only what keeps the limits of the settings, one of latency included.

        Args:
            latency: of networks; None: of those no limit is known yet.

        Raises:
            ArchitectureError: no architecture keeps them.
        """
        raise NotImplementedError(f"the task {self.name} knows no limits")

    def serve_untrained(self, architecture: Architecture, directory: pathlib.Path) -> Mapping[str, Any]:
        """Exports an architecture's final model with initial weights, as a trained one is, for its latency.

        Args:
            architecture: of the network.
            directory: of the SavedModel.

        Returns:
            The inputs of one request to its default signature, arrays by name: one image, or one text.
        """
        raise NotImplementedError(f"the latency of networks of the task {self.name} is not measured")

    def latency_features(self, architecture: Architecture) -> tuple[float, ...]:
        """What the latency of an architecture grows with, none below 0: what is not told makes no difference."""
        return ()

    def figures_text(self, figures: Mapping[str, Any]) -> str:
        """The figures of a model, for people.

        Args:
            figures: those of `FinalModel.measure`; of the winner of a search also `evaluations` and `best`, see
                `Pool.summary`.
        """
        numbers = {name: value for name, value in figures.items() if isinstance(value, int | float)}
        return "  ".join(f"{name.replace('_', ' ')} {value:.6g}" for name, value in numbers.items())

    def useless(self, figures: Mapping[str, Any]) -> str | None:
        """Why a model with these figures has learnt nothing: a guess does as well. None: it has learnt something.

        Args:
            figures: those of `FinalModel.measure`.
        """
        return None

    def curves(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
        """Validation figures by epoch of models that have them, by the models' names."""
        return {}

    def final_settings(self) -> Any:
        """The settings that the final models are trained with."""
        return getattr(self.settings, "final", None)

    # ---- for the programs

    @classmethod
    def presets(
        cls, name: str, preset: str, *, training: bool = False, architecture: str | None = None, **axes: Any
    ) -> StudySettings:
        """The settings of a preset.

        Args:
            name: of the task.
            preset: "cpu" or "paper".
            training: for training one given architecture instead of a search.
            architecture: the given architecture, as users write it.
            axes: values of `axes`; those that are not given are the preset's.

        Raises:
            InputError: no such preset.
        """
        raise NotImplementedError(cls.__name__)

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> Task:
        """Reads the data and makes the task.

        Args:
            name: of the task.
            settings: see `presets`.
            training: for training one given architecture instead of a search.

        Raises:
            InputError: the data cannot be used; nothing has been written.
        """
        raise NotImplementedError(cls.__name__)

    def with_settings(self, settings: Any) -> Task:
        """The task with other settings and the data that it has read; for tasks whose children are trained."""
        raise NotImplementedError(f"the settings of the task {self.name} are given when it is made")

    def parse(self, text: str) -> Architecture:
        """Reads an architecture as users write it, for a final model. Raises ArchitectureError."""
        return self.space.parse(text)

    def member(self, architecture: Architecture) -> Architecture:
        """An architecture as one of the search space. Raises ArchitectureError where it is none."""
        return self.space.architecture(architecture.values)


EXPORT_WEIGHTS = ("float32", "float16", "int8")  # keys of `stored_weights.FORMATS`, which loads TensorFlow

Preset = TypeVar("Preset", bound=StudySettings)


def chosen(presets: Mapping[str, Mapping[Any, Preset]], name: str, *, variant: Any) -> Preset:
    """The settings of a preset.

    Args:
        presets: by name, then by variant, the preset's own first.
        name: of the preset.
        variant: None: the preset's own.

    Raises:
        InputError: no such preset.
    """
    if name not in presets:
        raise InputError(f"--preset={name}: known are {', '.join(presets)}")
    variants = presets[name]
    return variants[next(iter(variants)) if variant is None else variant]


LIMITS = {  # flags of all tasks whose networks have sizes
    "max_parameters": Short("max_parameters"),
    "max_flops": Short("max_flops"),
    "max_latency_ms": Short("max_latency_ms"),
    "objectives": Short("objectives"),
}
LADDER = (  # of the flag --rungs, which all tasks have
    "Rungs of a ladder, the cheapest first: training steps of children, 125,500, or columns of a table with their "
    "costs, c10_val_12ep:0.06,c10_val_200ep:1. Few architectures climb, and the budget is the cost of all."
)


def with_ladder(settings: Preset) -> Preset:
    """The settings with a training that scores as long as the last of `rungs`; the same where there is no ladder."""
    rungs = getattr(settings, "rungs", ())
    if not rungs:
        return settings
    score = dataclasses.replace(settings.score, steps=rungs[-1])  # type: ignore[attr-defined]
    return dataclasses.replace(settings, score=score)  # type: ignore[call-arg]


def without_ladder(settings: Preset) -> Preset:
    """The settings with one length for all children, that of `score`, and as many of them as would enter the ladder.

    Every rung has the same share of a ladder's cost, see `search.ladder`.
    """
    rungs = getattr(settings, "rungs", ())
    if not rungs:
        return settings
    entering = settings.budget * rungs[-1] // (len(rungs) * rungs[0])  # type: ignore[attr-defined]
    return dataclasses.replace(settings, rungs=(), budget=entering)  # type: ignore[call-arg]
