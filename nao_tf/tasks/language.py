"""Language models: recurrent cells for the Penn Treebank, WikiText-2 and anyone's own text.

Importing this loads no TensorFlow; making an evaluator or a final model does.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from nao_tf.architecture import NUMBERINGS, Architecture, RecurrentSpace
from nao_tf.child.language.size import size_of_language_model
from nao_tf.controller.settings import PRESETS as CONTROLLERS
from nao_tf.data.streams import streams, window_count
from nao_tf.data.text import Corpus, load_corpus
from nao_tf.errors import InputError
from nao_tf.observer import Epoch, Observer
from nao_tf.search.evaluator import Evaluator, FromScratch, SharedWeights
from nao_tf.search.executors import Executor
from nao_tf.search.rungs import check_ladder
from nao_tf.search.settings import SIZES, StudySettings
from nao_tf.search.strategies.nao import PUBLISHED_ASCENT, AscentSettings
from nao_tf.tasks.sizes import limited
from nao_tf.tasks.task import (
    EXPORT_WEIGHTS,
    LADDER,
    LIMITS,
    DataFiles,
    FinalModel,
    Latency,
    Metric,
    Rival,
    Short,
    Task,
    chosen,
    with_ladder,
)
from nao_tf.training import lengths
from nao_tf.training.language_settings import (
    FINALIST_TRAININGS,
    SCRATCH_TRAININGS,
    SHARED_TRAININGS,
    LanguageTraining,
    final_training,
)

OWN_TEXT = "text"
LSTM = "lstm"
CURVE = "validation_perplexity_by_epoch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnText(DataFiles):
    """Where a user's own text comes from.

    Attributes:
        vocabulary_size: most frequent words that are kept; none: all.
        minimum_count: rarer words become <unk>.
    """

    vocabulary_size: int | None = None
    minimum_count: int = 1

    def __post_init__(self):
        if self.vocabulary_size is not None and self.vocabulary_size < 3:
            raise ValueError(f"vocabulary of {self.vocabulary_size} words; at least 3")
        if self.minimum_count < 1:
            raise ValueError(f"minimum count of {self.minimum_count}; at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageSettings(StudySettings):
    """The settings of a study of language models.

    Attributes:
        data: the corpus.
        weight_sharing: whether one shared child scores the pool, or each architecture is trained from scratch.
        score: the training that scores: of a child, or of a round of the shared child.
        rungs: training steps of the rungs of a ladder, the fewest first; the last are those of `score`. None: every
            child is trained for as many steps, those of `score`.
        final: the training of final models.
        export_weights: how an exported model's weights are stored: float32, float16 or int8; it computes in float32.
        activation_numbering: what activations 2 and 3 of given integers mean: nao_ws or nao.
    """

    data: DataFiles = DataFiles()
    weight_sharing: bool
    score: LanguageTraining
    rungs: tuple[int, ...] = ()
    final: LanguageTraining
    export_weights: str = EXPORT_WEIGHTS[0]
    activation_numbering: str = "nao_ws"

    def __post_init__(self):
        super().__post_init__()
        check_ladder(self.rungs, shared=self.weight_sharing)
        for name, known in (("export_weights", EXPORT_WEIGHTS), ("activation_numbering", NUMBERINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{getattr(self, name)!r} is not one of {', '.join(known)}")


# The authors' search with weight sharing (their NAO-WS); scores from scratch as their final models are trained.
_PUBLISHED = LanguageSettings(
    budget=2400,  # 1000 + 4 rounds
    initial=1000,
    proposals=350,
    finalists=10,
    controller=CONTROLLERS["paper"],
    ascent=dataclasses.replace(
        PUBLISHED_ASCENT,
        random_share=1 / 7,  # up to 300 of the controller, 50 random
        step_sizes=tuple(range(1, 31)),
    ),
    weight_sharing=True,
    score=SHARED_TRAININGS["paper"],
    final=FINALIST_TRAININGS["paper"],
)
_CPU = LanguageSettings(
    budget=100,
    initial=40,
    proposals=10,
    finalists=2,
    ascent=AscentSettings(ascents=1, exploration=0.0),  # with which the figures in docs/results were measured
    weight_sharing=False,
    score=SCRATCH_TRAININGS["cpu"],
    final=FINALIST_TRAININGS["cpu"],
)
PRESETS: Mapping[str, Mapping[bool, LanguageSettings]] = {  # by name, then by weight sharing
    "cpu": {False: _CPU, True: dataclasses.replace(_CPU, weight_sharing=True, score=SHARED_TRAININGS["cpu"])},
    "paper": {
        True: _PUBLISHED,
        False: dataclasses.replace(_PUBLISHED, weight_sharing=False, score=SCRATCH_TRAININGS["paper"]),
    },
}


class LanguageTask(Task):
    """A corpus, and recurrent cells that learn it.

    Scores are perplexities on the validation text, nothing dropped, the state carried over.

    Args:
        name: of the task.
        settings: of the study.
        corpus: is learned.
    """

    names = ("ptb", "wikitext2", OWN_TEXT)
    axes = ("weight_sharing",)
    short: ClassVar[Mapping[str, Short]] = {
        "data_dir": Short("data.directory"),
        "download": Short("data.download"),
        "vocabulary_size": Short("data.vocabulary_size"),
        "minimum_count": Short("data.minimum_count"),
        "weight_sharing": Short("weight_sharing"),
        **LIMITS,
        "budget": Short("budget"),
        "initial": Short("initial"),
        "proposals": Short("proposals"),
        "finalists": Short("finalists"),
        "final_seeds": Short("final_seeds"),
        "audited": Short("audited"),
        "search_units": Short("score.units", description="Width of the children of a search."),
        "search_steps": Short(
            "score.steps", description="Training steps of a child of a search, or of a round of the shared one."
        ),
        "rungs": Short("rungs", description=LADDER),
        "units": Short("final.units", description="Width of the final models."),
        "batch_size": Short("final.batch_size", description="Sequences or images of a training step."),
        "steps": Short("final.steps", description="Training steps of the final models."),
        "learning_rate": Short("final.learning_rate", description="Of the final models."),
        "window": Short("final.window"),
        "weight_decay": Short("final.weight_decay"),
        "clip_norm": Short("final.clip_norm"),
        "activation_penalty": Short("final.activation_penalty"),
        "temporal_penalty": Short("final.temporal_penalty"),
        "dropout_output": Short("final.dropout.output"),
        "dropout_hidden": Short("final.dropout.hidden"),
        "dropout_input": Short("final.dropout.input"),
        "dropout_embedding": Short("final.dropout.embedding"),
        "dropout_words": Short("final.dropout.words"),
        "export_weights": Short("export_weights"),
        "activation_numbering": Short("activation_numbering"),
    }
    default_baselines = (LSTM,)
    trains = ("data", "final", "final_seeds", "export_weights", "activation_numbering")
    same = (("search_steps", "rungs"),)
    rival = LSTM
    sizes, varying_sizes = SIZES, ("latency_ms",)
    measures_latency = True
    noun = "cell"
    metric = Metric("validation_perplexity", higher_is_better=False, form="{:.2f}")
    test_metric = Metric("perplexity", higher_is_better=False, form="{:.2f}")

    def __init__(self, name: str, settings: LanguageSettings, *, corpus: Corpus):
        settings = with_ladder(settings)  # a length that is given
        score, final = (
            training.fitted(window_count(streams(corpus.train, training.batch_size), training.window))
            for training in (settings.score, settings.final)
        )
        self._chosen = {"score": score is not settings.score, "final": final is not settings.final}
        super().__init__(dataclasses.replace(settings, score=score, final=final))
        self.name, self.corpus = name, corpus
        self._trainers: dict[object, Any] = {}
        self.limits_of(None)

    def __getstate__(self) -> dict[str, Any]:
        # another process compiles its own programs; it proposes nothing, so it needs no limits
        return {**self.__dict__, "space": RecurrentSpace(), "_trainers": {}}

    # ---- how large its networks are

    def sizes_of(self, architecture: Architecture) -> dict[str, float]:
        """See `Task`; equal for all cells."""
        parameters, multiply_adds = size_of_language_model(self.settings.final.units, len(self.corpus.vocabulary))
        return {"parameters": parameters, "flops": multiply_adds}

    @property
    def copies_of_weights(self) -> int | None:
        """See `Task`; weights and what the optimizer keeps; where epochs are validated, the best and averaged ones."""
        final = self.settings.final
        kept = {"adam": 3}.get(final.optimizer, 1)
        return kept if final.patience is None else 2 * kept + 1

    def limits_of(self, latency: Latency | None) -> None:
        """See `Task`. Raises InputError where a limit of what is equal for all cells leaves none."""
        space, bounds, units = RecurrentSpace(), self.settings.bounds, self.settings.final.units
        of = f"{units} units and {len(self.corpus.vocabulary):,} words"
        sizes = self.sizes_of(space.architecture(next(iter(space.published.values()))))
        for name, size in sizes.items():
            bound = bounds.pop(f"max_{name}", None)
            if bound is not None and size > bound:
                raise InputError(
                    f"no cell keeps --max_{name}={bound:,}: with {of} every one has {size:,} {name}; "
                    "give fewer --units, or more"
                )
        self.space = limited(space, bounds, task=self, latency=latency, of=of)

    def serve_untrained(self, architecture: Architecture, directory: pathlib.Path) -> Mapping[str, Any]:
        """See `Task`; a text as long as a window of the training."""
        from nao_tf.serving.export_language import export_language_model
        from nao_tf.training.language_networks import build_model, searched_cell

        final, words = self.settings.final, len(self.corpus.vocabulary)
        model = build_model(final, words, cell=searched_cell(final), values=architecture.values)
        export_language_model(model, self.corpus.vocabulary, directory=directory, weights=self.settings.export_weights)
        return {"tokens": np.random.default_rng(0).integers(0, words, [1, final.window]).astype(np.int32)}

    def latency_features(self, architecture: Architecture) -> tuple[float, ...]:
        """See `Task`; nodes with an activation that takes an exponential, and with another one that computes."""
        activations = [position.words[value] for position, value in zip(
            RecurrentSpace().positions[1::2], architecture.values[1::2], strict=True)]  # fmt: skip
        exponential = sum(activation in ("tanh", "sigmoid") for activation in activations)
        return exponential, activations.count("relu")

    # ---- for the programs

    @classmethod
    def presets(
        cls, name: str, preset: str, *, training: bool = False, architecture: str | None = None, **axes: Any
    ) -> LanguageSettings:
        """See `Task`."""
        settings = chosen(PRESETS, preset, variant=axes.get("weight_sharing"))
        data = OwnText() if name == OWN_TEXT else DataFiles()
        score, final = settings.score, final_training(preset, name) if training else settings.final
        if name == OWN_TEXT and preset in lengths.FITTED:
            length = "text_round" if settings.weight_sharing else "text_child"
            score = dataclasses.replace(score, steps=0, length=length)
            final = dataclasses.replace(
                final, steps=0, length="text_final" if training else "text_finalist", epochwise=True
            )
        return dataclasses.replace(settings, data=data, score=score, final=final)

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> LanguageTask:
        """See `Task`."""
        assert isinstance(settings, LanguageSettings)
        data = settings.data
        own = data if isinstance(data, OwnText) else OwnText()
        corpus = load_corpus(
            name,
            data.directory,
            download=data.download,
            vocabulary_size=own.vocabulary_size,
            minimum_count=own.minimum_count,
        )
        for part in (settings.final,) if training else (settings.score, settings.final):
            window_count(streams(corpus.train, part.batch_size), part.window)  # refused before anything is written
        return cls(name, settings, corpus=corpus)

    def with_settings(self, settings: LanguageSettings) -> LanguageTask:
        """See `Task`."""
        return type(self)(self.name, settings, corpus=self.corpus)

    def parse(self, text: str) -> Architecture:
        """See `Task`; integers are read in the numbering of the settings."""
        return RecurrentSpace().convert(RecurrentSpace(self.settings.activation_numbering).parse(text))

    # ---- the data

    def dataset(self) -> dict[str, Any]:
        """See `Task`."""
        return {"dataset": self.corpus.name, "source": self.corpus.source}

    def fingerprint(self) -> str:
        """See `Task`."""
        return self.corpus.fingerprint()

    def data_lines(self) -> list[str]:
        """See `Task`."""
        corpus = self.corpus
        notice = f"NOTICE: no {self.name} data was given; running on the embedded sample {corpus.name}"
        line = f"corpus {corpus.name} ({corpus.source}): {len(corpus.vocabulary):,} words"
        notes = [f"NOTICE: {note}" for note in corpus.notes]
        return [*notes, line] if corpus.name == self.name else [notice, *notes, line]

    def length_line(self, *, training: bool = False) -> str | None:
        """See `Task`."""
        tokens = self.corpus.train
        return lengths.line_of_study(
            self.settings,
            self._chosen,
            per_epoch=lambda part: window_count(streams(tokens, part.batch_size), part.window),
            size=f"{len(tokens):,} tokens",
            training=training,
        )

    def description(self, architecture: Architecture | None = None) -> dict[str, Any]:
        """See `Task`; every cell has as many parameters."""
        from nao_tf.training.language_networks import build_model, searched_cell

        corpus, final = self.corpus, self.settings.final
        model = build_model(final, len(corpus.vocabulary), cell=searched_cell(final))
        return {
            **self.dataset(),
            "tokens": {part: len(getattr(corpus, part)) for part in ("train", "valid", "test")},
            "vocabulary": len(corpus.vocabulary),
            "parameters": model.count_params(),
        }

    def score_identity(self) -> dict[str, Any]:
        """See `Task`."""
        settings = self.settings
        identity = {"weight_sharing": settings.weight_sharing, "score": settings.score.identity()}
        if settings.max_latency_ms is not None:
            identity |= {"max_latency_ms": settings.max_latency_ms, "of": {"units": settings.final.units}}
        return {**identity, "rungs": list(settings.rungs)} if settings.rungs else identity

    def final_identity(self) -> Any:
        """See `Task`."""
        return self.settings.final.identity()

    def figures_text(self, figures: Mapping[str, Any]) -> str:
        """See `Task`."""
        return (
            f"validation perplexity {figures['validation_perplexity']:8.2f}  test perplexity "
            f"{figures['perplexity']:8.2f}  parameters {figures['parameters']:,}"
        )

    def useless(self, figures: Mapping[str, Any]) -> str | None:
        """See `Task`; guessing every word alike has as large a perplexity as there are words."""
        words = len(self.corpus.vocabulary)
        for part, name in (("validation", "validation_perplexity"), ("test", "perplexity")):
            perplexity = figures.get(name, 0)
            if not perplexity <= words:  # nor is one that is not a number
                return (
                    f"{part} perplexity {perplexity:,.0f} is above the {words:,} words of the vocabulary: "
                    "it has learnt nothing"
                )
        return None

    def curves(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
        """See `Task`; of trainings whose epochs are validated."""
        return {name: row[CURVE] for name, row in rows.items() if CURVE in row}

    # ---- networks

    @property
    def independent_scores(self) -> bool:
        """See `Task`; not with shared weights."""
        return not self.settings.weight_sharing

    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """See `Task`."""
        from nao_tf.training.language_children import LanguageChild, SharedLanguageChild
        from nao_tf.training.reproducible import reproducibly

        settings, corpus = self.settings, self.corpus
        texts = {"train": corpus.train, "valid": corpus.valid}
        if settings.weight_sharing:
            shared = functools.partial(
                SharedLanguageChild, settings.score, **texts, vocabulary_size=len(corpus.vocabulary)
            )
            return SharedWeights(shared, seed=seed, directory=directory)
        child = functools.partial(
            reproducibly, LanguageChild, seed, settings.score, **texts, vocabulary_size=len(corpus.vocabulary)
        )
        return FromScratch(child, seed=seed, executor=executor, directory=directory, steps=settings.rungs)

    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """See `Task`; the LSTM is trained on one device."""
        from nao_tf.training.language import LanguageTrainer
        from nao_tf.training.language_networks import KerasLstm

        settings, corpus = self.settings.final, self.corpus
        if isinstance(network, Rival):
            settings = dataclasses.replace(settings, units=network.size["units"])
            trained: Any = KerasLstm(network.size["units"])
        else:
            trained = network
        # one trainer for all cells, however long they train: unless epochs are validated, its program serves them all
        key = settings, type(trained), devices
        if key not in self._trainers:
            self._trainers[key] = LanguageTrainer(
                settings,
                train=corpus.train,
                valid=corpus.valid,
                vocabulary_size=len(corpus.vocabulary),
                network=trained,
                devices=None if isinstance(network, Rival) else devices,
            )
        return FinalLanguageModel(
            self._trainers[key],
            trained,
            corpus=corpus,
            seed=seed,
            steps=settings.steps if steps is None else steps,
            weights=self.settings.export_weights,
        )

    def rival_of(self, model: FinalModel) -> Rival:
        """A one-layer Keras LSTM with about as many parameters."""
        from nao_tf.training.language_networks import KerasLstm

        assert model.parameters is not None
        return Rival(LSTM, {"units": KerasLstm.of_size(model.parameters, len(self.corpus.vocabulary)).units})


class FinalLanguageModel(FinalModel):
    """A language model that is trained to the end.

    Args:
        trainer: a `training.language.LanguageTrainer`, which other models of the task may share: the model that was
            trained last has its weights.
        network: an architecture, or the hand-made network.
        corpus: is learned.
        seed: of the weights and of everything random.
        steps: of the training.
        weights: how an export stores them.
    """

    def __init__(self, trainer: Any, network: Any, *, corpus: Corpus, seed: int, steps: int, weights: str):
        self._trainer, self._network, self._corpus, self._seed, self._weights = trainer, network, corpus, seed, weights
        self.parameters, self.steps = trainer.parameters, steps
        self.ends_early = trainer.settings.patience is not None

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        """See `FinalModel`."""
        trainer = self._trainer
        trainer.change_network(self._network)
        trainer.change_steps(self.steps)
        trainer.weights_of = self  # not of a model that was trained with it before
        trainer.train(
            self._seed,
            checkpoint=checkpoint,
            report=lambda step, loss: observer.training(label, step, loss=loss, steps=self.steps),
            on_epoch=lambda epoch: observer.epoch(label, _shown(epoch)),
        )

    def validate(self) -> float:
        """Validation perplexity, as in a search."""
        return self._trained().validate()

    def measure(self) -> dict[str, Any]:
        """Validation and test perplexity, exact: one sequence, every token once, the state carried over.

        Where epochs are validated, also the curve, as training saw it: validation perplexity after each; the training
        steps that were made, and those that led to the weights.
        """
        from nao_tf.training.text_likelihood import perplexity

        trainer, corpus = self._trained(), self._corpus
        figures: dict[str, Any] = {
            "validation_perplexity": trainer.measure(corpus.valid),
            "perplexity": trainer.measure(corpus.test),
        }
        if trainer.history:
            figures[CURVE] = [perplexity(loss) for loss in trainer.history]
            figures["trained_steps"], figures["best_step"] = trainer.trained
        return {**figures, "parameters": self.parameters}

    def seconds_per_step(self) -> float:
        """See `FinalModel`."""
        self._trainer.change_network(self._network)
        self._trainer.weights_of = None
        return self._trainer.seconds_per_step()

    def export(self, directory: pathlib.Path) -> None:
        """Writes the model with its vocabulary."""
        from nao_tf.serving.export_language import export_language_model

        export_language_model(
            self._trained().model, self._corpus.vocabulary, directory=directory, weights=self._weights
        )

    def export_keras(self, directory: pathlib.Path) -> str | None:
        """See `FinalModel`; with the words of the vocabulary."""
        from nao_tf.serving.export_keras import export_keras_language_model

        reason = export_keras_language_model(self._trained().model, self._corpus.vocabulary.words, directory=directory)
        return None if reason is None else f"no found_cell.py: {reason}"

    def _trained(self):
        """The trainer, with this model's weights. Raises RuntimeError where it has others."""
        if self._trainer.weights_of is not self:
            raise RuntimeError("another model was trained with this program since; train this one from its checkpoint")
        return self._trainer


def _shown(epoch) -> Epoch:
    """An epoch as observers get it: perplexities instead of nats a token."""
    from nao_tf.training.text_likelihood import perplexity

    return Epoch(
        number=epoch.epoch,
        step=epoch.step,
        metric="validation_perplexity",
        value=None if epoch.validation is None else perplexity(epoch.validation),
        best=perplexity(epoch.best),
        averaged=epoch.averaging,
        ending=epoch.ending,
    )
