"""Rows: what is written down while training goes on, and sample images that sd-scripts draws itself."""

from __future__ import annotations

from train_tools.arguments.argument import SAME_RESULT, SECRET, Argument, depends, flag, path, row

NOT_TRAINED = SAME_RESULT
SAMPLERS = (
    "ddim", "pndm", "lms", "euler", "euler_a", "heun", "dpm_2", "dpm_2_a", "dpmsolver", "dpmsolver++",
    "dpmsingle", "k_lms", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a",
)  # fmt: skip
PROMPTS = depends("sample_prompts", is_fatal=False, because="there is nothing to draw without it")

ROWS: tuple[Argument, ...] = (
    path("logging_dir", chosen_by_us="Train Tools keeps each run's log in its folder", opens="writes"),
    row("log_with", "str", None, choices=("tensorboard", "wandb", "all"), not_an_axis=NOT_TRAINED),
    row("log_prefix", "str", None, importance="expert", not_an_axis=NOT_TRAINED, opens="part"),
    row("log_tracker_name", "str", None, importance="expert", not_an_axis=NOT_TRAINED, opens="part"),
    path("log_tracker_config", importance="expert", not_an_axis=NOT_TRAINED, opens="further"),
    flag("log_config", importance="expert", not_an_axis=NOT_TRAINED),
    row("wandb_run_name", "str", None, importance="expert", not_an_axis=NOT_TRAINED, opens="part"),
    row("wandb_api_key", "str", None, importance="expert", is_secret=True, not_an_axis=NOT_TRAINED,
        opens="account", chosen_by_us=SECRET.format("wandb_key")),
    row("console_log_level", "str", None, choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        importance="expert", not_an_axis=NOT_TRAINED),
    path("console_log_file", importance="expert", not_an_axis=NOT_TRAINED, opens="writes"),
    flag("console_log_simple", importance="expert", not_an_axis=NOT_TRAINED),
    # Samples that sd-scripts draws
    path("sample_prompts", not_an_axis="preview sheets compare checkpoints", opens="further", same_result=True),
    row("sample_every_n_epochs", "int", None, minimum=1, not_an_axis=NOT_TRAINED, needs=PROMPTS),
    row("sample_every_n_steps", "int", None, minimum=1, not_an_axis=NOT_TRAINED, needs=PROMPTS),
    flag("sample_at_first", not_an_axis=NOT_TRAINED, needs=PROMPTS),
    row("sample_sampler", "str", "ddim", choices=SAMPLERS, not_an_axis=NOT_TRAINED),
    row("sample_batch_size", "int", None, minimum=1, families=("lumina",), importance="expert",
        not_an_axis=NOT_TRAINED),
)  # fmt: skip
