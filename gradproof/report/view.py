"""All that the page and the Markdown show, computed once for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradproof.report import charts, drawn, findings, output, tables, training
from gradproof.report.format import count, plural, share
from gradproof.report.inaccurate import InaccurateRow, inaccurate
from gradproof.report.load import Run
from gradproof.report.section import Section

GLYPHS = {
    "agree": "✓",
    "disagree": "✗",
    "error": "!",
    "convention": "≈",
    "reference": "≠",
    "vacuous": "○",
}


@dataclass(frozen=True)
class View:
    """The contents of the report, in reading order."""

    info: Mapping[str, Any]
    complete: bool
    verdict: str
    headline: str
    lead: str
    warnings: list[str]
    tiles: list[tuple[str, str, str]]  # number, what it counts, a remark
    environment: list[tuple[str, str]]
    settings: list[tuple[str, str]]
    sections: tuple[Section, ...]
    totals: tables.Totals
    layers: list[tables.LayerRow]
    dtypes: list[str]
    caught: list[str]  # dtypes in which errors were planted
    depths: list[tables.DepthRow]
    errors: charts.Bars
    heat: charts.HeatMap | None
    groups: list[training.Group]
    groups_left_out: int
    training: list[training.TrainingRow]
    findings: list[findings.Finding]
    drawn: list[drawn.Chart]
    vacuity: list[tables.VacuityRow]
    inaccurate: list[InaccurateRow]
    timing: tables.Timing
    kinks: int
    files: tuple[str, ...]


def view(run: Run, sections: tuple[Section, ...], files: tuple[str, ...]) -> View:
    """`files` are the data files that will lie beside the report."""
    totals = tables.totals(run)
    verdict = tables.verdict(run, totals)
    layers = tables.layers(run)
    dtypes = tables.dtypes(layers)
    networks = run.examples.loc[run.examples["source"] == "network", "example"]
    groups, left_out = training.groups(run)
    return View(
        info=run.info,
        complete=run.complete,
        verdict=verdict,
        headline=_headline(verdict, totals, run.complete),
        lead=_lead(totals),
        warnings=_warnings(run, totals, verdict, files),
        tiles=_tiles(totals),
        environment=_pairs(run.info.get("environment")),
        settings=_settings(run),
        sections=sections,
        totals=totals,
        layers=layers,
        dtypes=dtypes,
        caught=tables.dtypes(layers, "caught"),
        depths=tables.depths(run),
        errors=charts.errors(tables.judged(run), dtypes),
        heat=charts.heat_map(tables.judged(run), networks),
        groups=groups,
        groups_left_out=left_out,
        training=training.table(run),
        findings=findings.findings(run),
        drawn=drawn.charts(run),
        vacuity=tables.vacuity(run),
        inaccurate=inaccurate(run),
        timing=tables.timing(run),
        kinks=int(run.examples["kink"].sum()),
        files=files,
    )


def _headline(verdict: str, totals: tables.Totals, complete: bool) -> str:
    wrong = totals.disagreements
    if wrong:
        said = plural(wrong, "array")
        said += " disagrees" if wrong == 1 else " disagree"
    elif totals.training_disagreements:
        said = "Training disagrees"
    elif verdict == "disagree":
        said = "The run failed"
    elif verdict == "vacuous":
        said = "Nothing was compared"
    else:
        said = "Every gradient agrees"
    return said if complete else f"Incomplete run: {said[0].lower()}{said[1:]} so far"


def _lead(totals: tables.Totals) -> str:
    drawn = [plural(totals.networks, "random network"), plural(totals.layer_cases, "layer case")]
    if totals.optimizer_cases:
        drawn.append(plural(totals.optimizer_cases, "optimizer case"))
    return (
        f"{plural(totals.arrays, 'array')} ({plural(totals.entries, 'entry')}) of "
        f"{', '.join(drawn[:-1])} and {drawn[-1]} were compared. "
        "Each entry has its own rounding bound, which was measured."
    )


def _warnings(run: Run, totals: tables.Totals, verdict: str, files: Sequence[str]) -> list[str]:
    found = []
    if not run.complete:
        found.append(
            "This run is incomplete: it was stopped before its end. This page shows what was "
            "finished; there is no verdict on the rest."
        )
    if run.truncated:
        rows = plural(run.truncated, "row")
        were = "was" if run.truncated == 1 else "were"
        found.append(f"{rows} {were} cut short when the run was stopped, and left out.")
    if verdict == "disagree" and not totals.bad:
        found.append(
            "Nothing disagrees, but the run did not pass, for example because too many networks "
            "were vacuous: see what could not be judged."
        )
    if files and not output.has_pyarrow():
        found.append("The rows are saved as CSV only: install pyarrow to have Parquet too.")
    return found


def _tiles(t: tables.Totals) -> list[tuple[str, str, str]]:
    training = f"and {count(t.training_disagreements)} in training"
    kinds = f"and {plural(t.optimizers, 'optimizer')}" if t.optimizers else "and losses"
    return [
        (count(t.layers), "layers", kinds),
        (count(t.networks), "networks", f"{count(t.distinct)} of them distinct"),
        (count(t.arrays), "arrays compared", "outputs and gradients"),
        (count(t.disagreements), "disagreements", training),
        (count(t.convention), "conventions", "another choice at a kink"),
        (share(t.vacuous_networks, t.networks), "vacuous networks", "could not fail"),
    ]


def _settings(run: Run) -> list[tuple[str, str]]:
    names = {
        "run": "run",
        "started": "started",
        "finished": "finished",
        "seed": "seed",
        "profile": "profile",
        "examples": "examples asked for",
    }
    info = {**run.info, "finished": run.info.get("finished") or "no: the run is incomplete"}
    known = [(said, info.get(key)) for key, said in names.items()]
    settings = [(said, str(value)) for said, value in known if value is not None]
    return settings + _pairs(run.info.get("counts"))


def _pairs(values: Any) -> list[tuple[str, str]]:
    pairs = dict(values or {}).items()
    return [(str(k).replace("_", " "), count(v) if type(v) is int else str(v)) for k, v in pairs]
