"""What the page gets of a board: shared tables and columns, a few bytes for each picture.

Cells are numbers. `keys` is one text with the first `key_length` characters of each cell's key, from which a
thumbnail's address is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.compare.board import Board, value_text
from train_tools.compare.marks import CELL, CHECKPOINT, Mark
from train_tools.compare.table import Table


def board_document(board: Board, marks: Mapping[tuple[str, str], Mark]) -> dict[str, Any]:
    """Axes, runs, checkpoints and cells. Marks of cells stand by their number."""
    run_number = {run.name: number for number, run in enumerate(board.runs)}
    checkpoints = board.checkpoints
    length = board.key_length
    marked = [marks.get((CHECKPOINT, c.id)) for c in checkpoints]
    return {
        "schema": 1,
        "axes": [
            {"name": a.name, "kind": a.kind, "texts": [value_text(value) for value in a.values]}
            for a in board.axes
        ],
        "common": {name: value_text(value) for name, value in board.common.items()},
        "runs": [run.name for run in board.runs],
        "prompts": board.prompts,
        "run_labels": [board.run_labels[run.name] for run in board.runs],
        "checkpoints": {
            "id": [c.id for c in checkpoints],
            "run": [run_number[c.run] for c in checkpoints],
            "file": [c.file for c in checkpoints],
            "epoch": [c.epoch for c in checkpoints],
            "step": [c.step for c in checkpoints],
            "bytes": [c.bytes for c in checkpoints],
            "mark": [mark.mark if mark else "" for mark in marked],
            "note": {n: mark.note for n, mark in enumerate(marked) if mark and mark.note},
            "fault": {n: c.fault for n, c in enumerate(checkpoints) if c.fault},
        },
        "cells": {
            "key_length": length,
            "keys": "".join(cell.key[:length].ljust(length) for cell in board.cells),
            "owner": list(board.owner),
            "mark": {
                n: {"mark": mark.mark, "note": mark.note}
                for n, cell in enumerate(board.cells)
                if (mark := marks.get((CELL, cell.key)))
            },
            "bare": [n for n, cell in enumerate(board.cells) if not (cell.weight_unet or cell.weight_te)],
            "error": {n: cell.error for n, cell in enumerate(board.cells) if cell.error},
        },
    }


def table_document(table: Table) -> dict[str, Any]:
    """`grid` row by row, a cell's number or -1."""
    return {
        "rows": table.rows,
        "columns": table.columns,
        "row_keys": table.row_keys,
        "column_keys": table.column_keys,
        "grid": list(table.grid),
        "shown": table.shown,
        "hidden": table.hidden,
    }
