"""Commands to copy out of a report: what one does with a run that has ended."""

from __future__ import annotations

import dataclasses
import shlex

from nao_tf.report.run import Run
from nao_tf.tasks import TASKS
from nao_tf.tasks.images.task import ImageTask
from nao_tf.tasks.language.task import LanguageTask


@dataclasses.dataclass(frozen=True)
class Command:
    """A command and what it is for.

    Attributes:
        purpose: in a few words.
        text: of the command, its arguments quoted as a shell takes them.
    """

    purpose: str
    text: str


def commands(run: Run) -> dict[str, list[Command]]:
    """Commands by what they are for: "go on", "retrain", "evaluate", "serve", "see"; none where there is nothing to."""
    kind, work = TASKS.get(run.task), str(run.path)
    task = f"--task={run.task}"
    groups: dict[str, list[Command]] = {"go on": [], "retrain": [], "evaluate": [], "serve": [], "see": []}
    if kind is None:  # a study of a user's own program
        return groups
    if run.main is not None:
        again = ["bin/nao_search", f"--flagfile={run.path / 'flags.txt'}", f"--work_dir={work}"]
        larger = 2 * max(len(run.main.members), 1)
        if run.result is None:
            groups["go on"].append(_command("go on where it stands", *again))
        groups["go on"] += [
            _command(f"evaluate {larger} in all; what was evaluated is kept", *again, f"--budget={larger}"),
            _command("compare with more searches at the same budget", *again, f"--baselines={_rivals(run)}"),
        ]
        if run.result is not None and kind.seeds_differ:
            purpose = "train winner and rivals with three seeds each: is the difference more than chance?"
            groups["go on"].append(_command(purpose, *again, "--final_seeds=3"))
    if kind in (LanguageTask, ImageTask) and run.winner is not None:
        trained = f"--architecture={run.winner}"
        fresh = f"--work_dir={work.rstrip('/')}_retrained"
        rest = [*_data_flags(run, space=True), trained, fresh]
        groups["retrain"] = [
            _command("train the winner again from scratch, as nao_train does", "bin/nao_train", task, *rest),
            _command("the same with the published final training, which takes days", "bin/nao_train", task,
                     "--preset=paper", *rest[:-1], f"--work_dir={work.rstrip('/')}_paper"),
        ]  # fmt: skip
        if (run.path / "export" / "child").is_dir():
            groups["evaluate"] = _evaluations(kind, work)
            plain = run.path / "export" / "child" / "keras" / "found_cell.py"
            if plain.exists():
                groups["retrain"].append(_command("the network as plain Keras code: its layers", "python", str(plain)))
            base = (run.path / "export" / "child").resolve()
            serve = [
                "tensorflow_model_server",
                "--model_name=child",
                f"--model_base_path={base}",
                "--rest_api_port=8501",
            ]
            groups["serve"] = [
                _command("a server that answers over HTTP", *serve),
                _command("its signatures", "saved_model_cli", "show", f"--dir={base / '1'}", "--all"),
                _request(kind),
            ]
    if run.winner is not None:
        groups["see"].append(
            _command("the winner as a picture", "bin/nao_report", f"--work_dir={work}", "--draw=winner.svg")
        )
    groups["see"].append(_command("this report again", "bin/nao_report", f"--work_dir={work}"))
    if (run.path / "tensorboard").is_dir():
        groups["see"].append(_command("every training step", "tensorboard", f"--logdir={run.path / 'tensorboard'}"))
    return groups


def _command(purpose: str, *words: str) -> Command:
    return Command(purpose, shlex.join(words))


def _rivals(run: Run) -> str:
    """The baselines of the run and those strategies that it did not have."""
    known = [flag.partition("=")[2] for flag in run.flags if flag.startswith("--baselines=")]
    own = known[0].split(",") if known else list(TASKS[run.task].default_baselines)
    main = run.main.strategy if run.main is not None else ""
    more = [name for name in ("random", "evolution", "local") if name not in (*own, main)]
    return ",".join(name for name in [*own, *more] if name)


def _data_flags(run: Run, *, space: bool = False) -> list[str]:
    """The flags of the run that say what the data are."""
    names = {name for name, short in TASKS[run.task].short.items() if short.path.startswith("data.")}
    if space:
        names.add("space")
    return [flag for flag in run.flags if flag.lstrip("-").partition("=")[0].removeprefix("no") in names]


def _evaluations(kind: type, work: str) -> list[Command]:
    """What the model can be asked; it knows its data by the work directory."""
    program = ["bin/nao_eval", f"--work_dir={work}"]
    if kind is LanguageTask:
        return [
            _command("the test text again", *program),
            _command("a text of your own", *program, "--text=FILE"),
            _command("words that go on from yours", *program, "--generate=some words"),
        ]
    return [
        _command("the test images again", *program),
        _command("labels of your own pictures", *program, "--images=FOLDER"),
    ]


def _request(kind: type) -> Command:
    """A request to the server."""
    if kind is LanguageTask:
        body = '{"signature_name": "score_text", "inputs": {"text": ["some words of yours\\n"]}}'
    else:
        # the shell puts the picture between two quoted parts
        body = (
            '{"signature_name": "classify_bytes", "inputs": {"image_bytes": [{"b64": "\'$(base64 -w0 FILE.png)\'"}]}}'
        )
    data = f"'{body}'"
    return Command("a request", f"curl -d {data} http://localhost:8501/v1/models/child:predict")
