"""What a decoder writes, a piece at a time: one that loops is stopped instead of left to its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

PIECE_TOKENS = 64
"""How much is written before it is looked at. Ten seconds of English are 30 to 45 tokens, so that few windows
pay for a second piece, which costs as much as ten tokens more."""
DOUBTFUL_PIECE_TOKENS = 40
"""The same for a window that is doubtful: most are, because they loop."""
LONGEST_UNIT = 12
LEAST_REPEATED = 24
LEAST_TIMES = 4
"""A loop is what ends in a unit of up to LONGEST_UNIT tokens, so often that it fills LEAST_REPEATED. Nobody
says the shortest ones as often in a window; what people do say over and over is judged in the text."""


class Result(Protocol):
    """What CTranslate2 answers for a window."""

    @property
    def sequences_ids(self) -> Sequence[Sequence[int]]:
        """The tokens of each hypothesis, the best first."""

    @property
    def scores(self) -> Sequence[float]:
        """The sum of the log-probabilities of each, with end-of-text's, by its number of tokens without."""

    @property
    def no_speech_prob(self) -> float:
        """How probable it is that nobody speaks."""


class Generate(Protocol):
    """CTranslate2's `Whisper.generate`, with the encodings and the options that never change bound to it."""

    def __call__(
        self, rows: Sequence[int], prompts: list[list[int]], options: Mapping[str, int]
    ) -> Sequence[Result]:
        """Write on from the prompts, for the windows of these rows.

        A prompt may end with text: the answer begins with it, and its tokens have the log-probability 0.
        """


@dataclass(frozen=True, slots=True)
class Written:
    """The tokens of a window, the mean of their log-probabilities, that of end-of-text among them, and
    whether the decoder was cut off while it wrote: at the limit, or in a loop.
    """

    tokens: tuple[int, ...]
    average_log_probability: float
    no_speech_probability: float
    cut_off: bool


def write(
    generate: Generate, prompts: list[list[int]], limit: int, piece: int = PIECE_TOKENS
) -> list[Written]:
    """Write up to `limit` tokens for each prompt, in order; less where they loop, after any `piece`."""
    done = min(limit, piece)
    first = generate(range(len(prompts)), prompts, _options(prompts, done, begun=False))
    tokens = [list(each.sequences_ids[0]) for each in first]
    sums = [each.scores[0] * len(each.sequences_ids[0]) for each in first]
    rows = list(range(len(prompts)))
    while rows := [row for row in rows if len(tokens[row]) == done < limit and not loops(tokens[row])]:
        begun = [[*prompts[row], *tokens[row]] for row in rows]
        done = min(limit, done + piece)
        for row, whole in zip(rows, generate(rows, begun, _options(prompts, done, begun=True)), strict=True):
            tokens[row] = list(whole.sequences_ids[0])
            # What had been written counts as certain.
            sums[row] += whole.scores[0] * len(tokens[row])
    return [
        # Whisper's bounds are meant with the end-of-text token counted, by which the library does not divide.
        Written(
            tuple(written),
            total / (len(written) + 1),
            each.no_speech_prob,
            len(written) == limit or (len(written) % piece == 0 and loops(written)),
        )
        for written, total, each in zip(tokens, sums, first, strict=True)
    ]


def loops(tokens: Sequence[int]) -> bool:
    """Say whether the tokens end in one unit over and over."""
    for unit in range(1, LONGEST_UNIT + 1):
        length = max(LEAST_REPEATED, unit * LEAST_TIMES)
        tail = tokens[-length:]
        if len(tail) == length and tail[unit:] == tail[:-unit]:
            return True
    return False


def _options(prompts: list[list[int]], count: int, *, begun: bool) -> dict[str, int]:
    """Return the options for up to `count` tokens, what has been written included: the library stops at
    `max_length` with the prompt, and at half of it without. What has begun may end at once.
    """
    longest = max(map(len, prompts))
    return {"max_length": max(2 * count, longest + count), "suppress_blank": not begun}
