"""Rows: which checkpoints and states are kept, where they go, and what their metadata says."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, depends, flag, path, row

PRECISIONS = ("float", "fp16", "bf16")
OURS = "Train Tools keeps each run's files in a folder of its own"
NOT_TRAINED = "it doesn't change what is trained"
EPOCHS = depends(
    "save_every_n_epochs", is_fatal=False, because="no checkpoints are written between without it"
)
STEPS = depends("save_every_n_steps", is_fatal=False, because="no checkpoints are written between without it")
REPOSITORY = depends("huggingface_repo_id", is_fatal=False, because="nothing is uploaded without it")

ROWS: tuple[Argument, ...] = (
    row("save_every_n_epochs", "int", None,
        "A checkpoint after every n epochs; none only at the end.", "每 n 轮保存一次;none 只保存最后一轮。",
        ours=2, reason="the best checkpoint is often not the last", minimum=1, short="save",
        importance="beginner"),
    row("save_every_n_steps", "int", None,
        "A checkpoint after every n steps besides.", "另外每 n 步保存一次。", minimum=1, short="savest"),
    row("save_n_epoch_ratio", "int", None,
        "Save so often that at least this many checkpoints come out.", "按至少得到这么多个检查点的间隔保存。",
        minimum=1, short="saver", importance="expert"),
    row("save_last_n_epochs", "int", None,
        "Keep only the checkpoints of the last n saved epochs.", "只保留最近 n 个按轮保存的检查点。", minimum=1,
        short="keepe", needs=EPOCHS),
    row("save_last_n_steps", "int", None,
        "Keep only checkpoints that are at most n steps old.", "只保留最近 n 步内的检查点。", minimum=1,
        short="keeps", needs=STEPS),
    row("save_precision", "str", None,
        "Number format of the saved LoRA; none keeps float.", "保存 LoRA 的精度;none 为 float。", ours="fp16",
        reason="half the file, with no visible difference", choices=PRECISIONS, short="sp"),
    row("save_model_as", "str", "safetensors",
        "File format of the LoRA.", "LoRA 的文件格式。", choices=("safetensors", "ckpt", "pt"), short="as",
        importance="expert"),
    row("training_comment", "str", None,
        "A note written into the LoRA's metadata.", "写入 LoRA 元数据的备注。", short="note", is_text=True),
    flag("no_metadata",
         "Write no metadata into the LoRA; previews and imports then know nothing of it.",
         "不在 LoRA 中写入元数据;预览与导入将无法得知其设置。", importance="expert", not_an_axis=NOT_TRAINED),
    # To go on after a stop
    flag("save_state",
         "Save with each checkpoint what is needed to go on from it; large.",
         "每个检查点同时保存可继续训练的状态;占用较大。", not_an_axis=NOT_TRAINED),
    flag("save_state_on_train_end",
         "Save at the end what is needed to go on.", "训练结束时保存可继续训练的状态。", not_an_axis=NOT_TRAINED),
    row("save_last_n_epochs_state", "int", None,
        "Keep only the states of the last n saved epochs.", "只保留最近 n 个按轮保存的状态。", minimum=1,
        importance="expert", not_an_axis=NOT_TRAINED, needs=depends("save_state", is_fatal=False,
                                                                   because="no states are written without it")),
    row("save_last_n_steps_state", "int", None,
        "Keep only states that are at most n steps old.", "只保留最近 n 步内的状态。", minimum=1,
        importance="expert", not_an_axis=NOT_TRAINED, needs=depends("save_state", is_fatal=False,
                                                                   because="no states are written without it")),
    path("resume",
         "Folder of a saved state to go on from.", "从此状态文件夹继续训练。", importance="expert"),
    # Places, which Train Tools chooses
    path("output_dir", "Folder for checkpoints.", "检查点的保存文件夹。", chosen_by_us=OURS),
    row("output_name", "str", None, "Name of the checkpoints.", "检查点的名称。", chosen_by_us=OURS),
    path("config_file", "TOML file with the arguments.", "存放参数的 TOML 文件。",
         chosen_by_us="it is written for each run"),
    flag("output_config", "Write the arguments into a file instead of training.", importance="expert",
         chosen_by_us="nothing would be trained"),
    flag("save_t5xxl", "Would save T5-XXL with SD3's LoRA; sd-scripts can't yet.", families=("sd3",),
         importance="expert", not_an_axis=NOT_TRAINED),
    flag("save_clip", "Would save the CLIPs with SD3's LoRA; sd-scripts can't yet.", families=("sd3",),
         importance="expert", not_an_axis=NOT_TRAINED),
    # What the file says of itself
    row("metadata_title", "str", None, "Title in the LoRA's metadata; none is its name.",
        "元数据中的标题;none 为文件名。", is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_author", "str", None, "Author in the LoRA's metadata.", "元数据中的作者。", is_text=True,
        not_an_axis=NOT_TRAINED),
    row("metadata_description", "str", None, "Description in the LoRA's metadata.", "元数据中的说明。", is_text=True,
        not_an_axis=NOT_TRAINED),
    row("metadata_license", "str", None, "Licence in the LoRA's metadata.", "元数据中的许可证。", is_text=True,
        not_an_axis=NOT_TRAINED),
    row("metadata_tags", "str", None, "Tags in the LoRA's metadata, with commas between.",
        "元数据中的标签,以逗号分隔。", is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_trigger_phrase", "str", None, "The words that call up what was learnt, in the metadata.",
        "元数据中的触发词。", is_text=True, not_an_axis=NOT_TRAINED),
    row("metadata_usage_hint", "str", None, "Advice on use, in the metadata.", is_text=True, importance="expert",
        not_an_axis=NOT_TRAINED),
    row("metadata_thumbnail", "str", None, "A picture's address, in the metadata.", importance="expert",
        not_an_axis=NOT_TRAINED),
    row("metadata_merged_from", "str", None, "From which models it was merged, in the metadata.", is_text=True,
        importance="expert", not_an_axis=NOT_TRAINED),
    row("metadata_preprocessor", "str", None, "How images must be prepared for it, in the metadata.", is_text=True,
        importance="expert", not_an_axis=NOT_TRAINED),
    row("metadata_is_negative_embedding", "str", None, "Whether it is a negative embedding, in the metadata.",
        importance="expert", not_an_axis=NOT_TRAINED),
    # Upload
    row("huggingface_repo_id", "str", None, "Repository on Hugging Face that files are uploaded to.",
        "上传到的 Hugging Face 仓库。", importance="expert", not_an_axis=NOT_TRAINED),
    row("huggingface_repo_type", "str", None, "Kind of that repository: model, dataset or space.",
        importance="expert", not_an_axis=NOT_TRAINED, needs=REPOSITORY),
    row("huggingface_repo_visibility", "str", None, "Whether that repository is public or private.",
        importance="expert", not_an_axis=NOT_TRAINED, needs=REPOSITORY),
    row("huggingface_path_in_repo", "str", None, "Folder in that repository.", importance="expert",
        not_an_axis=NOT_TRAINED, needs=REPOSITORY),
    row("huggingface_token", "str", None, "Token for uploads.", importance="expert", is_secret=True,
        not_an_axis=NOT_TRAINED),
    flag("async_upload", "Upload while the training goes on.", importance="expert", not_an_axis=NOT_TRAINED),
    flag("save_state_to_huggingface", "Upload states too.", importance="expert", not_an_axis=NOT_TRAINED,
         needs=REPOSITORY),
    flag("resume_from_huggingface", "Read resume as a place on Hugging Face.", importance="expert",
         not_an_axis=NOT_TRAINED),
)  # fmt: skip
