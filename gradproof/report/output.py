"""Writing the report's files, each one whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from gradproof.errors import InputError
from gradproof.report.load import Run
from gradproof.storage.atomic import whole, write_text


def has_pyarrow() -> bool:
    """Whether Parquet can be written: it needs pyarrow, which is optional."""
    return find_spec("pyarrow") is not None


def data_files() -> tuple[str, ...]:
    """The data files that can be written here."""
    csv = ("agreement.csv", "trajectories.csv", "examples.csv")
    return csv + (("agreement.parquet", "trajectories.parquet") if has_pyarrow() else ())


def write_report(
    run: Run, folder: Path, pages: Mapping[str, str], markdown: str, files: tuple[str, ...]
) -> None:
    """Write everything into `folder`, replacing an older report there.

    Raises    InputError when the folder cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("agreement.parquet", "trajectories.parquet"):
            if name not in files:  # an older report's must not lie beside these rows
                (folder / name).unlink(missing_ok=True)
        for name in files:
            _table(getattr(run, name.split(".")[0]), folder / name)
        if folder.resolve() != run.folder.resolve():
            with whole(folder / "run.json") as file:
                shutil.copyfile(run.folder / "run.json", file)
            _whole_folder(run.folder / "counterexamples", folder / "counterexamples")
        write_text(folder / "REPORT.md", markdown)
        for name, page in pages.items():
            write_text(folder / name, page)
        for path in folder.glob("*.html"):
            if path.name not in pages and _is_ours(path):  # of a section that is no more
                path.unlink()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"the report cannot be written into {folder} ({reason}): make it a folder that can be "
            "written to, or choose another"
        ) from error


def _is_ours(path: Path) -> bool:
    """Whether a report wrote this page; somebody's own may lie in the same folder."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return '<meta name="generator" content="gradproof">' in file.read(1000)


def _table(frame: pd.DataFrame, path: Path) -> None:
    with whole(path) as file:
        if path.suffix == ".parquet":
            frame.to_parquet(file, engine="pyarrow", index=False)
        else:  # floats are written so that they read back bit for bit
            frame.to_csv(file, index=False, na_rep="nan", lineterminator="\n")


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
