"""Rows: what is written down while training goes on, and sample images that sd-scripts draws itself."""

from __future__ import annotations

from train_tools.arguments.argument import SAME_RESULT, Argument, depends, flag, path, row

NOT_TRAINED = SAME_RESULT
SAMPLERS = (
    "ddim", "pndm", "lms", "euler", "euler_a", "heun", "dpm_2", "dpm_2_a", "dpmsolver", "dpmsolver++",
    "dpmsingle", "k_lms", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a",
)  # fmt: skip
PROMPTS = depends("sample_prompts", is_fatal=False, because="there is nothing to draw without it")

ROWS: tuple[Argument, ...] = (
    path("logging_dir", "Folder for the curves of loss and learning rate.", "损失与学习率曲线的保存文件夹。",
         chosen_by_us="Train Tools keeps each run's log in its folder", opens="writes"),
    row("log_with", "str", None,
        "Which program the curves are for.", "记录曲线所用的工具。", choices=("tensorboard", "wandb", "all"),
        not_an_axis=NOT_TRAINED),
    row("log_prefix", "str", None, "Start of the log folder's name.", "日志文件夹名的前缀。", importance="expert",
        not_an_axis=NOT_TRAINED, opens="part"),
    row("log_tracker_name", "str", None, "Name of the project that is logged to.", "记录到的项目名。",
        importance="expert", not_an_axis=NOT_TRAINED, opens="part"),
    path("log_tracker_config", "TOML file with settings of the logging program.", importance="expert",
         not_an_axis=NOT_TRAINED, opens="further"),
    flag("log_config", "Log all arguments too; paths and tokens among them.", importance="expert",
         not_an_axis=NOT_TRAINED),
    row("wandb_run_name", "str", None, "Name of the run in wandb.", "wandb 中的运行名称。", importance="expert",
        not_an_axis=NOT_TRAINED, opens="part"),
    row("wandb_api_key", "str", None, "Key for wandb.", importance="expert", is_secret=True,
        not_an_axis=NOT_TRAINED, opens="account"),
    row("console_log_level", "str", None, "How much sd-scripts prints.",
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), importance="expert", not_an_axis=NOT_TRAINED),
    path("console_log_file", "File that sd-scripts' messages go to.", importance="expert",
         not_an_axis=NOT_TRAINED, opens="writes"),
    flag("console_log_simple", "Print messages as plain lines.", importance="expert", not_an_axis=NOT_TRAINED),
    # Samples that sd-scripts draws
    path("sample_prompts",
        "File with prompts for sample images, one a line: a cat --n blurry --w 512 --h 768 --d 1 --l 7 --s 24.",
        "样图提示词文件,每行一条:a cat --n blurry --w 512 --h 768 --d 1 --l 7 --s 24。",
        not_an_axis="preview sheets compare checkpoints", opens="further", same_result=True),
    row("sample_every_n_epochs", "int", None, "Draw samples after every n epochs.", "每 n 轮生成一次样图。", minimum=1,
        not_an_axis=NOT_TRAINED, needs=PROMPTS),
    row("sample_every_n_steps", "int", None, "Draw samples after every n steps.", "每 n 步生成一次样图。", minimum=1,
        not_an_axis=NOT_TRAINED, needs=PROMPTS),
    flag("sample_at_first", "Draw samples before the first step too.", "训练开始前也生成样图。",
         not_an_axis=NOT_TRAINED, needs=PROMPTS),
    row("sample_sampler", "str", "ddim", "Sampler of sample images.", "样图的采样器。", choices=SAMPLERS,
        not_an_axis=NOT_TRAINED),
    row("sample_batch_size", "int", None, "Samples drawn at once; none takes train_batch_size.", minimum=1,
        families=("lumina",), importance="expert", not_an_axis=NOT_TRAINED),
)  # fmt: skip
