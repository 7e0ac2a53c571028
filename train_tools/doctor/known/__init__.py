"""Errors as programs print them, what they mean and what helps: one rule a kind.

`ending` reads how a log ends, the other modules hold the rules by what they are about, `RULES` all of them in the
order in which they are asked: the more telling first. Standard library alone.
"""

from __future__ import annotations

from train_tools.doctor.known.data import DATA
from train_tools.doctor.known.gpu import DISTRIBUTED, GPU, PRECISION
from train_tools.doctor.known.memory import ENDED, MEMORY
from train_tools.doctor.known.models import MODELS
from train_tools.doctor.known.network import NETWORK
from train_tools.doctor.known.packages import INSTALLING, PACKAGES
from train_tools.doctor.known.parameters import NETWORKS, PARAMETERS
from train_tools.doctor.known.rule import Rule
from train_tools.doctor.known.system import CONSOLE, SYSTEM

# Of the system: what is told by a number is sure, what is told by words alone may be another's.
_SURE = tuple(rule for rule in SYSTEM if not rule.weak)
_WEAK = tuple(rule for rule in SYSTEM if rule.weak)

RULES: tuple[Rule, ...] = (
    *MEMORY, *_SURE, *DISTRIBUTED, *PRECISION, *INSTALLING, *GPU, *NETWORKS, *PACKAGES, *NETWORK, *MODELS, *DATA,
    *PARAMETERS, *_WEAK, *ENDED, *CONSOLE,
)  # fmt: skip
