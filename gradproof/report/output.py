"""Writing the report's files, each one whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from gradproof.errors import InputError
from gradproof.report.load import Run


def has_pyarrow() -> bool:
    """Whether Parquet can be written: it needs pyarrow, which is optional."""
    return find_spec("pyarrow") is not None


def data_files() -> tuple[str, ...]:
    """The data files that can be written here."""
    csv = ("agreement.csv", "trajectories.csv", "examples.csv")
    return csv + (("agreement.parquet", "trajectories.parquet") if has_pyarrow() else ())


def write_report(run: Run, folder: Path, page: str, markdown: str, files: tuple[str, ...]) -> None:
    """Write everything into `folder`, replacing an older report there.

    Raises    InputError when the folder cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("agreement.parquet", "trajectories.parquet"):
            if name not in files:  # an older report's must not lie beside these rows
                (folder / name).unlink(missing_ok=True)
        for name in files:
            _whole(folder / name, _table_writer(getattr(run, name.split(".")[0]), name))
        if folder.resolve() != run.folder.resolve():
            _whole(folder / "run.json", lambda path: _copy(run.folder / "run.json", path))
            _whole_folder(run.folder / "witnesses", folder / "witnesses")
        _whole(folder / "REPORT.md", lambda path: _text(path, markdown))
        _whole(folder / "index.html", lambda path: _text(path, page))
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"the report cannot be written into {folder} ({reason}): make it a folder that can be "
            "written to, or choose another"
        ) from error


def _table_writer(frame: pd.DataFrame, name: str) -> Callable[[Path], None]:
    if name.endswith(".parquet"):
        return lambda path: frame.to_parquet(path, engine="pyarrow", index=False)
    # Floats are written so that they read back bit for bit.
    return lambda path: frame.to_csv(path, index=False, na_rep="nan", lineterminator="\n")


def _copy(source: Path, path: Path) -> None:
    shutil.copyfile(source, path)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, then move it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _whole_folder(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`; without a source there is none."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    stale = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        if source.is_dir():
            shutil.copytree(source, fresh)
        if target.exists():
            target.replace(stale)
        if fresh.exists():
            fresh.replace(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)
