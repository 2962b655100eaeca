"""The stages of a search on a table (--task=nasbench201): search, look up the test figure of the best, compare.

TensorFlow is loaded only if a strategy needs it.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from collections.abc import Mapping, Sequence

from nao_tf.architecture import Architecture, NasBench201Space, SearchSpace
from nao_tf.cli import flags, program
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import claim, seconds, spent, versions, write
from nao_tf.data.table import ArchitectureTable, read_table
from nao_tf.errors import InputError
from nao_tf.search.loop import search
from nao_tf.search.pool import Pool
from nao_tf.search.settings import TableSearchSettings
from nao_tf.search.strategies import STRATEGIES
from nao_tf.search.table_evaluator import TableEvaluator

HELD_OUT = 0.1  # from a controller that is only judged, where those of the search learn the whole pool

SPACES: Mapping[str, type[SearchSpace]] = {"nasbench201": NasBench201Space}


def main() -> None:
    """Runs with the flags as they were parsed."""
    name, settings, baselines = flags.STRATEGY.value, flags.table_settings(), flags.baselines()
    space = SPACES[flags.TASK.value]()
    given = None if flags.ARCHITECTURE.value is None else space.parse(flags.ARCHITECTURE.value)
    if settings.initial is not None and settings.initial > settings.budget:
        raise InputError(f"--initial={settings.initial} is more than the budget of {settings.budget} evaluations")
    path = table_path(flags.TABLE.value, flags.DATA_DIR.value)
    table = read_table(path, space, score_column=flags.SCORE_COLUMN.value, test_column=flags.TEST_COLUMN.value)
    if flags.DRY_RUN.value:
        print(json.dumps(dry_run(flags.TASK.value, name, table, settings, given)))
        return
    work = pathlib.Path(flags.WORK_DIR.value or f"runs/{flags.TASK.value}")
    claim(work, flags.meaning() + f"# table {table.fingerprint}\n")
    if any(STRATEGIES[strategy].needs_tensorflow for strategy in (name, *baselines)):
        program.load_tensorflow()
    TableSearch(flags.TASK.value, settings, table, work, name, flags.SEED.value, Terminal()).run(baselines)


def table_path(table: str | None, folder: str | None) -> pathlib.Path:
    """The file that --table names, or else the only CSV file in --data_dir. Raises InputError."""
    if table is not None:
        return pathlib.Path(table)
    wanted = "a CSV file with an arch column in the notation of NAS-Bench-201"
    if folder is None:
        raise InputError(f"--task={flags.TASK.value} takes --table=FILE, {wanted}")
    found = sorted(pathlib.Path(folder).glob("*.csv"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "no CSV file"
        raise InputError(f"--data_dir={folder} holds {names}; give --table=FILE, {wanted}")
    return found[0]


def sizes(settings: TableSearchSettings, strategy: str) -> tuple[int, int]:
    """How many architectures the first round and each later round have: the settings' or the strategy's own."""
    entry = STRATEGIES[strategy]
    initial = min(entry.initial, settings.budget) if settings.initial is None else settings.initial
    return initial, entry.proposals if settings.proposals is None else settings.proposals


def dry_run(
    task: str, strategy: str, table: ArchitectureTable, settings: TableSearchSettings, given: Architecture | None
) -> dict:
    """The resolved settings, the table, and the given architecture."""
    initial, proposals = sizes(settings, strategy)
    return {
        "task": task,
        "table": str(table.path),
        "rows": table.lines,
        "architectures": len(table.rows),
        "score_column": table.score_column,
        "test_column": table.test_column,
        "strategy": strategy,
        "architecture": None if given is None else list(given.values),
        "settings": {**dataclasses.asdict(settings), "initial": initial, "proposals": proposals},
    }


class TableSearch:
    """One run of the program in its work directory.

    Args:
        task: the name of the task.
        settings: budget and rounds.
        table: what is searched.
        work: the work directory.
        strategy: a name of `STRATEGIES`.
        seed: of everything random.
        terminal: what people read.
    """

    def __init__(
        self,
        task: str,
        settings: TableSearchSettings,
        table: ArchitectureTable,
        work: pathlib.Path,
        strategy: str,
        seed: int,
        terminal: Terminal,
    ):
        self.task, self.settings, self.table, self.work = task, settings, table, work
        self.strategy_name, self.seed, self.terminal = strategy, seed, terminal

    def run(self, baselines: Sequence[str]) -> dict:
        """All stages; returns what result.json holds."""
        table = self.table
        self.terminal.say(
            f"table {table.path}: {table.lines:,} rows, {len(table.rows):,} different architectures; "
            f"the search sees {table.score_column}"
        )
        pool = self.search(self.strategy_name, "pool.jsonl")
        predictor = self.predictor(pool) if self.strategy_name == "nao" and len(pool.ranked) > 1 else None
        rivals = {
            name: self.found(self.search(name, f"pool_{name}.jsonl"))
            for name in dict.fromkeys(baselines)
            if name != self.strategy_name
        }
        best = pool.ranked[0]
        result = {
            "task": self.task,
            "dataset": table.path.stem,
            "source": str(table.path),
            "strategy": self.strategy_name,
            "seed": self.seed,
            "evaluations": len(pool),
            "best": pool.summary(best),
            "top": [pool.summary(evaluation) for evaluation in pool.ranked[:10]],
            "test": {table.test_column: table.row(best.candidate.architecture).test},
            "baselines": rivals,
            "predictor": predictor,
            "seconds": seconds(self.work),
            "versions": versions(),
        }
        write(self.work / "result.json", json.dumps(result, indent=1) + "\n")
        self.report(result)
        return result

    def search(self, name: str, file: str) -> Pool:
        """Runs a strategy to the end of the budget."""
        start, budget = time.monotonic(), self.settings.budget
        pool = Pool(self.work / file, self.table.space, self.table.score_column, higher_is_better=True)
        if len(pool):
            self.terminal.say(f"{file}: {len(pool)} architectures are evaluated already")
        rate = Rate(budget, len(pool))
        initial, proposals = sizes(self.settings, name)

        def on_evaluation(evaluation):
            rate.step(len(pool))
            self.terminal.status(f"{name}: best {pool.ranked[0].score:.3f}; {rate}")

        def on_round(round):
            if len(pool) - said[0] >= budget / 10 or len(pool) >= budget:  # strategies may have a round for each
                said[0] = len(pool)
                self.terminal.say(f"{name}, {len(pool)} evaluations: best {pool.ranked[0].score:.3f}; {rate}")

        said = [len(pool)]
        search(
            self.strategy(name),
            TableEvaluator(self.table),
            pool,
            budget,
            initial,
            proposals,
            on_evaluation,
            on_round,
        )
        spent(self.work, f"search_{name}", start)
        return pool

    def strategy(self, name: str):
        """The strategy of a name."""
        options = {}
        if name == "nao":
            from nao_tf.controller import PRESETS

            options = {"settings": PRESETS[self.settings.controller], **self.settings.ascent}
        return STRATEGIES[name].make(self.table.space, self.seed, **options)

    def predictor(self, pool: Pool) -> dict:
        """The quality of a controller of the whole pool, each of its members judged on what it did not learn."""
        from nao_tf import controller

        settings = controller.PRESETS[self.settings.controller]
        settings = dataclasses.replace(settings, held_out=settings.held_out or HELD_OUT)
        fitted = controller.fit(self.table.space, *pool.examples(), settings, self.seed)
        return dataclasses.asdict(fitted.quality)

    def found(self, pool: Pool) -> dict:
        """What another strategy found."""
        best = pool.ranked[0]
        return {
            "evaluations": len(pool),
            "best": pool.summary(best),
            "test": {self.table.test_column: self.table.row(best.candidate.architecture).test},
        }

    def report(self, result: dict) -> None:
        """The final table, for people."""
        say, table = self.terminal.say, self.table
        say(f"{len(result['top'])} best of {result['evaluations']} evaluated architectures:")
        for row in result["top"]:
            say(f"  {row['id']:4d} {row['origin']:9s} {row['score']:8.3f}  {row['text']}")
        say(f"chosen by {table.score_column}, tested by {table.test_column}:")
        for name, row in {result["strategy"]: result, **result["baselines"]}.items():
            say(
                f"  {name:10s} {row['evaluations']} evaluations  score {row['best']['score']:8.3f}  "
                f"test {row['test'][table.test_column]:8.3f}  {row['best']['text']}"
            )
        say(f"{self.work}: result.json, pool.jsonl")
