"""Rules and dashboards: Prometheus can read them, each alert fires when it should, and every metric named exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from recon.service.families import FAMILIES

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "config" / "prometheus" / "rules.yml"
RULES_TEST: Final = Path(__file__).with_name("rules_test.yml")
#: Those of Prometheus; the one of SQL has a test of its own.
DASHBOARDS: Final = [ROOT / "config" / "grafana" / f"recon-{name}.json" for name in ("overview", "service")]

#: A name that begins as ours do, with the level of a recording rule before it if it has one.
_NAME: Final = re.compile(r"\b(?:[a-z_]+:)?(?:recon|process)_\w+(?::\w+)?")
_STRING: Final = re.compile(r'"[^"]*"')
_PROCESS: Final = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries(dashboard: Path) -> Iterator[tuple[str, str]]:
    """Yield the title and each query of each panel."""
    for panel in json.loads(dashboard.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def known() -> set[str]:
    series = {each for family in FAMILIES.values() for each in family.series}
    return series | _PROCESS | {rule["record"] for rule in rules() if "record" in rule}


def strangers(expression: str) -> set[str]:
    return set(_NAME.findall(_STRING.sub('""', expression))) - known()


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not here")
    command = [program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", str(RULES))


def test_promtool_finds_each_alert_fires_when_it_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(RULES_TEST))


def test_each_alert_is_tested_to_fire_and_not_to_fire() -> None:
    tested = RULES_TEST.read_text(encoding="utf-8")
    for name in (rule["alert"] for rule in rules() if "alert" in rule):
        assert re.search(rf"eval_time: \w+, alertname: {name}}}", tested), f"{name} is silent while all is well"
        fires = rf'alertname="{name}"|alertname: {name}\n +exp_alerts'
        assert re.search(fires, tested), f"{name} fires"


def test_every_metric_of_the_rules_exists() -> None:
    for rule in rules():
        assert not strangers(rule["expr"]), rule
    assert strangers("rate(recon_frames_total[5m])") == {"recon_frames_total"}, "one that there is not is found"


def test_every_alert_says_what_and_what_to_do() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"warning", "critical"}, rule
            assert rule["annotations"]["summary"], rule
            assert rule["annotations"]["description"].endswith("."), rule


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_metric_of_a_dashboard_exists(dashboard: Path) -> None:
    found = list(queries(dashboard))
    assert len(found) > 10
    wrong = {title: names for title, query in found if (names := strangers(query))}
    assert not wrong


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_can_read_every_query_of_a_dashboard(dashboard: Path, tmp_path: Path) -> None:
    expressions = [query.replace("$__rate_interval", "5m") for _, query in queries(dashboard)]
    named = [{"record": f"panel_{number}", "expr": each} for number, each in enumerate(expressions)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": named}]}), encoding="utf-8")
    promtool("check", "rules", str(file))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported_anywhere(dashboard: Path) -> None:
    """No data source of ours, no two panels of one id, none over another, each with a unit and what it means."""
    document = json.loads(dashboard.read_text(encoding="utf-8"))
    assert document["uid"] == dashboard.stem
    assert {each["name"] for each in document["templating"]["list"]} == {"datasource", "gateway"}
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < 24, panel["title"]
        cells |= own
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(each["datasource"]["uid"] == "${datasource}" for each in panel["targets"])
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_every_metric_is_shown_somewhere() -> None:
    shown = " ".join(query for dashboard in DASHBOARDS for _, query in queries(dashboard))
    shown += " ".join(rule["expr"] for rule in rules())
    unseen = {name for name, family in FAMILIES.items() if not any(each in shown for each in family.series)}
    # The version, and who asks for it by hand.
    assert unseen <= {"recon_build", "recon_buffer_events"}
