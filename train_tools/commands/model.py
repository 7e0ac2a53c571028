"""`model convert|download|narrow`: a base model in its other layout, one from the network, a tiny random one."""

from __future__ import annotations

import argparse
from pathlib import Path

from train_tools.commands import model_download
from train_tools.commands.options import add_common
from train_tools.commands.output import Output
from train_tools.small_models import base_model_file

HELP = "Downloads models, converts a base model between its two layouts, makes tiny ones."


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
    narrow = commands.add_parser(
        "narrow", help="a tiny base model of random weights, to try a plan or a test with"
    )
    narrow.add_argument("family", metavar="FAMILY", help="sd1, sd2 or sdxl")
    narrow.add_argument("file", type=Path, metavar="FILE", help="NAME.safetensors")
    narrow.add_argument("--v-prediction", action="store_true", help="one that predicts velocity, and says so")
    narrow.add_argument("--zero-snr", action="store_true", help="one with zero terminal SNR, and says so")
    narrow.add_argument("--seed", type=int, default=0, help="of its weights (default: 0)")
    add_common(narrow)
    from_network = commands.add_parser("download", help="a model by its address or Hugging Face id")
    model_download.add_arguments(from_network)
    add_common(from_network)


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.action == "download":
        return model_download.run(arguments, out)
    if arguments.action == "narrow":
        written = _make_narrow(arguments)
    else:
        from train_tools.base_model.convert import convert

        written = convert(arguments.source, arguments.destination)
    for path in written:
        out.say(f"wrote {path}")
    out.document({"written": [str(path) for path in written]})
    return 0


def _make_narrow(arguments: argparse.Namespace) -> list[Path]:
    from train_tools.base_model.narrow import make

    return make(arguments.family, arguments.file, arguments.v_prediction, arguments.zero_snr, arguments.seed)
