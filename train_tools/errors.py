"""Errors that a user can cause. Their text is one sentence that says what to do."""

from __future__ import annotations


class TrainToolsError(Exception):
    """Something went wrong that the user should read; the command ends with `exit_code`."""

    exit_code = 1


class UsageError(TrainToolsError):
    """What was asked for can't be done as asked: a wrong name, value, path or combination."""

    exit_code = 2
