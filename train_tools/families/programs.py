"""Programs whose names for a family stand in `Words.programs`."""

from __future__ import annotations

AI_TOOLKIT, ANIMA_STUDIO, ONETRAINER, SD_TRAINER = "ai-toolkit", "AnimaLoraStudio", "OneTrainer", "SD-Trainer"
EASY_TRAINING, KOHYA_SS = "LoRA_Easy_Training_Scripts", "kohya_ss"
CIVITAI = "Civitai"  # says the size alone
KOHYA_SS_FIELDS = "kohya_ss' fields"  # what those of one family begin with
