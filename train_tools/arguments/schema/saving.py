"""Rows: which checkpoints and states are kept, where they go, and what their metadata says."""

from __future__ import annotations

from train_tools.arguments.argument import SAME_RESULT, SECRET, Argument, depends, flag, path, row

PRECISIONS = ("float", "fp16", "bf16")
OURS = "Train Tools keeps each run's files in a folder of its own"
NOT_TRAINED = SAME_RESULT
EPOCHS = depends(
    "save_every_n_epochs", is_fatal=False, because="no checkpoints are written between without it"
)
STEPS = depends("save_every_n_steps", is_fatal=False, because="no checkpoints are written between without it")
REPOSITORY = depends("huggingface_repo_id", is_fatal=False, because="nothing is uploaded without it")

ROWS: tuple[Argument, ...] = (
    row("save_every_n_epochs", "int", None, ours=2, reason="the best checkpoint is often not the last",
        minimum=1, short="save", importance="beginner"),
    row("save_every_n_steps", "int", None, minimum=1, short="savest"),
    row("save_n_epoch_ratio", "int", None, minimum=1, short="saver", importance="expert"),
    row("save_last_n_epochs", "int", None, minimum=1, short="keepe", needs=EPOCHS),
    row("save_last_n_steps", "int", None, minimum=1, short="keeps", needs=STEPS),
    row("save_precision", "str", None, ours="fp16", reason="half the file, with no visible difference",
        choices=PRECISIONS, short="sp"),
    row("save_model_as", "str", "safetensors", choices=("safetensors", "ckpt", "pt"), short="as",
        importance="expert"),
    row("training_comment", "str", None, short="note", is_text=True),
    flag("no_metadata", importance="expert", not_an_axis=NOT_TRAINED),
    # To go on after a stop
    flag("save_state", not_an_axis=NOT_TRAINED),
    flag("save_state_on_train_end", not_an_axis=NOT_TRAINED),
    row("save_last_n_epochs_state", "int", None, minimum=1, importance="expert", not_an_axis=NOT_TRAINED,
        needs=depends("save_state", is_fatal=False, because="no states are written without it")),
    row("save_last_n_steps_state", "int", None, minimum=1, importance="expert", not_an_axis=NOT_TRAINED,
        needs=depends("save_state", is_fatal=False, because="no states are written without it")),
    path("resume", importance="expert", opens="pickle"),
    # Places, which Train Tools chooses
    path("output_dir", chosen_by_us=OURS, opens="writes"),
    row("output_name", "str", None, chosen_by_us=OURS, opens="part"),
    path("config_file", chosen_by_us="it is written for each run", opens="writes"),
    flag("output_config", importance="expert", chosen_by_us="nothing would be trained"),
    flag("save_t5xxl", families=("sd3",), importance="expert", not_an_axis=NOT_TRAINED),
    flag("save_clip", families=("sd3",), importance="expert", not_an_axis=NOT_TRAINED),
    # What the file says of itself
    row("metadata_title", "str", None, is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_author", "str", None, is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_description", "str", None, is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_license", "str", None, is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_tags", "str", None, is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_trigger_phrase", "str", None, is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_usage_hint", "str", None, is_text=True, importance="expert", not_an_axis=NOT_TRAINED),
    row("metadata_thumbnail", "str", None, importance="expert", not_an_axis=NOT_TRAINED, opens="part"),
    row("metadata_merged_from", "str", None, is_text=True, importance="expert", not_an_axis=NOT_TRAINED),
    row("metadata_preprocessor", "str", None, is_text=True, importance="expert", not_an_axis=NOT_TRAINED),
    row("metadata_is_negative_embedding", "str", None, importance="expert", not_an_axis=NOT_TRAINED,
        opens="plain"),
    # Upload
    row("huggingface_repo_id", "str", None, importance="expert", not_an_axis=NOT_TRAINED, opens="account"),
    row("huggingface_repo_type", "str", None, importance="expert", not_an_axis=NOT_TRAINED, needs=REPOSITORY,
        opens="account"),
    row("huggingface_repo_visibility", "str", None, importance="expert", not_an_axis=NOT_TRAINED,
        needs=REPOSITORY, opens="account"),
    row("huggingface_path_in_repo", "str", None, importance="expert", not_an_axis=NOT_TRAINED, needs=REPOSITORY,
        opens="account"),
    row("huggingface_token", "str", None, importance="expert", is_secret=True, not_an_axis=NOT_TRAINED,
        opens="account", chosen_by_us=SECRET.format("hugging_face_token")),
    flag("async_upload", importance="expert", not_an_axis=NOT_TRAINED, opens="account"),
    flag("save_state_to_huggingface", importance="expert", not_an_axis=NOT_TRAINED, needs=REPOSITORY,
        opens="account"),
    flag("resume_from_huggingface", importance="expert", not_an_axis=NOT_TRAINED, opens="account"),
)  # fmt: skip
