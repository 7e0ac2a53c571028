"""Rows: how long is trained, how much at once, and how the weights are changed."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, depends, flag, row

OPTIMIZERS = (
    "AdamW", "Lion", "AdamW8bit", "PagedAdamW", "PagedAdamW8bit", "PagedAdamW32bit", "Lion8bit",
    "PagedLion8bit", "SGDNesterov", "SGDNesterov8bit", "DAdaptation", "DAdaptAdamPreprint", "DAdaptAdaGrad",
    "DAdaptAdam", "DAdaptAdan", "DAdaptAdanIP", "DAdaptLion", "DAdaptSGD", "Prodigy", "Adafactor",
    "RAdamScheduleFree", "AdamWScheduleFree", "SGDScheduleFree",
    # Any name in torch.optim does; these work without a closure or sparse gradients.
    "Adadelta", "Adagrad", "Adam", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
)  # fmt: skip
SCHEDULERS = (
    "constant", "constant_with_warmup", "cosine", "cosine_with_restarts", "linear", "polynomial",
    "inverse_sqrt", "cosine_with_min_lr", "warmup_stable_decay", "piecewise_constant", "adafactor",
)  # fmt: skip

ROWS: tuple[Argument, ...] = (
    # How long, how much at once
    row("train_batch_size", "int", 1, minimum=1, maximum=100_000, short="bs", importance="beginner"),
    row("max_train_epochs", "int", None, ours=10,
        reason="epochs give comparable checkpoints; sd-scripts trains 1600 steps whatever the dataset",
        minimum=1, maximum=100_000, short="ep", importance="beginner"),
    row("max_train_steps", "int", 1600, minimum=1, maximum=100_000_000, short="st", importance="expert"),
    row("gradient_accumulation_steps", "int", 1, minimum=1, short="ga"),
    row("seed", "int", None, ours=42, reason="a run must be repeatable and comparable with its siblings",
        minimum=0, maximum=2**32 - 1),
    row("initial_epoch", "int", None, minimum=1, importance="expert"),
    row("initial_step", "int", None, minimum=0, importance="expert"),
    flag("skip_until_initial_step", importance="expert"),
    # Learning
    row("learning_rate", "float", 2e-6, ours=1e-4,
        reason="sd-scripts' value is for whole models; a LoRA learns next to nothing at it", minimum=0,
        short="lr", importance="beginner"),
    row("unet_lr", "float", None, minimum=0, short="ulr"),
    row("text_encoder_lr", "float", None, minimum=0, short="tlr", is_several=True),
    row("optimizer_type", "str", "", ours="AdamW",
        reason="what an empty value means to sd-scripts, said by name", choices=OPTIMIZERS, is_open=True,
        short="op", importance="beginner", opens="code"),
    row("optimizer_args", "list", None, short="oa", importance="expert", opens="plain"),
    flag("use_8bit_adam", importance="expert", instead=("optimizer_type", "AdamW8bit")),
    flag("use_lion_optimizer", importance="expert", instead=("optimizer_type", "Lion")),
    row("lr_scheduler", "str", "constant", ours="cosine",
        reason="ends calmly, which forgives a rate that is a bit too high", choices=SCHEDULERS, short="sch",
        needs=depends("lr_scheduler_min_lr_ratio", when=("cosine_with_min_lr",),
            because="without it sd-scripts doesn't know how low the rate goes")
        + depends("optimizer_type", "Adafactor", when=("adafactor",), because="it is Adafactor's own schedule")
        + depends("lr_scheduler_args", when=("piecewise_constant",),
            because="its steps are said there, as step_rules=...")),
    row("lr_warmup_steps", "int_or_ratio", 0, minimum=0, short="wu",
        excludes=depends("lr_scheduler", "constant", because="it knows no warm-up; take constant_with_warmup")),
    row("lr_decay_steps", "int_or_ratio", 0, minimum=0, short="decay", importance="expert",
        needs=depends("lr_scheduler", "warmup_stable_decay", is_fatal=False,
            because="the other schedules don't read it")),
    row("lr_scheduler_num_cycles", "int", 1, minimum=1, short="cyc"),
    row("lr_scheduler_power", "float", 1, short="pow", importance="expert"),
    row("lr_scheduler_timescale", "int", None, minimum=1, importance="expert"),
    row("lr_scheduler_min_lr_ratio", "float", None, minimum=0, maximum=1, short="minlr", importance="expert"),
    row("lr_scheduler_type", "str", "", short="scht", importance="expert",
        excludes=depends("lr_warmup_steps", because="such a scheduler knows no warm-up"), opens="code"),
    row("lr_scheduler_args", "list", None, short="scha", importance="expert", opens="plain"),
    row("max_grad_norm", "float", 1.0, minimum=0, short="mgn"),
    # Rates of Anima's parts
    row("self_attn_lr", "float", None, families=("anima",), minimum=0, importance="expert"),
    row("cross_attn_lr", "float", None, families=("anima",), minimum=0, importance="expert"),
    row("mlp_lr", "float", None, families=("anima",), minimum=0, importance="expert"),
    row("mod_lr", "float", None, families=("anima",), minimum=0, importance="expert"),
    row("llm_adapter_lr", "float", None, families=("anima",), minimum=0, importance="expert"),
)  # fmt: skip
