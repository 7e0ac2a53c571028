"""Why a text is no regular expression, in words for somebody who writes one now and then."""

from __future__ import annotations


def why_not(error: Exception) -> str:
    """Of an error of Python's `re`, with the place from 1 where it knows one."""
    said, place = str(getattr(error, "msg", error)), (getattr(error, "pos", None) or 0) + 1
    if "unterminated subpattern" in said:
        return f"the ( at place {place} is never closed; write \\( for a bracket itself"
    if "character set" in said:
        return f"the [ at place {place} is never closed; write \\[ for a bracket itself"
    if "unbalanced parenthesis" in said:
        return f"the ) at place {place} was never opened; write \\) for a bracket itself"
    if "nothing to" in said:
        return f"the sign at place {place} has nothing to repeat; write \\ before it for the sign itself"
    if "multiple repeat" in said:
        return f"the sign at place {place} repeats a repetition; write \\ before it for the sign itself"
    if "bad escape (" in said:
        return "it ends with \\; write \\\\ for one of them"
    if "bad escape" in said:
        return f"\\ and the letter at place {place + 1} mean nothing together; write \\\\ for \\ itself"
    if "character range" in said:
        return f"the range at place {place} goes backwards, as z-a; turn it around"
    if "group" in said:
        return f"it names the group {said.rsplit(maxsplit=1)[-1]}, which the expression doesn't have"
    return f"what stands at place {place} can't be read; write \\ before signs that are meant as they are"
