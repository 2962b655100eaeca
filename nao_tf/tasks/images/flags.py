"""The flags that set values of the settings of a study of image classifiers."""

from __future__ import annotations

from collections.abc import Mapping

from nao_tf.tasks.task import LADDER, LIMITS, Short

FLAGS: Mapping[str, Short] = {
    "data_dir": Short("data.directory"),
    "download": Short("data.download"),
    "image_size": Short("data.image_size"),
    "weight_sharing": Short("weight_sharing"),
    "space": Short("space"),
    "sample_by_parameters": Short("by_parameters"),
    **LIMITS,
    "budget": Short("budget"),
    "initial": Short("initial"),
    "proposals": Short("proposals"),
    "finalists": Short("finalists"),
    "final_seeds": Short("final_seeds"),
    "audited": Short("audited"),
    "search_filters": Short("score.filters", description="Channels of the first cells of a search's children."),
    "search_layers": Short("score.layers", description="Normal cells of a search's children."),
    "search_steps": Short(
        "score.steps", description="Training steps of a child of a search, or of a round of the shared one."
    ),
    "rungs": Short("rungs", description=LADDER),
    "filters": Short("final.filters", description="Channels of the first cells of the final models."),
    "layers": Short("final.layers", description="Normal cells of the final models; reductions are added."),
    "stack": Short("final.layers", factor=3, description="N, normal cells between reductions: --layers is 3 N."),
    "batch_size": Short(
        "final.batch_size", also=("score.batch_size",), description="Sequences or images of a training step."
    ),
    "steps": Short("final.steps", description="Training steps of the final models."),
    "epochs": Short("epochs"),
    "learning_rate": Short("final.learning_rate", description="Of the final models."),
    "weight_decay": Short("final.weight_decay"),
    "clip_norm": Short("final.clip_norm"),
    "cutout": Short("final.cutout"),
    "drop_path": Short("final.drop_path"),
    "precision": Short("final.precision"),
    "macro": Short("final.macro"),
    "label_smoothing": Short("final.label_smoothing"),
    "autoaugment": Short("final.autoaugment"),
    "export_weights": Short("export_weights"),
}
