"""Fault tests say which fault they make, and what happened; the table of it closes a run of this
folder.

A test is marked `@pytest.mark.fault("kind", "what is made to go wrong")` and tells the fixture
`happened` what came of it.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_runs import forks, straight  # noqa: F401 - fixtures


@pytest.fixture
def happened(record_property: Callable) -> Callable[[str], None]:
    """Keeps in words what a fault led to, for the table."""
    return lambda said: record_property("happened", said)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    mark = item.get_closest_marker("fault")
    if mark is not None and (call.when == "call" or call.excinfo is not None):
        item.user_properties.append(("fault", list(mark.args)))
    yield


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = list(_rows(terminalreporter))
    if not rows:
        return
    terminalreporter.section("faults")
    for row in rows:
        terminalreporter.write_line(
            f"{row['outcome']:8} {row['kind']}: {row['fault']} -> {row['happened']}"
        )
    if place := os.environ.get("SNNEXP_FAULTS"):
        Path(place).write_text(json.dumps(rows, indent=2) + "\n")


def _rows(reporter: Any) -> Any:
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in reporter.stats.get(outcome, ()):
            told = dict(
                getattr(report, "user_properties", ())
            )  # a file that cannot be collected has none
            if "fault" in told:
                kind, fault = told["fault"]
                came = told.get("happened") or _why(report)
                yield {
                    "outcome": outcome,
                    "kind": kind,
                    "fault": fault,
                    "happened": came,
                    "test": report.nodeid,
                }


def _why(report: pytest.TestReport) -> str:
    """Why a test was skipped, without the place."""
    return str(report.longrepr[2]) if report.skipped and isinstance(report.longrepr, tuple) else ""
