"""Train Tools: from a folder of pictures to the LoRA checkpoint worth keeping."""

__version__ = "0.1.0"
