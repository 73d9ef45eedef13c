# SPDX-License-Identifier: Apache-2.0
"""The alert rules and the dashboard of docs/monitoring fit the metrics that are served.

Prometheus's own promtool reads each expression, and evaluates the rules on what the records of each class
serve."""

import importlib
import json
import math
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from anchor.monitor.alarm_kinds import anchor_of, kind_of
from anchor.records import store
from anchor.report.metrics import registry
from anchor.verdict import Class
from tests.support.process.need import need
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, opened

yaml: Any = importlib.import_module("yaml")  # apprise needs it too
ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs" / "monitoring" / "alerts.yml"
BOARD = json.loads((ROOT / "docs" / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
(GROUP,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS: list[Any] = GROUP["rules"]
SHOWN = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
VARIABLES = [v["query"]["query"] for v in BOARD["templating"]["list"] if v["type"] == "query"]
SCRAPED = {"instance", "job"}
"""Labels that Prometheus adds."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of each series that the metrics of this program have."""
    found: dict[str, set[str]] = {}
    with opened(f"sqlite:///{tmp_path_factory.mktemp('records')}/r.db") as database:
        for family in registry(database).collect():
            names = {"counter": ["_total"], "summary": ["_sum", "_count"]}.get(family.type, [""])
            for suffix in names:
                found[family.name + suffix] = set(family._labelnames)  # type: ignore[attr-defined]
    return found


def names(text: str) -> set[str]:
    return set(re.findall(r"\banchor_[a-z_]+\b", text))


def labels(text: str) -> set[str]:
    """The labels that an expression selects or groups by."""
    selected = re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!=|!~|=)", text)
    grouped = [word for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", text) for word in group.split(",")]
    return {word.strip() for word in (*selected, *grouped)}


def test_each_expression_is_about_metrics_that_are_served_and_each_metric_is_shown(
    served: dict[str, set[str]],
) -> None:
    used = names("\n".join([*(rule["expr"] for rule in ALERTS), *SHOWN, *VARIABLES]))
    assert used - set(served) == set()
    assert set(served) - used == set()


def test_each_label_is_one_of_the_metric(served: dict[str, set[str]]) -> None:
    for expr in [*(rule["expr"] for rule in ALERTS), *SHOWN]:
        known = set().union(SCRAPED, *(served[name] for name in names(expr)))
        assert labels(expr) <= known, expr
    for rule in ALERTS:
        known = set().union(SCRAPED, *(served[name] for name in names(rule["expr"])))
        assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= known, rule["alert"]
    for query in VARIABLES:
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
        assert found
        assert found[2] in served[found[1]]


def test_each_class_but_ok_has_an_alert_with_the_severity_of_its_messages() -> None:
    said = {
        found: rule["labels"]["severity"]
        for rule in ALERTS
        for found in re.findall(r'class="([A-Z-]+)"', rule["expr"])
    }
    assert said == {
        str(c): str(kind_of("", c).severity) for c in Class if c not in (Class.OK, Class.NOT_FOUND)
    }
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


def test_each_alert_and_panel_names_a_heading_that_exists() -> None:
    named = [rule["annotations"]["runbook"] for rule in ALERTS]
    named += [word for p in BOARD["panels"] for word in re.findall(r"docs/[\w.#-]+[\w]", p["description"])]
    assert len(named) > len(ALERTS)
    for place in named:
        path, _, anchor = place.partition("#")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not anchor or anchor in {anchor_of(h) for h in re.findall(r"^#+ (.+)$", text, re.M)}, place


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    places = [
        {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        for g in (panel["gridPos"] for panel in BOARD["panels"])
    ]
    assert sum(len(place) for place in places) == len(set().union(*places))
    assert max(x for place in places for x, _ in place) < 24
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert {t["datasource"]["uid"] for p in BOARD["panels"] for t in p["targets"]} == {"${datasource}"}


# -- by Prometheus itself -----------------------------------------------------------------------------------


def promtool(*words: object, given: str = "") -> str:
    tool = shutil.which("promtool")
    need(tool, "apt-get install --no-install-recommends prometheus")
    ran = subprocess.run(
        [str(tool), *map(str, words)], input=given, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_prometheus_reads_the_rules_and_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", RULES)
    plain = [
        e.replace("$__rate_interval", "5m").replace("$target", ".*").replace("$origin", ".*") for e in SHOWN
    ]
    rules = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(plain)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(SHOWN)} rules found" in promtool("check", "rules", tmp_path / "panels.yml")


def fires(tmp_path: Path, series: Sequence[tuple[str, str]], expected: Mapping[str, Sequence[str]]) -> None:
    """Compare the alerts that fire at each time, by their names and severities, with those expected."""
    severity = {rule["alert"]: rule["labels"]["severity"] for rule in ALERTS}
    shutil.copy(RULES, tmp_path / "alerts.yml")
    asked = [
        {
            "expr": 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
            "eval_time": at,
            "exp_samples": [
                {"labels": f'{{alertname="{name}", severity="{severity[name]}"}}', "value": 1}
                for name in alerts
            ],
        }
        for at, alerts in expected.items()
    ]
    given = [{"series": name, "values": values} for name, values in series]
    test = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "5m",
        "tests": [{"interval": "5m", "input_series": given, "promql_expr_test": asked}],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "test.yml")


def scraped(tmp_path: Path, *runs: Class, length: int = 400) -> list[tuple[str, str]]:
    """The series that the records serve after these runs, an hour apart, each of one value for a while."""
    found: list[tuple[str, str]] = []
    with opened(f"sqlite:///{tmp_path}/r.db") as database:
        for n, verdict in enumerate(runs):
            at = NOW + 3600 * n
            lease = outcomes.taken(database, now=at)
            store.save_run(database, lease, outcomes.outcome(verdict), now=at, rules=store.RunRules())
        for family in registry(database, clock=lambda: NOW + 3600.0 * len(runs)).collect():
            for sample in family.samples:
                own = {**sample.labels, "instance": "watch:9464", "job": "anchor"}
                text = ",".join(f"{k}={json.dumps(v)}" for k, v in own.items())
                value = "Inf" if math.isinf(sample.value) else f"{sample.value:g}"
                found.append((f"{sample.name}{{{text}}}", f"{value}x{length}"))
    return found


OF_CLASS = {
    Class.EQUIVOCATION: "AnchorEquivocation",
    Class.INVALID: "AnchorInvalid",
    Class.FINDINGS: "AnchorSignedInYourName",
    Class.ERROR: "AnchorError",
    Class.UNAVAILABLE: "AnchorUnavailable",
    Class.PENDING: "AnchorPending",
    Class.STALE: "AnchorUnverified",
    Class.WITHDRAWN: "AnchorWithdrawn",
    Class.UNSUPPORTED: "AnchorUnsupported",
    Class.USAGE: "AnchorUsage",
}


@pytest.mark.parametrize("verdict", [c for c in Class if c is not Class.NOT_FOUND])
def test_the_records_of_each_class_raise_its_alert_and_no_other(verdict: Class, tmp_path: Path) -> None:
    messages = [] if verdict in (Class.OK, Class.UNAVAILABLE) else ["AnchorMessagesWaiting"]
    alerts = [OF_CLASS[verdict], *messages] if verdict is not Class.OK else []
    fires(tmp_path, scraped(tmp_path, Class.OK, verdict), {"1d": alerts})


def test_an_alert_waits_comes_ends_and_comes_again(tmp_path: Path) -> None:
    series = [
        ("anchor_up", "1x400"),
        ('anchor_unverified_seconds{target="t"}', "60x400"),
        ('anchor_target_class{class="INVALID",target="t"}', "0x11 1x11 0x11 1x11"),
        ('anchor_target_class{class="UNAVAILABLE",target="t"}', "1x60 0x11 1x100"),
    ]
    bad, away = ["AnchorInvalid"], ["AnchorUnavailable"]
    at = {"30m": [], "1h30m": bad, "2h30m": [], "3h30m": bad, "5h": [], "11h": [], "12h30m": away}
    fires(tmp_path, series, at)


def test_a_watch_that_is_gone_or_without_records_or_releases_is_noticed(tmp_path: Path) -> None:
    fires(tmp_path, [("up", "1x400")], {"10m": [], "30m": ["AnchorWatchGone"]})
    fires(tmp_path, [("anchor_up", "0x400")], {"10m": [], "30m": ["AnchorRecordsUnreadable"]})
    fires(tmp_path, scraped(tmp_path), {"30m": [], "2h": ["AnchorNothingWatched"]})


def test_what_is_unread_unproven_or_undelivered_is_noticed_when_it_lasts(tmp_path: Path) -> None:
    series = [
        ("anchor_up", "1x400"),
        ('anchor_unverified_seconds{target="t"}', "60x400"),
        ('anchor_names_unread{origin="a"}', "9x400"),
        ('anchor_unproven_checkpoints{origin="a"}', "1x400"),
        ("anchor_messages_waiting", "2x400"),
    ]
    late = ["AnchorLogUnread", "AnchorMessagesWaiting", "AnchorUnprovenHeads"]
    fires(tmp_path, series, {"30m": [], "2h": ["AnchorMessagesWaiting"], "25h": late})


def test_evidence_and_an_unexplained_entry_are_noticed_at_once(tmp_path: Path) -> None:
    series = [
        ("anchor_up", "1x9"),
        ('anchor_unverified_seconds{target="t"}', "60x9"),
        ("anchor_evidence", "0x2 1x9"),
        ('anchor_names_unexplained{origin="a"}', "0x2 1x9"),
    ]
    fires(tmp_path, series, {"10m": [], "15m": ["AnchorEvidence", "AnchorSignedInYourName"]})


def test_the_metrics_are_named_as_prometheus_wants(tmp_path: Path) -> None:
    from anchor.report.metrics import textfile

    with opened(f"sqlite:///{tmp_path}/r.db") as database:
        promtool("check", "metrics", given=textfile(database).decode())
