"""One given architecture, trained to the end: the stages of bin/nao_train that all tasks share."""

from __future__ import annotations

import dataclasses
import json
import time

from nao_tf.architecture import Architecture
from nao_tf.cli.final_models import FinalModels
from nao_tf.cli.program import reproducible
from nao_tf.cli.rivals import measured
from nao_tf.cli.work_directory import seconds, spent, versions, write

LABEL = "final"  # of the model's checkpoint and of its run of TensorBoard


def train(
    task: str, what: str, data_line: str, origin: dict, given: Architecture, models: FinalModels, baselines: list[str]
) -> dict:
    """Trains, exports, tests and compares.

    Args:
        task: the name of the task.
        what: the model is called, for people.
        data_line: the data, for people.
        origin: what result.json tells of the data and of the space.
        given: the architecture.
        models: of the task; they know settings, seed and work directory.
        baselines: empty, or the hand-made network.

    Returns:
        What result.json holds.
    """
    settings, work, say = models.settings, models.work, models.terminal.say
    reproducible(models.seed)
    say(data_line)
    start = time.monotonic()
    trainer = models.trainer(given)
    say(f"{what} {given.text}: {models.parameters(trainer):,} parameters, {settings.steps:,} steps")
    models.train(trainer, given, LABEL)
    models.export(trainer, given)  # before the comparisons, which take as long again and may fail
    spent(work, "train", start)
    start = time.monotonic()
    test = models.measure(trainer, given)
    spent(work, "test", start)
    rivals = measured(baselines, lambda name: models.rival(trainer, given, LABEL))
    result = {
        "task": task,
        **origin,
        "seed": models.seed,
        "architecture": list(given.values),
        "text": given.text,
        "test": test,
        "baselines": rivals,
        "settings": dataclasses.asdict(settings),
        "seconds": seconds(work),
        "versions": versions(),
    }
    write(work / "result.json", json.dumps(result, indent=1) + "\n")
    models.tell({what: test, **rivals})
    say(f"{work}: result.json, export/child/1, tensorboard")
    return result
