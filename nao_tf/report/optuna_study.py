"""The searches of a run as studies of Optuna, one each, for optuna-dashboard and for whoever reads such studies.

An evaluated architecture is a trial: a categorical parameter for each decision, the score as its value. Importing this
loads no Optuna; writing does.
"""

from __future__ import annotations

import datetime
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

from nao_tf.errors import InputError
from nao_tf.report.run import Row, Run, Search
from nao_tf.study.work_directory import WorkDirectory

URL = "sqlite:///study.db"  # as an example for people
ATTRIBUTES = (  # of a trial, from the row of its evaluation
    "id",
    "text",
    "origin",
    "round",
    "parent",
    "step_size",
    "predicted",
    "parameters",
    "multiply_adds",
    "rung",
    "seconds",
    "reason",
)


def is_installed() -> bool:
    """Whether Optuna is there."""
    return importlib.util.find_spec("optuna") is not None


def write_studies(runs: Sequence[Run], url: str) -> list[str]:
    """Adds every search of every run to a storage of Optuna, as a study of its own. Loads Optuna.

    Args:
        runs: whose searches are written; a study is called after the work directory and the strategy, "ptb-nao".
        url: of the storage, such as sqlite:///study.db; it is made where it is not there.

    Returns:
        The names of the studies.

    Raises:
        InputError: there is no search in a run, a study of the name is there already, or the storage cannot be used.
            Nothing was written then, unless the storage failed while it was written to.
    """
    import optuna
    import sqlalchemy.exc

    named: dict[str, tuple[Run, Search]] = {}
    for run in runs:
        if not run.searches:
            raise InputError(f"{run.path}: it has no search, so there is no study to write")
        for strategy, search in run.searches.items():
            name = f"{run.path.resolve().name}-{strategy}"
            if name in named:
                raise InputError(f"two work directories would both give the study {name}; export them one by one")
            named[name] = run, search
    if "://" not in url:
        raise InputError(f"--optuna={url} is no address of a storage; give one such as {URL}")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # "A new study created …"
    try:
        storage = optuna.storages.RDBStorage(url)
        known = {study.study_name for study in optuna.get_all_study_summaries(storage, include_best_trial=False)}
        if there := sorted(known & {*named}):
            raise InputError(f"study {there[0]} is there already; give another --optuna, or delete that study")
        for name, (run, search) in named.items():
            directions = optuna.study.StudyDirection
            direction = directions.MAXIMIZE if search.higher_is_better else directions.MINIMIZE
            study = optuna.create_study(storage=storage, study_name=name, direction=direction)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names([run.metric.name])
            for key, value in {"task": run.task, "strategy": search.strategy, "seed": search.identity.get("seed"),
                               "work_dir": str(run.path)}.items():  # fmt: skip
                study.set_user_attr(key, value)
            study.add_trials(trials(run, search))
        storage.remove_session()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:  # the last: of an older Optuna
        # the address itself is not told: it may hold a password
        reason = str(getattr(error, "orig", None) or error).split("\n")[0]
        raise InputError(f"--optuna: the storage cannot be used ({reason}); give an address such as {URL}") from error
    finally:
        optuna.logging.set_verbosity(verbosity)
    return list(named)


def trials(run: Run, search: Search) -> list[Any]:
    """The members of a search as trials, `optuna.trial.FrozenTrial`, in the order in which they were first evaluated.

    A member that failed is a failed trial. One that did not come to the highest rung that any has come to is a pruned
    one, since its score is not comparable. Where a member was scored several times, on rungs or, with shared weights,
    in several rounds, the scores are intermediate values. Steps are then what the rungs are called, where those are all
    numbers of steps, otherwise their places on the ladder; or rounds.

    The pool knows no dates, so trials stand one after the other, as long as each took where that is known, and the last
    one ends when the pool was last written.
    """
    import optuna

    states = optuna.trial.TrialState
    distributions = _distributions(run, search)
    step_of = {rung: int(rung) if all(map(str.isdigit, search.rungs)) else n for n, rung in enumerate(search.rungs)}
    highest = search.ranked[0].rung if search.ranked else None
    evaluations: dict[int, list[Row]] = {}
    for row in search.rows:
        evaluations.setdefault(row.id, []).append(row)
    dates = _dates(run, search, [sum(row.seconds or 0.0 for row in rows) for rows in evaluations.values()])
    made = []
    for number, (rows, (start, complete)) in enumerate(zip(evaluations.values(), dates, strict=True)):
        latest = rows[-1]
        state = states.COMPLETE if latest.rung == highest else states.PRUNED
        state = states.FAIL if latest.score is None else state
        steps = {row.round if row.rung is None else step_of[row.rung]: row.score for row in rows}
        attributes = {"architecture": list(latest.values)}
        attributes |= {name: getattr(latest, name) for name in ATTRIBUTES if getattr(latest, name) is not None}
        made.append(
            optuna.trial.FrozenTrial(
                number=number,
                trial_id=number,
                state=state,
                value=latest.score,
                datetime_start=start,
                datetime_complete=complete,
                params={
                    name: run.space.positions[at].words[value]
                    for at, (name, value) in enumerate(zip(distributions, latest.values, strict=True))
                },
                distributions=distributions,
                user_attrs=attributes,
                system_attrs={},
                intermediate_values={step: score for step, score in steps.items() if score is not None}
                if search.rungs or len(rows) > 1
                else {},
            )
        )
    return made


def _distributions(run, search):
    """The words that each decision can take after those of any member, by the name of the decision."""
    import optuna

    positions = run.space.positions
    distributions = {}
    for at, position in enumerate(positions):
        values = sorted({value for row in search.members for value in run.space.choices(row.values[:at])})
        words = list(dict.fromkeys(position.words[value] for value in values))
        alone = sum(position.description == other.description for other in positions) == 1
        name = position.description if alone else f"{position.description} ({at + 1})"
        distributions[name] = optuna.distributions.CategoricalDistribution(words)
    return distributions


def _dates(run, search, seconds):
    """Start and end of every trial: one after the other, up to when the pool was last written."""
    work = WorkDirectory(run.path)
    file = work.pool(search.strategy, main=False)
    file = file if file.exists() else work.pool(search.strategy, main=True)
    at = datetime.datetime.fromtimestamp(file.stat().st_mtime) - datetime.timedelta(seconds=sum(seconds))
    dates = []
    for each in seconds:
        dates.append((at, at := at + datetime.timedelta(seconds=each)))
    return dates
