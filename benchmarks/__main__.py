"""``python -m benchmarks``: time a training step by hand and by PyTorch."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Time every network in both dtypes, show the table and write it.

    Returns   the exit status: 0, or 2 when it could not run
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/latest"), help="report folder")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long to time each network in each dtype"
    )
    options = parser.parse_args(arguments)
    if not options.seconds > 0:
        parser.error(f"--seconds is a time above 0, not {options.seconds}")
    # Before NumPy and torch load: with more, OpenBLAS and OpenMP take each other's cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

    try:
        from benchmarks import output, run
    except ImportError as error:
        print(f"benchmarks: {error}; `make bench` sets up what it needs", file=sys.stderr)
        return 2
    try:
        with output.progress(len(run.PLAN)) as advance:
            rows = run.run(options.seconds, advance)
        about = output.about(Path(__file__).parents[1])
        output.show(rows)
        output.write(options.out, rows, about)
    except OSError as error:
        print(f"benchmarks: cannot write the timings: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted; nothing was written", file=sys.stderr)
        return 2
    print(f"timings: {options.out}/bench.md, bench.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
