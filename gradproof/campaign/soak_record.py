"""The record of a soak: a journal with a line for each finished shard, kept to one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from filelock import FileLock, Timeout

from gradproof.errors import InputError
from gradproof.storage import journal

SHORT = 2
"""Steps of a network that another shard may draw as well.

Of 34,600 networks from 173 shards three were in each shard, all of one step, and no other was in
two; digests of all of them would be most of the record.
"""


@dataclass(frozen=True)
class Disagreement:
    """The networks of a shard in which the judge flagged the same thing.

    kind, quantity  the layer's type, and its output or gradient
    counterexample         path of the shrunk case, relative to the soak's folder, or ""
    """

    kind: str
    quantity: str
    networks: int
    counterexample: str


@dataclass(frozen=True)
class Shard:
    """Networks that were drawn and judged; the fields are those of a line.

    shard, seed  its number and the soak's seed, which decide what is drawn
    asked        networks to draw;  networks: drawn, no two of them the same
    commit       of the code under test, with "+" where it had been changed
    finished     when, in UTC;  seconds: that one process took
    verdicts     networks by verdict, as `dtypes` by dtype, `hazards` by how values were drawn
    kinks        networks whose free run rounding took across a kink
    samples      of the rounding noise that were needed
    short        digests of the networks of at most `SHORT` steps, 6 bytes each, in base64
    """

    shard: int
    seed: int
    asked: int
    networks: int
    arrays: int
    commit: str
    finished: str
    seconds: float
    verdicts: dict[str, int]
    disagreements: tuple[Disagreement, ...]
    dtypes: dict[str, int]
    hazards: dict[str, int]
    kinks: int
    samples: int
    short: str

    @property
    def flagged(self) -> int:
        """Networks that disagree or err."""
        return self.verdicts.get("disagree", 0) + self.verdicts.get("error", 0)


Shards: TypeAlias = dict[tuple[int, int], Shard]
"""By seed and number."""


def read(path: Path) -> Shards:
    """The shards in a record, each in its last form: it may have been judged again with more.

    Raises    InputError when a line is something else
    """
    shards: Shards = {}
    for line in journal.read(path):
        try:
            faults = tuple(Disagreement(**d) for d in line["disagreements"])
            shard = Shard(**{**line, "disagreements": faults})
        except (KeyError, TypeError) as error:
            raise InputError(
                f"a line of {path} is no shard of a soak; move the file away, or choose another "
                "folder with --out"
            ) from error
        shards[shard.seed, shard.shard] = shard
    return shards


@contextmanager
def recording(path: Path) -> Iterator[tuple[Shards, Callable[[Shard], None]]]:
    """The shards that stand in a record, and what appends one. The lock ends with the process.

    Raises    InputError when it is no record, cannot be written, or another soak writes to it
    """
    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            yield read(path), lambda shard: journal.append(path, asdict(shard))
    except Timeout as error:
        raise InputError(
            f"another soak is writing to {path}; wait for it, or choose another folder with --out"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be written to ({error.strerror}); choose another folder with --out"
        ) from error
