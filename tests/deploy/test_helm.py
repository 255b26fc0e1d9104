"""The chart: what it makes of values, whom it refuses, and that no secret is in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from recon.config import Settings
from recon.web.health import LIVEZ, READYZ
from recon.web.metrics import METRICS

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "config" / "helm" / "recon"
TEMPLATES: Final = sorted((CHART / "templates").iterdir())
LEAST: Final[dict[str, Any]] = {"secret": {"name": "recon"}}
ALL: Final[dict[str, Any]] = {
    **LEAST,
    "migrate": {"enabled": True, "secretName": "owner"},
    "monitoring": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
    "web": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "imagePullSecrets": [{"name": "registry"}],
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "k"}],
    "affinity": {"nodeAffinity": {}},
}

Render = Callable[[Mapping[str, Any]], list[dict[str, Any]]]


class ValuesRefusedError(Exception):
    """The chart does not take these values."""


def values() -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")))


def merged(given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over others, as Helm does."""
    both = {**base, **given}
    for key, value in given.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            both[key] = merged(value, base[key])
    return both


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Render by Helm: its program where it is, or its library for Python."""
    program = shutil.which("helm")

    def by_program(given: Mapping[str, Any]) -> list[dict[str, Any]]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(dict(given)), encoding="utf-8")
        command = [program or "", "template", "r", str(CHART), "--namespace", "ns", "-f", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
        if done.returncode:
            raise ValuesRefusedError(done.stderr)
        return documents(done.stdout)

    if program is not None:
        return by_program
    library = pytest.importorskip("helm_python", reason="neither the program helm nor helm-python-sdk is here")

    def by_library(given: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            rendered = library.Chart.load(str(CHART)).render(dict(given), name="r", namespace="ns")
        except library.HelmError as error:
            raise ValuesRefusedError(str(error)) from None
        return [each for name, text in rendered.items() if name.endswith(".yaml") for each in documents(text)]

    return by_library


def of_kind(rendered: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [each for each in rendered if each["kind"] == kind]
    return found


def test_its_values_fit_its_schema_once_the_secret_is_named() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    assert not list(validator.iter_errors(merged(ALL, values())))
    (error,) = validator.iter_errors(values())
    assert list(error.absolute_path) == ["secret", "name"], "nothing runs without a Secret of your own"


@pytest.mark.parametrize(
    "settings",
    [
        '[gateways.g.auth]\napi_key = "k"',
        '[webhooks.w]\nsecret = "whsec_c2VjcmV0"',
        '[database]\nurl = "postgresql://recon_service:hunter2@db/recon"',
        '[database]\nurl = "postgresql://db/recon"',
        '[gateways.g]\nurls = ["wss://user:word@ems.example.com/"]',
    ],
)
def test_no_secret_gets_into_values(settings: str) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    given = merged({**LEAST, "settings": settings}, values())
    assert list(jsonschema.Draft7Validator(schema).iter_errors(given))


def test_its_settings_are_settings_of_recon(tmp_path: Path) -> None:
    """Whatever file they name is in the Secret that the values tell how to make."""
    text = values()["settings"]
    asked = re.findall(r'"/run/secrets/recon/([\w-]+)"', text)
    told = re.findall(r"--from-file=([\w-]+)", (CHART / "values.yaml").read_text(encoding="utf-8"))
    assert asked
    assert set(asked) == set(told)
    (tmp_path / "database-url").write_text("postgresql://db/recon")
    (tmp_path / "ems-api-key").write_text("key")
    Settings.model_validate(tomllib.loads(text.replace("/run/secrets/recon", str(tmp_path))))


def test_every_value_that_a_template_names_exists() -> None:
    known = merged({}, values())
    for template in TEMPLATES:
        for path in re.findall(r"\.Values\.([\w.]+)", template.read_text(encoding="utf-8")):
            at: Any = known
            for key in path.split("."):
                assert key in at, f"{template.name}: {path}"
                at = at[key]


def test_every_block_ends_and_every_part_that_is_included_is_defined() -> None:
    text = "\n".join(template.read_text(encoding="utf-8") for template in TEMPLATES)
    assert text.count("{{") == text.count("}}")
    opened = len(re.findall(r"{{-? *(?:if|with|range|define) ", text))
    assert opened == len(re.findall(r"{{-? *end *-?}}", text))
    assert set(re.findall(r'include "([\w.]+)"', text)) == set(re.findall(r'define "([\w.]+)"', text))


def test_its_rules_are_those_of_prometheus() -> None:
    ours = ROOT / "config" / "prometheus" / "rules.yml"
    assert (CHART / "files" / "rules.yml").read_bytes() == ours.read_bytes(), "copy config/prometheus/rules.yml"


def test_it_makes_no_secret_and_only_what_is_wanted(render: Render) -> None:
    kinds = sorted(each["kind"] for each in render(LEAST))
    assert kinds == ["ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"]
    kinds = sorted(each["kind"] for each in render(ALL))
    assert kinds == [
        "ConfigMap", "ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "PrometheusRule",
        "Service", "ServiceAccount", "ServiceMonitor",
    ]  # fmt: skip


def test_each_pod_is_nobody_on_a_read_only_root(render: Render) -> None:
    for kind in ("Deployment", "Job"):
        pod = of_kind(render(ALL), kind)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        volumes = {each["name"]: each for each in pod["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
        writable = {each["name"] for each in container["volumeMounts"] if not each.get("readOnly")}
        assert writable == {"tmp"}
        assert volumes["secret"]["secret"]["secretName"] == "recon"
        assert not [each for each in container["env"] if re.search("PASSWORD|KEY|TOKEN", each["name"])]


def test_it_is_probed_where_it_listens(render: Render) -> None:
    rendered = render({**LEAST, "monitoring": {"port": 9999}})
    deployment = of_kind(rendered, "Deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert {"name": "RECON_MONITORING__LISTEN", "value": "0.0.0.0:9999"} in container["env"]
    assert container["ports"] == [{"name": "monitoring", "containerPort": 9999}]
    paths = {key: container[key]["httpGet"] for key in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert {key: each["path"] for key, each in paths.items()} == {
        "livenessProbe": LIVEZ, "readinessProbe": READYZ, "startupProbe": LIVEZ,
    }  # fmt: skip
    assert {each["port"] for each in paths.values()} == {"monitoring"}
    assert of_kind(render(ALL), "ServiceMonitor")["spec"]["endpoints"][0]["path"] == METRICS
    labels = deployment["template"]["metadata"]["labels"].items()
    assert of_kind(rendered, "Service")["spec"]["selector"].items() <= labels
    assert deployment["selector"]["matchLabels"].items() <= labels
    job = of_kind(render(ALL), "Job")["spec"]["template"]["metadata"]["labels"]
    assert not of_kind(rendered, "Service")["spec"]["selector"].items() <= job.items(), "a migration serves nobody"


def test_settings_arrive_as_they_were_given(render: Render) -> None:
    text = '[database]\nurl_file = "/run/secrets/recon/x"  # {{ no template }}\n\n[log]\nlevel = "debug"\n'
    rendered = render({**LEAST, "settings": text})
    assert of_kind(rendered, "ConfigMap")["data"]["recon.toml"] == text
    other = render(LEAST)
    sums = [of_kind(each, "Deployment")["spec"]["template"]["metadata"]["annotations"] for each in (rendered, other)]
    assert sums[0] != sums[1], "other settings start other pods"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {**LEAST, "settings": '[gateways.g.auth]\napi_key = "k"'},
        {**LEAST, "replica": 3},
        {**LEAST, "migrate": {"enabled": True}},
        {**LEAST, "terminationGracePeriodSeconds": 10},
    ],
)
def test_helm_refuses_what_the_schema_refuses(render: Render, given: Mapping[str, Any]) -> None:
    with pytest.raises(ValuesRefusedError):
        render(given)


def test_the_rules_arrive_whole(render: Render) -> None:
    shipped = yaml.safe_load((CHART / "files" / "rules.yml").read_text(encoding="utf-8"))
    assert of_kind(render(ALL), "PrometheusRule")["spec"] == shipped
