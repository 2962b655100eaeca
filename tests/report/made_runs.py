"""Work directories of small runs, as a search leaves them."""

import dataclasses
import json

from nao_tf.search.checked_lines import with_check
from nao_tf.study.study import Study
from nao_tf.tasks.table import TableTask


def table_run(table, work, *, strategy="evolution", baselines=("random",), **settings):
    """A study of the invented table."""
    preset = TableTask.presets("nasbench201", "cpu")
    data = dataclasses.replace(preset.data, file=str(table), score_column="seen", test_column="told")
    settings = {"budget": 30, "initial": 10, **settings}
    task = TableTask.load("nasbench201", dataclasses.replace(preset, data=data, **settings))
    return Study(task, work, strategy=strategy).run(baselines)


def write_pool(path, rows):
    """Writes lines of a pool with their check values; what a row does not say is as in a search of decisions."""
    usual = {"metric": "loss", "higher_is_better": False, "status": "ok", "reason": None, "origin": "random",
             "parent": None, "step_size": None, "round": 0, "predicted": None, "parameters": None}  # fmt: skip
    lines = [with_check(json.dumps({**usual, **row}).encode()) for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def decision_run(work, rows, *, result=None, **identity):
    """A work directory with a pool of decisions."""
    work.mkdir(parents=True, exist_ok=True)
    identity = {"task": "table", "space": "mine", "strategy": "random", "seed": 1, "data": "d", **identity}
    (work / "settings.json").write_text(json.dumps({"pool.jsonl": identity, "final": {"settings": None}}))
    write_pool(work / "pool.jsonl", rows)
    if result is not None:
        (work / "result.json").write_text(json.dumps(result))
    return work
