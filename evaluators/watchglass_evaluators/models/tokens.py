"""Texts to tokens, by a few threads that work ahead of the device."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from watchglass_evaluators.models.packing import OVERLAP, Ids, windows

PART = 128
"""Texts that are cut into tokens, and handed to the device, together."""

Text = str | tuple[str, str]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Tokens:
    """A tokenizer of the transformers package with threads of its own."""

    def __init__(self, tokenizer: Any, *, longest: int, threads: int, overlap: int = OVERLAP) -> None:
        """Wrap a tokenizer.

        Args:
            tokenizer: gives a text one special token at each end.
            longest: the most tokens the model reads, special ones included.
            threads: how many parts are in work ahead of the device. The tokenizer lets other threads run meanwhile.
            overlap: tokens that neighbouring windows of a long text share.
        """
        self._tokenizer = tokenizer
        self._longest = longest
        self._threads = threads
        self._overlap = overlap
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tokens")

    def windowed(self, texts: Sequence[str]) -> Iterator[list[list[Ids]]]:
        """Yield, part by part, each text's windows; a short text is one window."""
        return ahead(self._pool, self._windows_of, _parts(texts), self._threads)

    def paired(self, pairs: Sequence[tuple[str, str]]) -> Iterator[list[Ids]]:
        """Yield, part by part, pairs of texts as one sequence; the first is cut where both are too long."""
        return ahead(self._pool, self._pairs_of, _parts(pairs), self._threads)

    def _windows_of(self, texts: Sequence[str]) -> list[list[Ids]]:
        found = self._tokenizer(list(texts), truncation=False, return_attention_mask=False, verbose=False)
        return [windows(ids, self._longest, overlap=self._overlap) for ids in found["input_ids"]]

    def _pairs_of(self, pairs: Sequence[tuple[str, str]]) -> list[Ids]:
        first, second = zip(*pairs, strict=True)
        found = self._tokenizer(
            list(first),
            list(second),
            truncation="only_first",
            max_length=self._longest,
            return_attention_mask=False,
            verbose=False,
        )
        ids: list[Ids] = found["input_ids"]
        return ids


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], depth: int
) -> Iterator[Result]:
    """Yield work(item) in order, with up to `depth` further items begun: so much, and no more, is held in memory."""
    begun: deque[Future[Result]] = deque()
    for item in items:
        begun.append(pool.submit(work, item))
        if len(begun) > depth:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, PART)):
        yield part
