"""``python -m benchmarks.rivals``: gradproof beside other gradient checkers."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Measure kill rates, false alarms, times and single facts; show and write them.

    Returns   the exit status: 0, or 2 when it could not run
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/judge"), help="where to write")
    parser.add_argument("--seed", type=int, default=0, help="of the cases and of the mutants")
    parser.add_argument("--layers", default="", help="only these, such as Linear,Softmax")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long to time verdicts of each size"
    )
    options = parser.parse_args(arguments)
    if not options.seconds > 0:
        parser.error(f"--seconds is a time above 0, not {options.seconds}")
    if options.seed < 0:
        parser.error(f"--seed is a number from 0 up, not {options.seed}")
    # Before NumPy, torch and JAX load: one thread for each, as wherever times are compared.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    os.environ.setdefault("JAX_PLATFORMS", "cpu")

    try:
        from benchmarks.rivals.compare import Unknown, compare
    except ImportError as error:
        print(f"rivals: {error}; `make rivals` sets up what it needs", file=sys.stderr)
        return 2
    try:
        compare(ROOT, options.out, options.layers, options.seed, options.seconds)
    except Unknown as error:
        print(f"rivals: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"rivals: cannot write the figures: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("rivals: interrupted; nothing was written", file=sys.stderr)
        return 2
    print(f"figures: {options.out}/rivals.csv, rivals.json; of each bug: rows/rivals-bugs.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
