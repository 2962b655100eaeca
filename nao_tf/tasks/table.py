"""Tables of networks that were trained before: NAS-Bench-201 cells, and any CSV file whose columns are decisions.

An evaluation is a look-up, so a search takes seconds, and a final model is the row of its architecture.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from nao_tf.architecture import Architecture, CategoricalSpace, NasBench201Space, Restriction, Subset
from nao_tf.controller.settings import PRESETS as CONTROLLERS
from nao_tf.data.folders import entries
from nao_tf.data.names import in_one_line
from nao_tf.data.table import ArchitectureTable, Row, read_decision_table, read_table
from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.evaluator import Evaluator, FunctionEvaluator, Outcome
from nao_tf.search.executors import Executor
from nao_tf.search.rungs import Rung, rungs_of
from nao_tf.search.settings import SCORE, SIZES, StudySettings
from nao_tf.search.strategies.nao import PUBLISHED_ASCENT, AscentSettings
from nao_tf.tasks.sizes import LIMITS as LIMITED
from nao_tf.tasks.sizes import limits_text, size_text
from nao_tf.tasks.task import LADDER, LIMITS, FinalModel, Latency, Metric, Rival, Short, Task, chosen

NAS_BENCH_201, OWN_TABLE = "nasbench201", "table"
KINDS = {
    NAS_BENCH_201: "a CSV file with an arch column in the notation of NAS-Bench-201",
    OWN_TABLE: "a CSV file with a column for each decision",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableFile:
    """Where a table comes from, and which of its columns are what.

    Attributes:
        file: the CSV file; none: the only one in the directory.
        directory: folder of the file, where that is not given.
        score_column: the column that a search sees.
        test_column: the column that tests what it found.
        lower_is_better: whether the score is an error, a loss or a time.
        rungs: columns of a ladder with their costs, the cheapest first, NAME:COST,NAME:COST; the last is the score
            column, and the budget is the cost in its evaluations. None: every evaluation reads the score column.
    """

    file: str | None = None
    directory: str | None = None
    score_column: str | None = "c10_val_200ep"
    test_column: str | None = "c10_test_200ep"
    lower_is_better: bool = False
    rungs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecisionFile(TableFile):
    """Where a table of decisions comes from, and which of its columns are what.

    Attributes:
        decisions: the columns that make an architecture.
    """

    score_column: str | None = None
    test_column: str | None = None
    decisions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableSettings(StudySettings):
    """The settings of a study of a table.

    Attributes:
        data: the table.
    """

    budget: int = 300
    data: TableFile = TableFile()

    def __post_init__(self):
        super().__post_init__()
        if self.final_seeds > 1:
            raise ValueError(f"final_seeds of {self.final_seeds}; a table has one figure for each network, so 1")


PRESETS: Mapping[str, Mapping[None, TableSettings]] = {
    # Neighbours: docs/results/nasbench201.md, "Without rungs".
    "cpu": {None: TableSettings(controller=CONTROLLERS["small"], ascent=AscentSettings(neighbours_share=0.5))},
    # The authors' procedure, its pool of 1,000 made smaller: the published seeds and rounds are more than the budget.
    "paper": {
        None: TableSettings(
            initial=50,
            proposals=20,
            controller=CONTROLLERS["paper"],
            ascent=dataclasses.replace(
                PUBLISHED_ASCENT,
                random_share=0.0,
                step_sizes=tuple(range(1, 31)),  # authors' code for recurrent cells with weight sharing
            ),
        )
    },
}


class TableTask(Task):
    """A table of trained networks.

    Args:
        name: of the task.
        settings: of the study.
        table: of the networks.
        rungs: of a ladder; the table has their scores.
    """

    names = (NAS_BENCH_201, OWN_TABLE)
    short: ClassVar[Mapping[str, Short]] = {
        "table": Short("data.file"),
        "data_dir": Short("data.directory"),
        "decisions": Short("data.decisions"),
        "score_column": Short("data.score_column"),
        "test_column": Short("data.test_column"),
        "lower_is_better": Short("data.lower_is_better"),
        "rungs": Short("data.rungs", description=LADDER),
        **LIMITS,
        "budget": Short("budget"),
        "initial": Short("initial"),
        "proposals": Short("proposals"),
        "finalists": Short("finalists"),
    }
    uses_tensorflow = False
    seeds_differ = False
    sizes = varying_sizes = SIZES
    noun = "row"

    def __init__(self, name: str, settings: TableSettings, *, table: ArchitectureTable, rungs: Sequence[Rung] = ()):
        super().__init__(settings)
        self.name, self.table, self.rungs = name, table, tuple(rungs)
        self.metric = Metric(table.score_column, higher_is_better=table.higher_is_better, form="{:.3f}")
        self.limits_of(None)

    # ---- how large its networks are

    def sizes_of(self, architecture: Architecture) -> dict[str, float]:
        """See `Task`; what the table tells."""
        return dict(self.table.row(architecture).sizes)

    def limits_of(self, latency: Latency | None) -> None:
        """See `Task`; the table has the latency. Raises InputError where no row keeps the limits."""
        table, bounds = self.table, self.settings.bounds
        self.space, self.kept = table.space, len(table.rows)
        if not bounds:
            return
        kept = [
            architecture
            for architecture, row in table.rows.items()
            if all(row.sizes[LIMITED[name]] <= bound for name, bound in bounds.items())
        ]
        if not kept:
            sizes = [row.sizes for row in table.rows.values()]
            least = " and ".join(
                f"{size} {size_text(size, min(of_row[size] for of_row in sizes))}"
                for size in (LIMITED[name] for name in bounds)
            )
            raise InputError(f"no row of table {table.path} keeps {limits_text(bounds)}; the least are {least}")
        self.kept = len(kept)
        if self.kept < len(table.rows):
            whole = table.space.space if isinstance(table.space, Restriction) else table.space
            self.space = Subset(whole, kept)

    @property
    def test_metric(self) -> Metric | None:
        """See `Task`."""
        column = self.table.test_column
        return None if column is None else dataclasses.replace(self.metric, name=column)

    # ---- for the programs

    @classmethod
    def presets(
        cls, name: str, preset: str, *, training: bool = False, architecture: str | None = None, **axes: Any
    ) -> TableSettings:
        """See `Task`."""
        if training:
            raise InputError(f"--task={name} is a table and cannot be trained")
        data = DecisionFile() if name == OWN_TABLE else TableFile()
        return dataclasses.replace(chosen(PRESETS, preset, variant=None), data=data)

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> TableTask:
        """See `Task`."""
        assert isinstance(settings, TableSettings)
        data = settings.data
        path = table_path(name, data)
        rungs = rungs_of(data.rungs) if data.rungs else ()
        if rungs:
            data = dataclasses.replace(data, score_column=_score_of(rungs, data.score_column, default=type(data)()))
        if data.score_column is None:
            raise InputError(f"--task={name} takes --score_column=COLUMN, the column that the search sees")
        score, test, lower = data.score_column, data.test_column, data.lower_is_better
        below = [rung.name for rung in rungs[:-1]]
        wanted = {LIMITED[limit] for limit in settings.bounds} | {*settings.objectives} - {SCORE}
        sizes = [size for size in SIZES if size in wanted]
        if isinstance(data, DecisionFile):
            if not data.decisions:
                raise InputError(
                    f"--task={name} takes --decisions=COLUMN,COLUMN,…, the columns that make an architecture"
                )
            table = read_decision_table(
                path,
                decisions=data.decisions,
                score_column=score,
                test_column=test,
                lower_is_better=lower,
                lower_columns=below,
                sizes=sizes,
            )
        else:
            table = read_table(
                path,
                NasBench201Space(),
                score_column=score,
                test_column=test,
                lower_is_better=lower,
                lower_columns=below,
                sizes=sizes,
            )
        return cls(name, settings, table=table, rungs=rungs)

    @property
    def climbs(self) -> bool:
        """See `Task`."""
        return bool(self.rungs)

    # ---- the data

    def dataset(self) -> dict[str, Any]:
        """See `Task`."""
        dataset: dict[str, Any] = {"dataset": self.table.path.stem, "source": str(self.table.path)}
        if isinstance(self.table.space, CategoricalSpace):  # with its words a report can draw what was searched
            dataset["decisions"] = {name: list(words) for name, words in self.table.space.decisions.items()}
        return dataset

    def fingerprint(self) -> str:
        """See `Task`."""
        return self.table.fingerprint

    def data_lines(self) -> list[str]:
        """See `Task`."""
        table = self.table
        return [
            *(f"NOTICE: {warning}" for warning in table.warnings),
            f"table {table.path}: {table.lines:,} rows, {len(table.rows):,} different architectures; "
            f"the search sees {table.score_column}"
            + "".join(f", and {rung.name} at {rung.cost:g} of its cost" for rung in self.rungs[:-1])
            + (f"; {self.kept:,} keep {limits_text(self.settings.bounds)}" if self.settings.bounds else ""),
        ]

    def description(self, architecture: Architecture | None = None) -> dict[str, Any]:
        """See `Task`."""
        table = self.table
        return {
            **self.dataset(),
            "table": str(table.path),
            "rows": table.lines,
            "architectures": len(table.rows),
            "possible": math.prod(len(position.words) for position in table.space.positions),
            "decisions": {position.description: len(position.words) for position in table.space.positions},
            "score_column": table.score_column,
            "test_column": table.test_column,
            "higher_is_better": table.higher_is_better,
        }

    def score_identity(self) -> dict[str, Any]:
        """See `Task`."""
        table = self.table
        return {
            "decisions": [position.description for position in table.space.positions],
            "score_column": table.score_column,
            "higher_is_better": table.higher_is_better,
            **({"rungs": [dataclasses.asdict(rung) for rung in self.rungs]} if self.rungs else {}),
            **self.settings.bounds,
        }

    # ---- networks

    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """See `Task`; one look-up counts as one evaluation, whatever the seed."""
        return TableEvaluator(self.table, rungs=self.rungs)

    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """See `Task`."""
        if isinstance(network, Rival):
            raise InputError(f"a table has no hand-made network {network.name}")
        return TrainedRow(self.table.row(network), self.table.test_column)

    def figures_text(self, figures: Mapping[str, Any]) -> str:
        """See `Task`."""
        best, test = figures["best"], self.table.test_column
        tested = "" if test is None else f"  {test} {figures[test]:.3f}"
        count = f"{figures['evaluations']} evaluations"
        if "cost" in figures:
            count = f"{figures['evaluations']} architectures at a cost of {figures['cost']:g}"
        return f"{count}  {self.metric.name} {best['score']:.3f}{tested}  {best['text']}"


class TableEvaluator(FunctionEvaluator):
    """Looks architectures up in a table.

    Args:
        table: of all that a search may propose.
        rungs: of a ladder; the table has the scores of all but the last as `Row.lower`.
    """

    def __init__(self, table: ArchitectureTable, *, rungs: Sequence[Rung] = ()):
        super().__init__(self._look_up, rungs=rungs)
        self.table = table

    def _look_up(self, architecture, rung=-1):
        row = self.table.row(architecture)
        return Outcome((*row.lower, row.score)[rung], row.parameters)


class TrainedRow(FinalModel):
    """A network of a table: trained already.

    Args:
        row: of the network.
        test_column: the name of its test figure; None where it has none.
    """

    def __init__(self, row: Row, test_column: str | None):
        self._row, self._test_column, self.parameters = row, test_column, row.parameters

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """Does nothing: the network is trained."""

    def validate(self) -> float:
        """The score."""
        return self._row.score

    def measure(self) -> dict[str, Any]:
        """The test figure, where the table has one."""
        return {} if self._test_column is None else {self._test_column: self._row.test}


def _score_of(rungs, column, *, default) -> str:
    """The score column, which is the last rung. Raises InputError where another one was given."""
    last = rungs[-1].name
    if column not in (None, default.score_column, last):
        raise InputError(f"--score_column={column}, but the last of --rungs is {last}; leave --score_column out")
    return last


def table_path(task: str, data: TableFile) -> pathlib.Path:
    """The file that is named, or else the only CSV file in the directory. Raises InputError."""
    kind = KINDS[task]
    if data.file is not None:
        return pathlib.Path(data.file)
    if data.directory is None:
        raise InputError(f"--task={task} takes --table=FILE, {kind}")
    files = entries(pathlib.Path(data.directory), collections.Counter())[1]
    tables = [path for path in files if path.suffix.lower() == ".csv"]
    if len(tables) != 1:
        names = ", ".join(in_one_line(path.name) for path in tables) or "no CSV file"
        raise InputError(f"--data_dir={data.directory} holds {names}; give --table=FILE, {kind}")
    return tables[0]
