"""The tests on one mutant after another, each in a fork of a process that has them loaded."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mutation.mutated import Mutant

FIRST = 8.0
"""Seconds of tests that every mutant has to pass before the slower ones are tried on it."""
FAILED, BROKEN = 1, 70
"""Statuses of a fork: a test failed on the mutant; something else did."""
SLOWEST = 20.0
"""Seconds that a test may take beside ten times as long as it usually does."""


class Trials:
    """A pytest plugin: the tests are collected once; what runs them are forks of that process.

    Nothing is run in the process itself, so no mutant sees what another left behind.
    """

    def __init__(self, folder: Path, mutants: Sequence[Mutant], jobs: int) -> None:
        self.folder, self.mutants, self.jobs = folder, mutants, jobs
        self.results = folder / "results.jsonl"
        self.calls = folder / "calls.json"

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        calls = self._recorded(session)
        for quick in (True, False):
            waiting = self._waiting(quick)
            shards = [waiting[i :: self.jobs] for i in range(self.jobs)]
            work = [partial(self._shard, session, shard, calls, quick) for shard in shards]
            _all_done(work)
        return True

    def _waiting(self, quick: bool) -> list[Mutant]:
        """Those not tried yet; and of these, when all tests are due, those that survived so far."""
        rows = {row["key"]: row for row in map(json.loads, _lines(self.results))}
        if quick:
            return [m for m in self.mutants if m.key not in rows]
        return [m for m in self.mutants if rows[m.key]["outcome"] == "survived so far"]

    def _recorded(self, session: pytest.Session) -> Any:
        """By test: how long it takes, whether it passes, which functions it calls anywhere."""
        if not self.calls.exists():
            files = list(dict.fromkeys(item.path for item in session.items))
            parts = [self.folder / f"calls-{i}.json" for i in range(self.jobs)]
            work = [
                partial(self._record, session, set(files[i :: self.jobs]), part)
                for i, part in enumerate(parts)
            ]
            _all_done(work)
            calls = {n: call for part in parts for n, call in json.loads(part.read_text()).items()}
            self.calls.write_text(json.dumps(calls))
        return json.loads(self.calls.read_text())

    def _record(self, session: pytest.Session, files: set[Path], part: Path) -> None:
        import sitecustomize

        hits = part.with_suffix(".hits")
        os.environ["MUTATION_HITS"] = str(hits)
        os.environ["MUTANT_UNDER_TEST"] = "stats"
        calls: dict[str, Any] = {}
        for item, following in _pairs([item for item in session.items if item.path in files]):
            hits.write_text("")
            sitecustomize.seen.clear()
            failed, began = session.testsfailed, time.monotonic()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            took = time.monotonic() - began
            passed = session.testsfailed == failed
            calls[item.nodeid] = [took, passed, sorted(set(hits.read_text().split()))]
        for together in _sharing(session.items):
            known = [calls[nodeid] for nodeid in together if nodeid in calls]
            hit = sorted({name for call in known for name in call[2]})
            for call in known:  # by itself each of them sets up what they share
                call[0], call[2] = max(c[0] for c in known), hit
        part.write_text(json.dumps(calls))

    def _shard(
        self, session: pytest.Session, mutants: Sequence[Mutant], calls: Any, quick: bool
    ) -> None:
        items = {item.nodeid: item for item in session.items}
        for mutant in mutants:
            tests = [n for n, (_, passed, hit) in calls.items() if passed and mutant.called in hit]
            tests.sort(key=lambda n: calls[n][0])
            seconds = {n: calls[n][0] for n in tests}
            ends = accumulate(seconds.values())
            first = [n for n, end in zip(tests, ends, strict=True) if end <= FIRST] or tests[:1]
            due = first if quick else tests[len(first) :]
            began = time.monotonic()
            outcome, test = self._try(session, mutant, [items[n] for n in due], seconds)
            if outcome == "survived" and quick and len(first) < len(tests):
                outcome = "survived so far"
            row = {
                "key": mutant.key,
                "outcome": outcome if tests else "no tests",
                "test": test,
                "seconds": round(time.monotonic() - began, 2),
            }
            # Not by gradproof's journal: in this copy that is code under test.
            with self.results.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def _try(
        self, session: pytest.Session, mutant: Mutant, items: list[Any], seconds: dict[str, float]
    ) -> tuple[str, str]:
        """killed, survived or timeout, and the test that said so."""
        read, write = os.pipe()

        def run() -> None:
            temporary.mkdir()
            os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = str(temporary)
            os.environ["MUTANT_UNDER_TEST"] = mutant.key
            os.environ.pop("MUTATION_HITS", None)
            for item, following in _pairs(items):
                os.write(write, f"{item.nodeid}\n".encode())
                try:
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                except BaseException:  # noqa: BLE001  (an interrupt too comes of the mutant)
                    os._exit(FAILED)
                if session.testsfailed:
                    os._exit(FAILED)

        temporary = self.folder / f"tmp-{os.getpid()}"
        process = _fork(run)
        os.close(write)
        test, timeout = "", False
        while not timeout:
            limit = SLOWEST + 10 * seconds.get(test, 0.0)
            if not select.select([read], [], [], limit)[0]:
                timeout = True
            elif text := os.read(read, 1 << 16).decode():
                test = text.split("\n")[-2]
            else:
                break
        os.close(read)
        if timeout:
            os.kill(process, signal.SIGKILL)
        status = _wait(process)
        _end_started(mutant.key)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(".hypothesis", ignore_errors=True)  # the examples that failed on this mutant
        if timeout:
            return "timeout", test
        if status == BROKEN:
            raise RuntimeError(f"{mutant.key} could not be tried")
        return ("survived", "") if status == 0 else ("killed", test)


def _sharing(items: Sequence[Any]) -> Iterator[list[str]]:
    """Tests that share a fixture: what the first one of them sets up is called for all."""
    groups: dict[tuple[Path, str], list[str]] = {}
    for item in items:
        for name, found in item._fixtureinfo.name2fixturedefs.items():
            if found[-1].scope == "module":
                groups.setdefault((item.path, name), []).append(item.nodeid)
    yield from groups.values()


def _pairs(items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return pairwise([*items, None])


def _fork(work: Callable[[], None]) -> int:
    """Do it in a child of this process; 0 is its status when it comes to its end."""
    process = os.fork()
    if process:
        return process
    status = BROKEN
    try:
        work()
        status = 0
    except BaseException as error:  # noqa: BLE001 (nothing may come back into the parent's stack)
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _all_done(work: Sequence[Callable[[], None]]) -> None:
    """Do it all at once, each in a child; raises RuntimeError when one breaks."""
    begun = [_fork(each) for each in work]
    statuses = [_wait(process) for process in begun]
    if any(statuses):
        raise RuntimeError("a process that tries mutants broke; see above")


def _wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _end_started(mutant: str) -> None:
    """Kill what the tests have started and left running on this mutant."""
    mark = f"MUTANT_UNDER_TEST={mutant}".encode()
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in place.read_bytes().split(b"\0"):
                os.kill(int(place.parent.name), signal.SIGKILL)
        except OSError:
            continue


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def main(folder: Path, jobs: int, tests: Sequence[str]) -> int:
    """In the copy's root: collect the tests and try the mutants of mutants.json."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    found = json.loads((folder / "mutants.json").read_text())
    mutants = [Mutant(**row) for row in found["mutants"]]
    # Nobody reads how a test fails, and to print a large object in a traceback can take minutes.
    arguments = ["-q", "-s", "--no-header", "--tb=no", "--hypothesis-seed=0"]
    arguments += ["-p", "no:cacheprovider"]
    return int(pytest.main([*arguments, *tests], plugins=[Trials(folder, mutants, jobs)]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
