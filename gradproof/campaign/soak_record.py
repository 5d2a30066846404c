"""The record of a soak: one JSON line for each finished shard, on disk before the next is begun."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from gradproof.errors import InputError

SHORT = 2
"""Steps of a network that another shard may draw as well.

Of 34,600 networks from 173 shards three were in each shard, all of one step, and no other was in
two; digests of all of them would be most of the record.
"""


@dataclass(frozen=True)
class Disagreement:
    """The networks of a shard in which the judge flagged the same thing.

    kind, quantity  the layer's type, and its output or gradient
    witness         path of the shrunk case, relative to the record's folder, or ""
    """

    kind: str
    quantity: str
    networks: int
    witness: str


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
_BEGINNING = b'{"shard": '


def read(path: Path) -> tuple[Shards, int]:
    """The shards in a record, and how many bytes their lines take; a torn last line is left out.

    A shard that was judged again, because more networks were asked for, is there in its later form.

    Raises    InputError when there is no such file, or another one
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); gradproof soak writes it"
        ) from error
    whole = content.rfind(b"\n") + 1
    torn = content[whole:]
    if not (torn.startswith(_BEGINNING) or _BEGINNING.startswith(torn)):
        raise _other(path, content.count(b"\n") + 1)
    shards: Shards = {}
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            values = json.loads(line)
            faults = tuple(Disagreement(**d) for d in values["disagreements"])
            shard = Shard(**{**values, "disagreements": faults})
        except (KeyError, TypeError, ValueError) as error:
            raise _other(path, number) from error
        shards[shard.seed, shard.shard] = shard
    return shards, whole


def _other(path: Path, line: int) -> InputError:
    return InputError(
        f"line {line} of {path} is no shard of a soak; move the file away, or choose another "
        "folder with --out"
    )


@contextmanager
def recording(path: Path) -> Iterator[tuple[Shards, Callable[[Shard], None]]]:
    """The shards that stand in a record, which is made if need be, and what appends one.

    Raises    InputError when it is no record, cannot be written, or another soak writes to it
    """
    try:
        with path.open("ab") as file:
            _lock(path, file.fileno())
            shards, whole = read(path)
            file.truncate(whole)

            def append(shard: Shard) -> None:
                file.write(json.dumps(asdict(shard)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())

            yield shards, append
    except OSError as error:
        raise InputError(
            f"{path} cannot be written to ({error.strerror}); choose another folder with --out"
        ) from error


def _lock(path: Path, file: int) -> None:
    """Keep the record to this process until it ends, in whatever way it does."""
    with suppress(ModuleNotFoundError):  # Windows has no fcntl
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another soak is writing to {path}; wait for it, or choose another folder "
                "with --out"
            ) from error
