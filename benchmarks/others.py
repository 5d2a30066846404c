"""``python -m benchmarks.others``: judge the hand-written gradients of published packages.

Each folder of ``examples/`` names a package and its version, and has checks and scripts. A script
``bug_….py`` shows one wrong gradient without gradproof, and fails once it is mended. Packages are
installed beside the environment, without what they require.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
OURS = ("numpy", "torch")
"""Requirements that the environment has: another build of one would come in their place."""


def requirements(folder: Path) -> list[str]:
    """What a folder requires beside the environment."""
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").split()
    return [line for line in lines if line.partition("==")[0] not in OURS]


def installed(folder: Path, packages: Path) -> dict[str, str]:
    """Install what a folder requires; returns the variables with which Python finds it."""
    target = packages / folder.name
    if not target.is_dir():
        half = packages / f"{folder.name}.half"  # whole only when pip is through
        shutil.rmtree(half, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--no-compile"]
        subprocess.run([*pip, "--target", str(half), *requirements(folder)], check=True)
        half.rename(target)
    return {**os.environ, "PYTHONPATH": str(target), "PYTHONWARNINGS": "ignore"}


def judged(folder: Path, variables: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """What is found of one folder: its checks, and the scripts that still show what they say."""
    answers: list[dict[str, Any]] = []
    judge = ["-m", "gradproof", "check"]
    more = ["--json", "--cases", str(options.cases), "--seed", str(options.seed)]
    for file in [] if options.scripts else sorted(folder.glob("checks*.py")):
        done = _run([*judge, file.name, *more], folder, variables)
        try:
            answers += json.loads(done.stdout)
        except ValueError as error:  # what is finished is written already
            raise SystemExit(
                f"{file} could not be judged: exit status {done.returncode}"
            ) from error
    shown = {
        script.name: _run([script.name], folder, variables).returncode == 0
        for script in sorted(folder.glob("bug_*.py"))
    }
    others = [answer for answer in answers if not answer["agrees"]]
    return {
        "requirements": requirements(folder),
        "cases": options.cases,
        "checks": len(answers),
        "agree": len(answers) - len(others),
        "others": {answer["name"]: _said(answer) for answer in others},
        "scripts": shown,
    }


def _run(
    arguments: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(  # progress and errors go to the terminal
        command, check=False, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True
    )


def _said(answer: dict[str, Any]) -> str:
    """Why a check does not agree, in a few words."""
    if "unjudged" in answer:
        return f"not judged: {answer['unjudged']}"[:200]
    about = answer["disagreement"] or {}
    said = (answer["verdict"], about.get("quantity", ""), about.get("cause", ""))
    return " · ".join(filter(None, said))[:200]


def main(arguments: list[str] | None = None) -> int:
    """Judge all folders, or those that are named, and write what was found.

    Returns   the exit status: 0, or 1 when a script does not show what it says
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.others", description=__doc__)
    parser.add_argument("folders", nargs="*", help="of examples/; all by default")
    parser.add_argument("--scripts", action="store_true", help="only the scripts, no checks")
    parser.add_argument("--cases", type=int, default=60, help="of each check")
    parser.add_argument("--seed", type=int, default=0, help="of the cases")
    parser.add_argument("--packages", type=Path, help="where they are installed, and stay")
    parser.add_argument("--out", type=Path, default=ROOT / "reports/judge", help="where to write")
    options = parser.parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

    from gradproof.storage.atomic import now, write_json
    from gradproof.storage.environment import environment

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "others.json"
    held = json.loads(path.read_text("utf-8"))["folders"] if path.is_file() else {}
    found = {name: one for name, one in held.items() if (EXAMPLES / name).is_dir()}
    with tempfile.TemporaryDirectory() as temporary:
        packages = (options.packages or Path(temporary)).absolute()
        for file in sorted(EXAMPLES.glob("*/requirements.txt")):
            folder = file.parent
            if options.folders and folder.name not in options.folders:
                continue
            variables = installed(folder, packages)
            found[folder.name] = one = judged(folder, variables, options)
            scripts = f"{sum(one['scripts'].values())} of {len(one['scripts'])} scripts"
            print(f"{folder.name:<16}{one['agree']:>5} of {one['checks']} agree; {scripts}")
            about = {"at": now(), "seed": options.seed, **environment(ROOT)}
            write_json(path, {"about": about, "folders": found})
    return 0 if all(all(one["scripts"].values()) for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
