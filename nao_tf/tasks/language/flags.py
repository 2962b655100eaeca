"""The flags that set values of the settings of a study of language models."""

from __future__ import annotations

from collections.abc import Mapping

from nao_tf.tasks.task import LADDER, LIMITS, Short

FLAGS: Mapping[str, Short] = {
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
