"""The report of a run: what was compared, what came of it, and how to read it.

`write` reads a run's folder and knows nothing else: the same report serves any subject. What is
particular to a project comes in as `Section`, and becomes a page beside index.html.

A run's folder holds
    run.json       run (its id), started, finished (absent: the run is incomplete), seed, profile,
                   examples (how many were asked for), verdict ("agree" or "disagree"),
                   environment {name: value}, counts {name: value}, conventions {layer: reason},
                   sensitivity {layer: {dtype: smallest relative error caught}},
                   seconds {setup, layers, networks, trajectories, …}, pace {networks, seconds,
                   processes, networks_per_minute}, accuracy [{dataset, network,
                   optimizer, mode, metric, manual, reference}]; all but `run` may be absent
    parts/         agreement-*.jsonl, trajectories-*.jsonl, examples-*.jsonl: a first line with
                   the column names, then one JSON list per row (see gradproof.storage.rows)
    counterexamples/   of each its arrays (.npz), full message (.txt), stand-alone test (.py)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradproof.errors import InputError
from gradproof.report.section import Section

if TYPE_CHECKING:
    from gradproof.report.tables import LayerRow

__all__ = ["Section", "write"]


def write(
    run_dir: Path,
    out_dir: Path,
    sections: Sequence[Section] = (),
    files: Sequence[str] | None = None,
) -> list[LayerRow]:
    """Write the report of the run in `run_dir` into `out_dir`, replacing an older one.

    files    of the tables (see `output.data_files`); by default all that can be written here

    Returns the lines of its table of layers.

    Raises    InputError when the run cannot be read or the report cannot be written; the folder
              then holds what it held before, or whole files only
    """
    # pandas and jinja2 take seconds to import: a subject that only makes a Section needs neither.
    try:
        from gradproof.report.build import build
    except ModuleNotFoundError as error:
        raise InputError(
            f"the report needs {error.name}, which is not installed: install gradproof[report]"
        ) from error
    return build(Path(run_dir), Path(out_dir), tuple(sections), files)
