"""`doctor`: looks at this installation and explains the run that failed last; runs with any Python."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from train_tools.commands.options import add_common
from train_tools.commands.output import Output
from train_tools.doctor import bundle
from train_tools.doctor.explain import Remedy, explain, last_failed, read_record
from train_tools.doctor.finding import FAIL, Finding
from train_tools.doctor.service import examine
from train_tools.errors import UsageError

HELP = "Checks machine and installation, explains the last failure, and packs a report for who helps."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", type=Path, metavar="FOLDER", help="explain this run (default: the last that failed)"
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE", help="write a zip of settings, versions and logs"
    )
    parser.add_argument(
        "--port", type=int, action="append", default=[], help="also whether this port is free"
    )
    parser.add_argument(
        "--language", choices=("en", "zh"), default="en", help="of what is said about the run"
    )
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.run is not None and not arguments.run.is_dir():
        raise UsageError(f"{arguments.run} is no folder of a run; `runs PROJECT VERSION --json` tells them")
    if any(not 0 < port < 65536 for port in arguments.port):
        raise UsageError("--port takes 1 to 65535")
    findings = []
    for finding in examine(arguments.root, os.environ, tuple(arguments.port)):
        findings.append(finding)
        say(finding, out)
    folder = arguments.run or last_failed(arguments.root)
    remedies = explain(folder) if folder else []
    if folder:
        say_run(folder, remedies, arguments.language, out)
    if arguments.bundle:
        names = bundle.write(arguments.bundle, arguments.root, os.environ, findings, arguments.run)
        told = "without secrets and pictures; look into it before you send it"
        out.say(f"\n{arguments.bundle} holds {len(names)} texts, {told}")
    out.document(
        {
            "findings": [asdict(finding) for finding in findings],
            "run": {"folder": str(folder), "remedies": [asdict(r) for r in remedies]} if folder else None,
            "bundle": str(arguments.bundle) if arguments.bundle else None,
        }
    )
    return 1 if any(finding.state == FAIL for finding in findings) else 0


def say(finding: Finding, out: Output) -> None:
    out.say(f"{finding.state:<5} {finding.id}: {finding.text}")
    if finding.fix:
        out.say(f"      -> {finding.fix}")


def say_run(folder: Path, remedies: list[Remedy], language: str, out: Output) -> None:
    out.say(
        f"\n{folder}: {read_record(folder).get('error') or read_record(folder).get('state', 'no record')}"
    )
    for remedy in remedies:
        is_zh = language == "zh"
        out.say(f"  {remedy.id}: {remedy.means_zh if is_zh else remedy.means}")
        out.say(f"  -> {remedy.do_zh if is_zh else remedy.do}")
        for command in remedy.commands:
            out.say(f"     python -m train_tools {command}")
        out.say(f"     ({remedy.line})")
    if not remedies:
        out.say(
            "  nothing in its log is known to the doctor; `doctor --bundle FILE` packs it for someone who helps"
        )
