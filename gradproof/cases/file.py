"""Cases on disk: one npz file with a JSON description and the arrays, bit for bit; never pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, case_of
from gradproof.cases.optimizer_case import OptimizerCase, UpdateCase
from gradproof.errors import InputError, in_one_line
from gradproof.storage.atomic import whole
from gradproof.subject.layer import named_arguments
from gradproof.subject.layer_options import has_options, options_of
from gradproof.subject.low_precision import LOW
from gradproof.subject.program import as_tuple

FORMAT = 1
"""Version of the file format."""


def encode(value: Any) -> Any:
    """A layer, network or option as JSON: what has options as {"type": name, option: value, …}."""
    if has_options(value):
        options = {name: encode(option) for name, option in options_of(value).items()}
        return {"type": type(value).__name__, **options}
    if isinstance(value, (tuple, list)):
        return [encode(v) for v in value]
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    return value


def decode(value: Any, types: Mapping[str, type]) -> Any:
    """The inverse of `encode`; lists become tuples.

    Raises    InputError for an unknown type, or for options that the type refuses
    """
    if isinstance(value, list):
        return tuple(decode(v, types) for v in value)
    if not isinstance(value, dict):
        return value
    name = value.get("type")
    if not isinstance(name, str) or name not in types:
        raise InputError(f"{name!r} is no layer of this subject; it has {_some(types)}")
    fields = {k: decode(v, types) for k, v in value.items() if k != "type"}
    try:
        return types[name](**fields)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{name} cannot be made: {error}") from error


def save(path: Path, case: Case | OptimizerCase | UpdateCase) -> None:
    """Write the case, whole or not at all; an `OptimizerCase` is drawn again from its seed."""
    if isinstance(case, OptimizerCase):
        _write(path, {"format": FORMAT, "optimizer": encode(case)}, {})
        return
    if isinstance(case, UpdateCase):
        about = {"update": encode(case.optimizer), "dtype": case.dtype, "seed": case.seed}
        about["step"] = case.step
        arrays = {f"arg:{n}": a for n, a in case.arrays.items()}
        arrays |= {f"before:{n}": a for n, a in case.before.items()}
        _write(path, {"format": FORMAT, **about}, arrays)
        return
    arrays = {f"arg:{n}": a for n, a in case.arrays.items() if a is not None}
    arrays |= {f"dy:{i}": d for i, d in enumerate(case.dy) if d is not None}
    about = {
        "format": FORMAT,
        "layer": encode(case.layer),
        "arguments": [n for n, a in case.arrays.items() if a is not None],
        "outputs": len(case.dy),
        "dtype": case.dtype,
        "layout": case.layout,
        "hazards": case.hazards,
        "seed": case.seed,
        "low": case.low,
        "nan": any(d.dtype.kind == "f" and bool(np.isnan(d).any()) for d in arrays.values()),
    }
    _write(path, about, arrays)


def _write(path: Path, about: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a description and its arrays, whole or not at all."""
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, case=np.array(json.dumps(about)), **arrays)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The description in a case file, and its arrays.

    Raises    InputError for a file that is missing, truncated or of another version
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        about = json.loads(str(content.pop("case")))
        version = about["format"]
    except FileNotFoundError as error:
        raise InputError(f"there is no case file {path}") from error
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not a complete case file ({in_one_line(error)}); let gradproof verify "
            "write it again"
        ) from error
    if version != FORMAT:
        raise InputError(
            f"{path} is of format {version}; this gradproof reads {FORMAT}: draw the case again"
        )
    return about, content


def load(
    path: Path, types: Mapping[str, type], refused: Callable[[Case], str] | None = None
) -> Case | OptimizerCase | UpdateCase:
    """Read a case and check that it is whole.

    types     the subject's layer types, and the dataclasses in them, by name
    refused   why the reference cannot take a case; "" if it can, and then the layer should too

    Raises    InputError for a file that is missing, truncated or of another version, for arrays of
              a wrong shape or dtype, and for NaN that was not there when the case was written (a
              drawn case has none, but a value inside a network may overflow)
    """
    about, content = _read(path)
    if "optimizer" in about:
        made: OptimizerCase = decode(about["optimizer"], {**types, "OptimizerCase": OptimizerCase})
        return made
    if "update" in about:
        return _update(path, about, content, types)
    try:
        layer = decode(about["layer"], types)
        given = {name: content[f"arg:{name}"] for name in about["arguments"]}
        dy = tuple(content.get(f"dy:{i}") for i in range(about["outputs"]))
        dtype, layout, seed = np.dtype(about["dtype"]).name, about["layout"], int(about["seed"])
        hazards, low = tuple(map(str, about["hazards"])), str(about.get("low", ""))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} lacks {error}; write it again with gradproof verify") from error
    if low not in ("", *LOW):
        raise InputError(f"{path} names the dtype {low!r}; there are {' and '.join(LOW)}")
    if not hasattr(layer, "forward"):
        raise InputError(f"{path} holds a {type(layer).__name__}, which is no layer")
    try:
        integers = [name for name, array in given.items() if array.dtype.kind == "i"]
        kinds = named_arguments(layer, list(given), integers)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    arrays = {name: given.get(name) for name in kinds}
    for name, array in arrays.items():
        if array is not None:
            counts = kinds[name] == "buffer" and array.dtype.kind == "i"
            expected = "int64" if counts or kinds[name] == "index" else dtype
            _check(path, name, array, expected, about)
    for i, d in enumerate(dy):
        if d is not None:
            _check(path, f"dy {i}", d, dtype, about)
    case = case_of(layer, arrays, kinds, dtype, layout, hazards, seed, dy, low)
    reason = None if refused is None else refused(case)
    if reason != "":
        _check_fit(path, case)
    if reason:
        raise InputError(f"{path}: the reference cannot take it: {reason}")
    return case


def _update(
    path: Path, about: Mapping[str, Any], content: Mapping[str, Array], types: Mapping[str, type]
) -> UpdateCase:
    """One step of an optimiser, from its description and arrays."""
    try:
        optimizer, dtype = decode(about["update"], types), np.dtype(about["dtype"]).name
        blank = UpdateCase(optimizer, {}, {}, {}, dtype, int(about["seed"]), int(about["step"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} lacks {error}; write it again with gradproof verify") from error
    given, before = (
        {n.removeprefix(start): a for n, a in content.items() if n.startswith(start)}
        for start in ("arg:", "before:")
    )
    return blank.given(given, before)


def _check(path: Path, name: str, array: Array, dtype: str, about: Mapping[str, Any]) -> None:
    if array.dtype != dtype:
        raise InputError(f"{path}: {name} has dtype {array.dtype}; it should be {dtype}")
    if array.dtype.kind == "f" and not about.get("nan") and np.isnan(array).any():
        raise InputError(f"{path}: {name} holds NaN; give it numbers")


def _check_fit(path: Path, case: Case) -> None:
    """Raise InputError if the layer cannot take the arrays: that is no wrong gradient."""
    try:
        with np.errstate(all="ignore"):
            y, _ = case.layer.forward(*case.arrays.values())
    except Exception as error:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in case.arrays.items() if a is not None)
        raise InputError(
            f"{path}: {case.kind} cannot take {shapes}: {in_one_line(error)}"
        ) from error
    outputs = as_tuple(y)
    if case.dy and len(case.dy) != len(outputs):
        raise InputError(f"{path} has dy for {len(case.dy)} outputs; there are {len(outputs)}")
    for i, (d, out) in enumerate(zip(case.dy, outputs, strict=False)):
        if d is not None and d.shape != out.shape:
            raise InputError(f"{path}: dy {i} has shape {d.shape}; y has {out.shape}")


def _some(types: Mapping[str, type]) -> str:
    return ", ".join(sorted(types))
