"""What is written in pieces: as if in one go, and no longer than until it loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from models.recognition.writing import PIECE_TOKENS, loops, write


@dataclass(frozen=True, slots=True)
class Answer:
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


class Decoder:
    """Writes given tokens after prompts of one token, each with the log-probability -1 / token.

    As the library does, it gives back what the prompt has begun, which counts as certain.
    """

    def __init__(self, *texts: list[int]) -> None:
        self._texts = texts
        self.calls: list[tuple[list[int], bool]] = []

    def __call__(
        self, rows: Sequence[int], prompts: list[list[int]], options: Mapping[str, int]
    ) -> Sequence[Answer]:
        self.calls.append((list(rows), bool(options["suppress_blank"])))
        answers = []
        for row, prompt in zip(rows, prompts, strict=True):
            begun = prompt[1:]
            assert begun == self._texts[row][: len(begun)]
            tokens = self._texts[row][: min(options["max_length"] // 2, options["max_length"] - 1)]
            score = sum(-1 / token for token in tokens[len(begun) :]) / max(1, len(tokens))
            answers.append(Answer([tokens], [score], 0.9 if begun else 0.1))
        return answers


SHORT = list(range(10, 40))
LONG = list(range(10, 110))
LOOP = [5, 6, 7] * 40


def test_what_is_short_is_written_in_one_piece() -> None:
    decoder = Decoder(SHORT, SHORT)
    first, second = write(decoder, [[1], [1]], 96)
    assert first == second
    assert first.tokens == tuple(SHORT)
    assert not first.cut_off
    assert first.average_log_probability == pytest.approx(sum(-1 / token for token in SHORT) / 31)
    assert decoder.calls == [([0, 1], True)]


def test_what_is_long_goes_on_where_it_stopped() -> None:
    decoder = Decoder(SHORT, LONG, LOOP)
    short, long, loop = write(decoder, [[1]] * 3, 140)
    assert decoder.calls == [([0, 1, 2], True), ([1], False)], "a text that has begun may end at once"
    assert short.tokens == tuple(SHORT)
    assert long.tokens == tuple(LONG)
    assert not long.cut_off
    assert long.average_log_probability == pytest.approx(sum(-1 / token for token in LONG) / 101)
    assert long.no_speech_probability == 0.1
    assert loop.tokens == tuple(LOOP[:PIECE_TOKENS])
    assert loop.cut_off


def test_a_loop_is_noticed_after_every_piece() -> None:
    late = [*LONG[:50], *LOOP]
    decoder = Decoder(late, LOOP[:30], LONG)
    written = write(decoder, [[1]] * 3, 224, 40)
    assert decoder.calls == [([0, 1, 2], True), ([0, 2], False), ([2], False)]
    assert [len(each.tokens) for each in written] == [80, 30, 100]
    assert [each.cut_off for each in written] == [True, False, False]


@pytest.mark.parametrize("limit", [20, PIECE_TOKENS, 90])
def test_nothing_is_longer_than_the_limit(limit: int) -> None:
    [written] = write(Decoder(LONG), [[1]], limit)
    assert written.tokens == tuple(LONG[:limit])
    assert written.cut_off


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([7] * 24, True),
        ([7] * 23, False),
        ([*LONG, *([1, 2, 3] * 8)], True),
        ([*([1, 2, 3] * 8), 4], False),
        (list(range(12)) * 4, True),
        (list(range(12)) * 3, False),
        (list(range(13)) * 4, False),
        ([], False),
    ],
)
def test_loops(tokens: list[int], expected: bool) -> None:
    assert loops(tokens) is expected
