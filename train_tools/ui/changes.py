"""Which documents of a list have changed since a browser asked last, so that asking again costs little."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Hashable, Mapping
from typing import Any


class Changes:
    """For several threads. A token names a state of the list; one of another server's life gets everything."""

    def __init__(self) -> None:
        self._life = uuid.uuid4().hex[:8]
        self._revision = 0
        self._documents: dict[Hashable, Any] = {}
        self._changed: dict[Hashable, int] = {}
        self._order_changed = 0
        self._head: Any = None
        self._head_changed = 0
        self._turn = threading.Lock()

    def put(self, head: Any, documents: Mapping[Any, Any]) -> None:
        """The list as it is now; `head` stands beside it."""
        with self._turn:
            now = self._revision + 1
            if head != self._head:
                self._head, self._head_changed, self._revision = head, now, now
            if list(documents) != list(self._documents):
                self._order_changed = self._revision = now
                self._changed = {key: at for key, at in self._changed.items() if key in documents}
            for key, document in documents.items():
                if key not in self._documents or self._documents[key] != document:
                    self._changed[key] = self._revision = now
            self._documents = dict(documents)

    def since(self, token: str) -> dict[str, Any]:
        """`token` and what changed after the given one: `head`, `items`, and `order` (all keys) where that did."""
        with self._turn:
            then = self._then(token)
            answer: dict[str, Any] = {"token": f"{self._life}.{self._revision}"}
            if then == self._revision:
                return answer
            if self._head_changed > then:
                answer["head"] = self._head
            if self._order_changed > then:
                answer["order"] = list(self._documents)
            answer["items"] = [doc for key, doc in self._documents.items() if self._changed[key] > then]
            return answer

    def _then(self, token: str) -> int:
        life, _, revision = token.partition(".")
        known = life == self._life and revision.isdigit() and int(revision) <= self._revision
        return int(revision) if known else -1
