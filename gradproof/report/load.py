"""Reading a run's folder: its rows as typed data frames, checked against the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradproof.errors import InputError
from gradproof.storage.rows import Agreement, Example, Trajectory

TABLES: dict[str, type[Any]] = {
    "agreement": Agreement,
    "trajectories": Trajectory,
    "examples": Example,
}

DTYPES: dict[str, type[Any]] = {"int": np.int64, "float": np.float64, "bool": np.bool_}

# Rows are turned into columns in blocks: Python lists of a whole deep run would not fit.
BLOCK = 50_000

# By these, rows lie in an order that does not depend on how many workers wrote them. Rows that
# are equal in all of them come from one worker and keep its order.
ORDER = {
    "agreement": ["example"],
    "trajectories": ["dataset", "network", "optimizer", "mode", "step"],
    "examples": ["example"],
}


@dataclass(frozen=True)
class Run:
    """A run as it was found: `info` is run.json, `truncated` counts rows cut short by a kill."""

    folder: Path
    info: Mapping[str, Any]
    agreement: pd.DataFrame
    trajectories: pd.DataFrame
    examples: pd.DataFrame
    messages: Mapping[str, str]  # a counterexample's stem → its full failure message
    truncated: int

    @property
    def complete(self) -> bool:
        return bool(self.info.get("finished"))


def load(folder: Path) -> Run:
    """Read the run in `folder`.

    Raises    InputError when the folder is missing, holds no rows, or holds rows of another
              version or of another run
    """
    if not folder.is_dir():
        raise InputError(
            f"there is no run in {folder}: give the folder that a run wrote, with run.json in it"
        )
    info = _info(folder / "run.json")
    if not any((folder / "parts").glob("*.jsonl")):
        raise InputError(
            f"{folder} has no rows (parts/*.jsonl): the run judged nothing, so run it again"
        )
    frames, truncated = {}, 0
    for table in TABLES:
        frames[table], cut = _table(folder, table)
        _same_run(frames[table], str(info["run"]), table)
        truncated += cut
    counterexamples = sorted((folder / "counterexamples").glob("*.txt"))
    messages = {p.stem: p.read_text(encoding="utf-8", errors="replace") for p in counterexamples}
    return Run(
        folder=folder,
        info=info,
        agreement=frames["agreement"],
        trajectories=frames["trajectories"],
        examples=frames["examples"],
        messages=messages,
        truncated=truncated,
    )


def _info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): it is written when a run starts, so run it again"
        ) from error
    if not isinstance(info, dict) or "run" not in info:
        raise InputError(f'{path} does not say which run this is ("run": …): run it again')
    return info


def _table(folder: Path, table: str) -> tuple[pd.DataFrame, int]:
    """All rows of one table in their lasting order, and how many were cut short."""
    schema = {f.name: str(f.type) for f in fields(TABLES[table])}
    blocks = [_columns([], schema, folder)]
    truncated = 0
    for path in sorted((folder / "parts").glob(f"{table}-*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            header = next(lines, "")
            if not header.endswith("\n"):  # killed while writing the first line
                truncated += bool(header)
                continue
            _check_header(header, schema, path)
            number = 2
            while block := list(islice(lines, BLOCK)):
                # Only a file's last line can lack its end.
                if not block[-1].endswith("\n"):
                    block.pop()
                    truncated += 1
                rows = _rows(block, number, len(schema), path)
                blocks.append(_columns(rows, schema, path))
                number += len(block)
    frame = pd.concat([b for b in blocks if len(b)] or blocks, ignore_index=True)
    return _in_order(frame, ORDER[table]), truncated


def _check_header(header: str, schema: Mapping[str, str], path: Path) -> None:
    try:
        names = json.loads(header)
    except ValueError:
        names = None
    if names == list(schema):
        return
    given = set(names) if isinstance(names, list) else set()
    unknown = ", ".join(sorted(map(str, given - set(schema)))) or "none"
    missing = ", ".join(sorted(set(schema) - given)) or "none"
    raise InputError(
        f"{path} was written by another version (unknown columns: {unknown}; missing: {missing}): "
        "make the report with the version that made the run, or run it again"
    )


def _rows(lines: list[str], number: int, width: int, path: Path) -> list[list[Any]]:
    """The rows in `lines`, the first of which is line `number` of its file."""
    try:
        rows: list[list[Any]] = json.loads(f"[{','.join(lines)}]")  # all at once is twice as fast
        if all(type(row) is list and len(row) == width for row in rows):
            return rows
    except ValueError:
        pass
    damaged = number + next(i for i, line in enumerate(lines) if not _is_row(line, width))
    raise InputError(
        f"line {damaged} of {path} is not a row of {width} values: the file is damaged, "
        "so run it again"
    )


def _is_row(line: str, width: int) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, list) and len(row) == width


def _columns(rows: list[list[Any]], schema: Mapping[str, str], path: Path) -> pd.DataFrame:
    values = list(zip(*rows, strict=True)) or [()] * len(schema)
    columns: dict[str, Any] = {}
    for (name, kind), column in zip(schema.items(), values, strict=True):
        try:
            if kind == "str":
                columns[name] = pd.Series(column, dtype="str")
            else:
                columns[name] = np.array(column, dtype=DTYPES[kind])
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"column {name} of {path} should hold {kind} ({error}): run it again"
            ) from error
    return pd.DataFrame(columns)


def _same_run(frame: pd.DataFrame, run: str, table: str) -> None:
    for other in frame["run"].unique():
        if other != run:
            raise InputError(
                f"run.json is of run {run}, but there are {table} rows of run {other}: "
                "two runs share a folder, so run it again in an empty one"
            )


def natural(text: str) -> list[tuple[int, str]]:
    """A sort key that puts n9 before n10."""
    parts = re.split(r"(\d+)", text)
    return [(int(p), "") if i % 2 else (-1, p) for i, p in enumerate(parts)]


def _in_order(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    ranks = []
    for name in reversed(by):  # np.lexsort takes its first key last
        if pd.api.types.is_numeric_dtype(frame[name]):
            ranks.append(frame[name].to_numpy())
            continue
        codes, texts = pd.factorize(frame[name])
        order = sorted(range(len(texts)), key=lambda i: natural(str(texts[i])))
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        ranks.append(rank[codes])
    return frame.iloc[np.lexsort(ranks)].reset_index(drop=True)
