"""Questions that arrive together are answered together: while one batch is at work, the next one gathers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kc_schema.errors import UserError

__all__ = ["Batcher", "OverloadedError"]

Q = TypeVar("Q")
A = TypeVar("A")


class OverloadedError(UserError):
    """More questions wait than may; asking again a little later helps."""


@dataclass(eq=False)
class _Request(Generic[Q, A]):
    questions: Sequence[Q]
    k: int
    done: asyncio.Future[list[A]]


class Batcher(Generic[Q, A]):
    """Answers questions in a thread, batch by batch; nobody waits for a batch to fill."""

    def __init__(
        self,
        answer: Callable[[Sequence[Q], int], list[A]],
        thread: Executor,
        *,
        most_together: int,
        most_waiting: int,
        observe: Callable[[int], Any] = lambda _: None,
    ) -> None:
        """Take note of how to answer; `run` must be at work when somebody asks.

        Args:
            answer: takes questions and how many hits each is to have; returns an answer for each of them.
            thread: where it is called, one call at a time.
            most_together: questions of one batch, unless a single request has more.
            most_waiting: questions that may wait.
            observe: takes the number of questions of every batch.
        """
        self._answer = answer
        self._thread = thread
        self._most_together = most_together
        self._most_waiting = most_waiting
        self._observe = observe
        self._requests: deque[_Request[Q, A]] = deque()
        self._arrived = asyncio.Event()
        self.waiting = 0
        """Questions that wait now, those of the batch at work not among them."""

    async def ask(self, questions: Sequence[Q], k: int) -> list[A]:
        """Return the answers to `questions`, in their order.

        Raises:
            OverloadedError: too many questions wait already.
            UserError: whatever `answer` raises for these questions.
        """
        if not questions:
            return []
        if self.waiting and self.waiting + len(questions) > self._most_waiting:
            raise OverloadedError("too many requests wait for an answer; ask again in a second")
        request: _Request[Q, A] = _Request(questions, k, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self.waiting += len(questions)
        self._arrived.set()
        try:
            return await request.done
        finally:
            if request in self._requests:  # whoever asked has gone
                self._requests.remove(request)
                self.waiting -= len(questions)

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._arrived.wait()
            batch = self._next_batch()
            if batch:
                await self._work(batch)

    def _next_batch(self) -> list[_Request[Q, A]]:
        """Take the oldest request, and with it those that ask for as many hits as it does."""
        chosen: list[_Request[Q, A]] = []
        size = 0
        for request in list(self._requests):
            if chosen and (request.k != chosen[0].k or size + len(request.questions) > self._most_together):
                continue
            chosen.append(request)
            self._requests.remove(request)
            size += len(request.questions)
            self.waiting -= len(request.questions)
        if not self._requests:
            self._arrived.clear()
        return chosen

    async def _work(self, batch: Sequence[_Request[Q, A]]) -> None:
        questions = [question for request in batch for question in request.questions]
        self._observe(len(questions))
        try:
            answers = await self._call(questions, batch[0].k)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            # What one request asks must not take the others' answers away.
            for request in batch:
                await self._work([request])
            return
        place = 0
        for request in batch:
            own = answers[place : place + len(request.questions)]
            place += len(request.questions)
            if not request.done.done():
                request.done.set_result(own)

    async def _call(self, questions: Sequence[Q], k: int) -> list[A]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, questions, k)


def _fail(request: _Request[Q, A], error: Exception) -> None:
    if not request.done.done():
        request.done.set_exception(error)
