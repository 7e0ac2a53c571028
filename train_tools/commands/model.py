"""`model convert|download`: a base model in its other layout; a model from the network."""

from __future__ import annotations

import argparse
from pathlib import Path

from train_tools.commands import model_download
from train_tools.commands.options import add_common
from train_tools.commands.output import Output
from train_tools.small_models import base_model_file

HELP = "Downloads models, and converts a Stable Diffusion 1 base model between its two layouts."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    convert = commands.add_parser("convert", help="to a checkpoint file or a diffusers folder")
    convert.add_argument(
        "destination", type=Path, metavar="DESTINATION", help="NAME.safetensors, else it becomes a folder"
    )
    convert.add_argument(
        "--source",
        type=Path,
        default=base_model_file(),
        help="file or folder (default: the model that ships)",
    )
    add_common(convert)
    from_network = commands.add_parser("download", help="a model by its address or Hugging Face id")
    model_download.add_arguments(from_network)
    add_common(from_network)


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.action == "download":
        return model_download.run(arguments, out)
    from train_tools.base_model.convert import convert

    written = convert(arguments.source, arguments.destination)
    for path in written:
        out.say(f"wrote {path}")
    out.document({"written": [str(path) for path in written]})
    return 0
