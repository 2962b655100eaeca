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
IMAGE_TASKS = ("cifar10", "cifar100", "images")
# What else may be measured beside a run, and what is when nobody says.
BASELINES = {
    **dict.fromkeys(LANGUAGE_TASKS, ("lstm", *STRATEGIES)),
    **dict.fromkeys(IMAGE_TASKS, ("resnet", *STRATEGIES)),
    **dict.fromkeys(TABLE_TASKS, tuple(STRATEGIES)),
}
DEFAULT_BASELINES = {
    **dict.fromkeys(LANGUAGE_TASKS, ["lstm"]),
    **dict.fromkeys(IMAGE_TASKS, ["resnet"]),
    **dict.fromkeys(TABLE_TASKS, ["random"]),
}

TASK = flags.DEFINE_enum(
    "task", "ptb", LANGUAGE_TASKS + IMAGE_TASKS + TABLE_TASKS, "What is learned, or the table that is searched."
)
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
BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Sequences or images of a training step.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", None, "Training steps of the final models.", lower_bound=1)
SEARCH_UNITS = flags.DEFINE_integer("search_units", None, "Width of the children while searching.", lower_bound=1)
SEARCH_STEPS = flags.DEFINE_integer(
    "search_steps", None, "Training steps of a child, or of a round of the shared one.", lower_bound=1
)
SPACE = flags.DEFINE_enum("space", None, ("nao", "enas", "nao_v2", "nao19"), "Operations of the cells (images).")
FILTERS = flags.DEFINE_integer("filters", None, "Channels of the first cells of the final models.", lower_bound=1)
LAYERS = flags.DEFINE_integer(
    "layers", None, "Normal cells of the final models; reductions come to them.", lower_bound=1
)
STACK = flags.DEFINE_integer("stack", None, "N, normal cells between reductions: --layers is 3 N.", lower_bound=1)
EPOCHS = flags.DEFINE_float("epochs", None, "Passes of the final models over the images; or --steps.", lower_bound=0.0)
SEARCH_FILTERS = flags.DEFINE_integer("search_filters", None, "Channels of the first cells in search.", lower_bound=1)
SEARCH_LAYERS = flags.DEFINE_integer("search_layers", None, "Normal cells of the children in search.", lower_bound=1)
CUTOUT = flags.DEFINE_integer("cutout", None, "Square cut out of training images, in pixels.", lower_bound=0)
DROP_PATH = flags.DEFINE_float(
    "drop_path", None, "Share of branches dropped at last.", lower_bound=0.0, upper_bound=0.99
)
PRECISION = flags.DEFINE_enum("precision", None, ("float32", "bfloat16"), "Of the computation of final models.")
IMAGE_SIZE = flags.DEFINE_integer("image_size", 32, "Height and width of images (--task=images).", lower_bound=8)
BY_PARAMETERS = flags.DEFINE_bool(
    "sample_by_parameters", None, "Train the shared child with large architectures more often (NAO-V2)."
)
MAX_PARAMETERS = flags.DEFINE_integer(
    "max_parameters", None, "Trainable parameters that a final model may have at most (images).", lower_bound=1
)
MAX_FLOPS = flags.DEFINE_integer(
    "max_flops", None, "Multiply-adds that a final model may need for an image (images).", lower_bound=1
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
    "What else gets the same budget: a hand-made network (lstm for text, resnet for images), "
    f"{', '.join(STRATEGIES)}; or nothing. Default: lstm for text, resnet for images, random for a table.",
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

SAVED_MODEL = flags.DEFINE_string("saved_model", None, "Folder of an exported model, or of its versions.")
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
_IMAGE_TRAINING = (
    "task data_dir work_dir download preset space filters layers stack batch_size steps epochs learning_rate "
    "weight_decay clip_norm cutout drop_path precision image_size baselines seed distribution dry_run architecture"
).split()
PROGRAMS = {
    "nao_search": (
        "task data_dir work_dir download table score_column test_column strategy weight_sharing preset budget initial "
        "proposals finalists units batch_size steps search_units search_steps learning_rate baselines seed "
        "distribution dry_run architecture activation_numbering vocabulary_size minimum_count export_weights space "
        "filters layers stack epochs search_filters search_layers cutout drop_path precision image_size "
        "sample_by_parameters max_parameters max_flops"
    ).split(),
    "nao_train": [*_TRAINING, *(name for name in _IMAGE_TRAINING if name not in _TRAINING)],
    "nao_eval": "task data_dir download saved_model work_dir text sentences generate words temperature seed".split(),
}

# Flags that change what a search does; a work directory belongs to one set of them.
_LANGUAGE_MEANING = (
    "task data_dir strategy weight_sharing preset budget initial proposals finalists units batch_size steps "
    "search_units search_steps learning_rate seed distribution vocabulary_size minimum_count baselines"
).split()
_TABLE_MEANING = (
    "task table data_dir score_column test_column strategy preset budget initial proposals seed baselines"
).split()
_IMAGE_MEANING = (
    "task data_dir strategy weight_sharing preset budget initial proposals finalists space filters layers stack "
    "batch_size steps epochs search_filters search_layers search_steps learning_rate cutout drop_path precision "
    "image_size sample_by_parameters max_parameters max_flops seed distribution baselines"
).split()
MEANING = {
    **dict.fromkeys(LANGUAGE_TASKS, _LANGUAGE_MEANING),
    **dict.fromkeys(IMAGE_TASKS, _IMAGE_MEANING),
    **dict.fromkeys(TABLE_TASKS, _TABLE_MEANING),
}
# The format of an export has none: the same command with another one exports a finished run again.
_NO_MEANING = ("work_dir", "download", "dry_run", "export_weights")
TRAINING_MEANING = [name for name in _TRAINING if name not in _NO_MEANING]
IMAGE_TRAINING_MEANING = [name for name in _IMAGE_TRAINING if name not in _NO_MEANING]


def keep(program: str) -> None:
    """Leaves a program its own flags; --help lists them, and others are unknown."""
    for flag in list(flags.FLAGS.flags_by_module_dict()[__name__]):  # deleting shortens the original
        if flag.name in PROGRAMS[program]:
            flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
        else:
            delattr(flags.FLAGS, flag.name)


def refuse(*unfit) -> None:
    """Raises InputError where a flag was given that the task has no use for."""
    for flag in unfit:
        if flag.value is not None:
            raise InputError(f"--{flag.name} is of no use with --task={TASK.value}; leave it out")


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
    try:
        return dataclasses.replace(settings, **{name: value for name, value in values.items() if value is not None})
    except ValueError as error:
        raise InputError(str(error)) from error


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
    from nao_tf.training.language_settings import PRESETS

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


def image_preset(images: int):
    """The preset of a search for an image classifier with every value that was given by a flag of its own.

    Args:
        images: how many there are to train with; --epochs are so many.

    Raises:
        InputError: two flags say the same thing.
    """
    from nao_tf.training.image_settings import PRESETS

    chosen = PRESETS[PRESET.value]
    search = {
        "filters": SEARCH_FILTERS.value,
        "layers": SEARCH_LAYERS.value,
        "steps": SEARCH_STEPS.value,
        "batch_size": BATCH_SIZE.value,
    }
    sharing = chosen.weight_sharing if WEIGHT_SHARING.value is None else WEIGHT_SHARING.value
    space = SPACE.value or (chosen.space if sharing else chosen.space_from_scratch)
    return _changed(
        chosen,
        space=space,
        weight_sharing=sharing,
        budget=BUDGET.value,
        initial=INITIAL.value,
        proposals=PROPOSALS.value,
        finalists=FINALISTS.value,
        by_parameters=BY_PARAMETERS.value,
        max_parameters=MAX_PARAMETERS.value,
        max_flops=MAX_FLOPS.value,
        scratch=_changed(chosen.scratch, **search),
        shared=_changed(chosen.shared, **search),
        final=image_training(images, space),
    )


def image_training(images: int, space: str):
    """The training of a final image classifier, with every value that was given by a flag of its own.

    Args:
        images: how many there are to train with; --epochs are so many.
        space: that its cells are of.

    Raises:
        InputError: two flags say the same thing.
    """
    from nao_tf.training.image_settings import final_training as preset_of

    for one, other in ((LAYERS, STACK), (STEPS, EPOCHS)):
        if one.value is not None and other.value is not None:
            raise InputError(f"--{one.name} and --{other.name} say the same thing; give one of them")
    chosen = preset_of(PRESET.value, space, task=TASK.value)
    batch_size = BATCH_SIZE.value or chosen.batch_size
    return _changed(
        chosen,
        filters=FILTERS.value,
        layers=LAYERS.value if STACK.value is None else 3 * STACK.value,
        batch_size=batch_size,
        steps=STEPS.value if EPOCHS.value is None else max(1, round(EPOCHS.value * (images // batch_size))),
        learning_rate=LEARNING_RATE.value,
        cutout=CUTOUT.value,
        drop_path=DROP_PATH.value,
        precision=PRECISION.value,
        # what only nao_train has
        **{name: flags.FLAGS[name].value for name in ("weight_decay", "clip_norm") if name in flags.FLAGS},
    )


def final_training():
    """The training of one given architecture, with every value that was given by a flag of its own.

    Raises:
        InputError: a dropout rate that is none.
    """
    from nao_tf.training.language_settings import final_training as preset_of

    chosen = preset_of(PRESET.value, TASK.value)
    dropout = _changed(chosen.dropout, **{name: flag.value for name, flag in DROPOUT.items()})
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


def strategy_of_devices():
    """The `tf.distribute` strategy that --distribution asks for; None for one device."""
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    wanted = DISTRIBUTION.value
    if wanted == "mirrored" or (wanted == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy()
    return None
