"""While the page server runs, a worker that was killed is started again, though no browser looks at the queue; and
messages that a worker left are sent.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.execution.lane import wake
from train_tools.execution.queue import Queue
from train_tools.messages.outbox import Outbox

LOG = logging.getLogger("train_tools.ui")
EVERY_S = 30.0


def keep_workers(root: Path, every_s: float = EVERY_S) -> None:
    """In a thread that ends with the process."""
    messages = Outbox(root, LOG.warning)
    threading.Thread(target=_keep, args=(Queue(root), messages, every_s), daemon=True, name="keeper").start()


def _keep(queue: Queue, messages: Outbox, every_s: float) -> None:
    while True:
        time.sleep(every_s)
        try:
            messages.work()
            rows, _ = queue.overview()
            for lane in dict.fromkeys(row.lane for row in rows if not row.done):
                if wake(queue, lane):
                    LOG.info("the worker of the lane %s was started again", lane)
        except (TrainToolsError, OSError) as error:
            LOG.warning("the queue can't be looked at: %s", error)
