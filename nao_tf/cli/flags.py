"""The flags of the programs, and how they become settings."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable

from absl import flags

from nao_tf.errors import InputError
from nao_tf.search.settings import PRESETS as TABLE_PRESETS
from nao_tf.search.settings import TableSearchSettings
from nao_tf.search.strategies import STRATEGIES

LANGUAGE_TASKS = ("ptb", "wikitext2", "text")
TABLE_TASKS = ("nasbench201",)
# What else may be measured beside a run, and what is when nobody says.
BASELINES = {**dict.fromkeys(LANGUAGE_TASKS, ("lstm", *STRATEGIES)), **dict.fromkeys(TABLE_TASKS, tuple(STRATEGIES))}
DEFAULT_BASELINES = {**dict.fromkeys(LANGUAGE_TASKS, ["lstm"]), **dict.fromkeys(TABLE_TASKS, ["random"])}

TASK = flags.DEFINE_enum("task", "ptb", LANGUAGE_TASKS + TABLE_TASKS, "What is learned, or the table that is searched.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the published files; given, it is used strictly.")
WORK_DIR = flags.DEFINE_string(
    "work_dir", None, "Everything a run writes; default runs/<task>. The same command resumes."
)
DOWNLOAD = flags.DEFINE_bool("download", False, "Fetch the data where it is neither given nor prepared.")
TABLE = flags.DEFINE_string(
    "table", None, "CSV file of evaluated architectures (--task=nasbench201); default: the only one in --data_dir."
)
SCORE_COLUMN = flags.DEFINE_string("score_column", "c10_val_200ep", "Column of the table that the search sees.")
TEST_COLUMN = flags.DEFINE_string("test_column", "c10_test_200ep", "Column of the table that tests what it found.")
STRATEGY = flags.DEFINE_enum("strategy", "nao", list(STRATEGIES), "What proposes architectures.")
WEIGHT_SHARING = flags.DEFINE_bool("weight_sharing", None, "One shared child for the pool; default: the preset's.")
PRESET = flags.DEFINE_enum(
    "preset", "cpu", ("cpu", "paper"), "Tuned for minutes on two cores, or the published values."
)
BUDGET = flags.DEFINE_integer("budget", None, "Architectures that are evaluated.", lower_bound=1)
INITIAL = flags.DEFINE_integer("initial", None, "Random architectures before the strategy is asked.", lower_bound=1)
PROPOSALS = flags.DEFINE_integer("proposals", None, "New architectures a round.", lower_bound=1)
FINALISTS = flags.DEFINE_integer("finalists", None, "How many of the best are trained to the end.", lower_bound=1)
UNITS = flags.DEFINE_integer("units", None, "Width of the final model.", lower_bound=1)
BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Sequences trained side by side.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", None, "Training steps of the final models.", lower_bound=1)
SEARCH_UNITS = flags.DEFINE_integer("search_units", None, "Width of the children while searching.", lower_bound=1)
SEARCH_STEPS = flags.DEFINE_integer(
    "search_steps", None, "Training steps of a child, or of a round of the shared one.", lower_bound=1
)
LEARNING_RATE = flags.DEFINE_float("learning_rate", None, "Of the final models.", lower_bound=0.0)
WINDOW = flags.DEFINE_integer("window", None, "Time steps of back-propagation; their usual number.", lower_bound=1)
WEIGHT_DECAY = flags.DEFINE_float("weight_decay", None, "L2 on all weights.", lower_bound=0.0)
CLIP_NORM = flags.DEFINE_float("clip_norm", None, "Bound on the norm of the gradient; 0 for none.", lower_bound=0.0)
ACTIVATION_PENALTY = flags.DEFINE_float("activation_penalty", None, "Alpha of AR.", lower_bound=0.0)
TEMPORAL_PENALTY = flags.DEFINE_float("temporal_penalty", None, "Beta of TAR.", lower_bound=0.0)
DROPOUT = {
    name: flags.DEFINE_float(f"dropout_{name}", None, f"Share that is dropped of {of}.", lower_bound=0.0)
    for name, of in {
        "output": "the cell's outputs",
        "hidden": "what the cell's kernels multiply, except the input",
        "input": "the cell's input",
        "embedding": "the units of embedded words",
        "words": "the words of the vocabulary",
    }.items()
}
BASELINE_LIST = flags.DEFINE_list(
    "baselines",
    None,
    f"What else gets the same budget: lstm (a hand-made network, for text), {', '.join(STRATEGIES)}; or nothing. "
    "Default: lstm for text, random for a table.",
)
EXPORT_WEIGHTS = flags.DEFINE_enum(
    "export_weights",
    "float32",
    ("float32", "float16", "int8"),
    "How the exported language model's weights are stored; it computes in float32 with each.",
)
SEED = flags.DEFINE_integer("seed", 1, "Same seed, same device, same versions: same pool.", lower_bound=0)
DISTRIBUTION = flags.DEFINE_enum("distribution", "auto", ("auto", "none", "mirrored"), "Training on several GPUs.")
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the resolved settings as one JSON line and train nothing.")
ARCHITECTURE = flags.DEFINE_string(
    "architecture", None, "An architecture: integers, readable form, or a published name."
)
ACTIVATION_NUMBERING = flags.DEFINE_enum(
    "activation_numbering", "nao_ws", ("nao_ws", "nao"), "What activations 2 and 3 of --architecture mean."
)
VOCABULARY_SIZE = flags.DEFINE_integer(
    "vocabulary_size", None, "Most frequent words that are kept (--task=text).", lower_bound=3
)
MINIMUM_COUNT = flags.DEFINE_integer(
    "minimum_count", 1, "Words that are rarer become <unk> (--task=text).", lower_bound=1
)

SAVED_MODEL = flags.DEFINE_string("saved_model", None, "Folder of an exported language model, or of its versions.")
TEXT = flags.DEFINE_string("text", None, "File to evaluate on; default: the test text of --task.")
SENTENCES = flags.DEFINE_string("sentences", None, "File to write the scores of every line to, as JSON lines.")
GENERATE = flags.DEFINE_string("generate", None, "Words to go on from; nothing is evaluated.")
WORDS = flags.DEFINE_integer("words", 30, "How many words --generate adds.", lower_bound=1)
TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "0 takes the likeliest word (--generate).", lower_bound=0.0)

# Which flags a program has; it knows no others.
_TRAINING = (
    "task data_dir work_dir download preset units batch_size steps learning_rate window weight_decay clip_norm "
    "activation_penalty temporal_penalty "
    "dropout_output dropout_hidden dropout_input dropout_embedding dropout_words baselines seed distribution dry_run "
    "architecture activation_numbering vocabulary_size minimum_count export_weights"
).split()
PROGRAMS = {
    "nao_search": (
        "task data_dir work_dir download table score_column test_column strategy weight_sharing preset budget initial "
        "proposals finalists units batch_size steps search_units search_steps learning_rate baselines seed "
        "distribution dry_run architecture activation_numbering vocabulary_size minimum_count export_weights"
    ).split(),
    "nao_train": _TRAINING,
    "nao_eval": ("task data_dir download saved_model work_dir text sentences generate words temperature seed").split(),
}

# Flags that change what a search does; a work directory belongs to one set of them.
_LANGUAGE_MEANING = (
    "task data_dir strategy weight_sharing preset budget initial proposals finalists units batch_size steps "
    "search_units search_steps learning_rate seed distribution vocabulary_size minimum_count baselines"
).split()
_TABLE_MEANING = (
    "task table data_dir score_column test_column strategy preset budget initial proposals seed baselines"
).split()
MEANING = {**dict.fromkeys(LANGUAGE_TASKS, _LANGUAGE_MEANING), **dict.fromkeys(TABLE_TASKS, _TABLE_MEANING)}
# The format of an export is none: the same command with another one exports a finished run again.
TRAINING_MEANING = [name for name in _TRAINING if name not in ("work_dir", "download", "dry_run", "export_weights")]


def keep(program: str) -> None:
    """Leaves a program its own flags; --help lists them, and others are unknown."""
    for flag in list(flags.FLAGS.flags_by_module_dict()[__name__]):  # deleting shortens the original
        if flag.name in PROGRAMS[program]:
            flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
        else:
            delattr(flags.FLAGS, flag.name)


def baselines(known: Iterable[str] | None = None, default: list[str] | None = None) -> list[str]:
    """What else gets the budget of the run.

    Args:
        known: what there is; a search's, of the task, when not given.
        default: what is measured when nobody says; a search's, of the task, when not given.

    Raises:
        InputError: --baselines names what is not known.
    """
    chosen, known = BASELINE_LIST.value, BASELINES[TASK.value] if known is None else known
    if chosen is None:
        return DEFAULT_BASELINES[TASK.value] if default is None else default
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise InputError(f"--baselines: {unknown[0]!r} is not one of {', '.join(known)}")
    return chosen


def meaning(names: Iterable[str] | None = None, chosen: list[str] | None = None) -> str:
    """The flags that change what a run does, as lines of a flagfile.

    Args:
        names: of the flags; a search's, of the task, when not given.
        chosen: the baselines; those of `baselines()` when not given.
    """
    lines = []
    for name in MEANING[TASK.value] if names is None else names:
        flag = flags.FLAGS[name]
        if name == "baselines":
            lines.append(f"--baselines={','.join(baselines() if chosen is None else chosen)}")
        elif flag.value is not None:
            lines.append(flag.serialize() or f"--{name}=")
    return "\n".join(lines) + "\n"


def _changed(settings, **values):
    return dataclasses.replace(settings, **{name: value for name, value in values.items() if value is not None})


def _of_final_models():
    """What the flags that searching and training share say of a final model's training."""
    return {
        "units": UNITS.value,
        "batch_size": BATCH_SIZE.value,
        "steps": STEPS.value,
        "learning_rate": LEARNING_RATE.value,
    }


def table_settings() -> TableSearchSettings:
    """The preset of a search on a table with every value that was given by a flag of its own."""
    return _changed(TABLE_PRESETS[PRESET.value], budget=BUDGET.value, initial=INITIAL.value, proposals=PROPOSALS.value)


def preset():
    """The preset of a search with training with every value that was given by a flag of its own."""
    from nao_tf.training.settings import PRESETS

    chosen = PRESETS[PRESET.value]
    search = {"units": SEARCH_UNITS.value, "steps": SEARCH_STEPS.value}
    return _changed(
        chosen,
        weight_sharing=WEIGHT_SHARING.value,
        budget=BUDGET.value,
        initial=INITIAL.value,
        proposals=PROPOSALS.value,
        finalists=FINALISTS.value,
        scratch=_changed(chosen.scratch, **search),
        shared=_changed(chosen.shared, **search),
        final=_changed(chosen.final, **_of_final_models()),
    )


def final_training():
    """The training of one given architecture, with every value that was given by a flag of its own.

    Raises:
        InputError: a dropout rate that is none.
    """
    from nao_tf.training.settings import final_training as preset_of

    chosen = preset_of(PRESET.value, TASK.value)
    try:
        dropout = _changed(chosen.dropout, **{name: flag.value for name, flag in DROPOUT.items()})
    except ValueError as error:
        raise InputError(str(error)) from error
    return _changed(
        chosen,
        **_of_final_models(),
        window=WINDOW.value,
        weight_decay=WEIGHT_DECAY.value,
        clip_norm=CLIP_NORM.value,
        activation_penalty=ACTIVATION_PENALTY.value,
        temporal_penalty=TEMPORAL_PENALTY.value,
        dropout=dropout,
    )
