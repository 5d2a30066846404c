"""A made-up run of any size, written as a run writes it, for the tests of the report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.storage.rows import Agreement, Example, Trajectory

RUN = "20260102-030405-7"
KINDS = {
    kind: quantities.split()
    for kind, quantities in {
        "Linear": "y x weight bias", "Bilinear": "y x1 x2 weight bias", "MatMul": "y x other",
        "PReLU": "y x weight", "Add": "y x other", "Subtract": "y x other",
        "Multiply": "y x other", "Divide": "y x other", "Concatenate": "y x0 x1",
        "CrossEntropyLoss": "y x target", "MSELoss": "y x target", "HuberLoss": "y x target",
        "KLDivLoss": "y x target", "BCEWithLogitsLoss": "y x target",
        "SquaredError": "y x target", "NLLLoss": "y x", "LogSumExp": "y x", "Softmax": "y x",
        "LogSoftmax": "y x", "Sum": "y x", "Mean": "y x", "Max": "y x", "Slice": "y x",
        "Stack": "y x0 x1", "Flatten": "y x", "Reshape": "y x", "Permute": "y x",
        **dict.fromkeys(
            "Sigmoid Tanh ReLU ReLU6 LeakyReLU RReLU ELU CELU SELU GELU SiLU Mish Softplus "
            "Softsign Softshrink Hardshrink Hardtanh Hardsigmoid Hardswish Tanhshrink LogSigmoid "
            "Threshold GLU".split(),
            "y x",
        ),
    }.items()
}  # fmt: skip
OPTIMIZERS = "SGD Adam AdamW NAdam RAdam Adamax RMSprop Adagrad Adadelta ASGD Rprop".split()
DATA = [("digits", "64-32-10", "accuracy"), ("diabetes", "10-16-1", "R²"),
        ("breast cancer", "30-8-1", "accuracy")]  # fmt: skip
HAZARDS = "zeros integers ties repeated saturated large-mean tiny huge size-0 strided".split()
FEATURES = "fan-out residual tied multi-output".split()
MESSAGE = """\
{kind} disagrees with PyTorch in the gradient of {quantity}            (isolated: alone)
  at [1, 2]        manual 210.81851088771051     autograd 210.81851067789194
  |difference| is 10× the rounding bound 2.1e-08;  3 of 18 entries are over
  votes            autograd = complex step ≠ manual        → the backward pass is wrong
  likely cause     a factor of the batch size is missing   (weight 0.02× of its bound is fine)
  case             {kind}(<options & more>)  float64  x (2, 3, 3)     shrunk from 6 layers
  again            gradproof replay counterexamples/{stem}.npz
"""


def make_run(
    folder: Path,
    *,
    networks: int = 20,
    cases: int = 2,
    steps: int = 12,
    optimizers: int = 2,
    kinds: Iterable[str] = tuple(KINDS),
    wrong: Iterable[str] = (),
    finished: bool = True,
    shards: int = 3,
    seed: int = 0,
) -> Path:
    """Write a run with `cases` cases per layer kind; every third case of a `wrong` kind is so."""
    random = np.random.default_rng(seed)
    kinds, wrong = tuple(kinds), tuple(wrong)
    (folder / "parts").mkdir(parents=True)
    (folder / "counterexamples").mkdir()
    rows: list[Agreement] = []
    examples: list[Example] = []
    for n in range(networks):
        picked = [str(k) for k in random.choice(kinds, random.integers(1, 13))]
        rows += _judge(examples, random, f"network-{n}", "network", picked, wrong)
    for kind in kinds:
        for n in range(cases):
            rows += _judge(examples, random, f"{kind}-{n}", "layer", [kind], wrong)
    for kind in OPTIMIZERS:
        for n in range(cases):
            rows += _judge(examples, random, f"{kind}-{n}", "optimizer", [kind], wrong)
    training = [r for k in range(optimizers) for r in _train(random, OPTIMIZERS[k], steps)]
    shard = {e.example: i % shards for i, e in enumerate(examples)}
    for i in range(shards):
        _write(folder, "agreement", i, (r for r in rows if shard[r.example] == i))
        _write(folder, "examples", i, (e for e in examples if shard[e.example] == i))
    _write(folder, "trajectories", 0, training)
    for stem in sorted({Path(r.counterexample).stem for r in rows if r.counterexample}):
        kind, quantity = stem.split("-")[:2]
        text = MESSAGE.format(kind=kind, quantity=quantity, stem=stem)
        (folder / f"counterexamples/{stem}.txt").write_text(text, encoding="utf-8")
        (folder / f"counterexamples/{stem}.py").write_text(
            "def test_again(): ...\n", encoding="utf-8"
        )
        np.savez(folder / f"counterexamples/{stem}.npz", x=np.zeros(3))
    info = _info(random, finished, bool(wrong), optimizers)
    (folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    return folder


def _judge(
    examples: list[Example],
    random: np.random.Generator,
    name: str,
    source: str,
    kinds: list[str],
    wrong: tuple[str, ...],
) -> Iterator[Agreement]:
    dtype = "float32" if random.random() < 0.4 else "float64"
    vacuous = source == "network" and random.random() < 0.02
    bad = int(name.rsplit("-", 1)[1]) % 3 == 0
    for i, kind in enumerate(kinds):
        for depth in ("isolated", "chained", "free") if source == "network" else ("isolated",):
            for quantity in KINDS.get(kind, ["update"]):
                if depth == "chained" and quantity == "y":
                    continue
                off = bad and kind in wrong and quantity != "y"
                yield _row(random, name, source, f"{i}.{kind}", kind, depth, quantity, dtype,
                           off=off, vacuous=vacuous)  # fmt: skip
    depth = len(kinds)
    low, high = sorted(int(2**v) for v in random.uniform(0, 5.5, 2))
    examples.append(
        Example(
            RUN, name, source, int(random.integers(2**31)), depth, low, high, high * low * depth,
            dtype, " ".join(kinds), " ".join(_some(random, HAZARDS, 0.12)),
            " ".join(_some(random, FEATURES, 0.25)) if source == "network" else "",
            bool(random.random() < 0.2), _verdict(bad and bool(set(kinds) & {*wrong}), vacuous),
            int(random.random() < 0.1),
            *(0.001 * random.random(4) * (1.1, 0.3 * depth, depth, 0.5 * depth)).tolist(),
        )
    )  # fmt: skip


def _row(
    random: np.random.Generator, name: str, source: str, layer: str, kind: str, depth: str,
    quantity: str, dtype: str, *, off: bool, vacuous: bool,
) -> Agreement:  # fmt: skip
    ratio = float(min(10 ** random.normal(-1.6, 0.6), 0.97)) if random.random() < 0.7 else 0.0
    ratio = float(10 ** random.uniform(0.2, 7)) if off else ratio
    if off and random.random() < 0.1:
        ratio = float("inf")
    bound = float(10 ** random.uniform(-16, -12))
    shape = tuple(int(n) for n in random.integers(1, 9, random.integers(1, 4)))
    value = float(random.normal())
    convention = not off and kind == "Hardshrink" and random.random() < 0.05
    verdict = "convention" if convention else _verdict(off, vacuous or random.random() < 0.01)
    cause = {"disagree": "a factor of the batch size", "vacuous": "zero everywhere"}
    return Agreement(
        RUN, name, name if source == "network" else "", layer if source == "network" else kind,
        kind, depth, quantity, dtype, str(shape), int(np.prod(shape)), ratio * bound,
        ratio * 16, ratio, ",".join("0" for _ in shape), value + min(ratio, 1e9) * bound, value,
        bound, int(off), 1.0, 1.0, verdict, cause.get(verdict, ""),
        f"counterexamples/{kind}-{quantity}-3fa9.npz" if off and depth == "isolated" else "",
    )  # fmt: skip


def _train(random: np.random.Generator, optimizer: str, steps: int) -> Iterator[Trajectory]:
    for dataset, network, _ in DATA:
        rate, start, noise = random.uniform([0.005, 0.7, 8], [0.04, 30, 14])
        for mode in ("locked", "free"):
            for step in range(steps):
                loss = start * np.exp(-rate * step) * (1 + 0.1 * random.random()) + 0.02
                drift = 10 ** (-noise + 0.015 * step + 0.3 * random.normal())
                far = random.uniform(0.3, 1.2) * (drift if mode == "free" else 2e-16)
                for layer in ("loss", "0.Linear", "2.Linear", "4.Linear"):
                    yield Trajectory(
                        RUN, network, dataset, optimizer, mode, step, layer, loss * (1 + far),
                        loss, 1.0, 1.0, 0.1, 0.1, far, drift if mode == "free" else 2e-16, "agree",
                    )  # fmt: skip


def _info(
    random: np.random.Generator, finished: bool, wrong: bool, optimizers: int
) -> dict[str, Any]:
    return {
        "run": RUN, "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:09:11Z" if finished else None,
        "seed": 7, "profile": "default", "examples": 2000,
        "verdict": "disagree" if wrong else "agree",
        "environment": {
            "python": "3.11.2", "numpy": "2.4.6", "torch": "2.13.0+cpu", "scipy": "1.17.0",
            "hypothesis": "6.160.0", "blas": "OpenBLAS 0.3.30", "threads": "1",
            "cpu": "Example CPU @ 2.40 GHz", "device": "cpu",
            "platform": "Linux-6.1-x86_64-with-glibc2.36", "commit": "0123abc",
        },
        "counts": {"layers": len(KINDS), "kinks": 512},
        "conventions": {"Hardshrink": "torch keeps x at exactly λ, this layer does not"},
        "seconds": {"setup": 3.1, "layers": 41.5, "networks": 38.2, "trajectories": 77.0},
        "accuracy": [
            {"dataset": d, "network": n, "optimizer": o, "mode": m, "metric": metric,
             "manual": score, "reference": score}
            for d, n, metric in DATA for o in OPTIMIZERS[:optimizers]
            for m in ("locked", "free") for score in [float(np.round(random.uniform(0.4, 0.98), 4))]
        ],
    }  # fmt: skip


def _write(folder: Path, table: str, shard: int, rows: Iterable[Any]) -> None:
    schema = {"agreement": Agreement, "trajectories": Trajectory, "examples": Example}[table]
    names = [f.name for f in fields(schema)]
    with (folder / f"parts/{table}-{shard}.jsonl").open("w", encoding="utf-8") as lines:
        lines.write(json.dumps(names) + "\n")
        for row in rows:
            lines.write(json.dumps([getattr(row, name) for name in names]) + "\n")


def _some(random: np.random.Generator, words: list[str], share: float) -> list[str]:
    return [word for word in words if random.random() < share]


def _verdict(off: bool, vacuous: bool) -> str:
    return "disagree" if off else "vacuous" if vacuous else "agree"
