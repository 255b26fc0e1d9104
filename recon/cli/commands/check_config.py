"""`recon check-config`: the settings, checked and shown."""

from __future__ import annotations

from collections.abc import Iterator

from recon.alerts.channels import configured_channels, level_names, programs_missing
from recon.alerts.policy.shadowed import never_taken
from recon.alerts.policy_settings import policy_of
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import note, print_json, text_of, write
from recon.config import describe, rules_document
from recon.errors import ConfigError
from recon.service.otel import require_library
from recon.venues.checks import problems_of


def check_config(config: Config = None, json: Json = False) -> None:
    """Check the settings and show the effective ones.

    Nothing is started, and secrets are hidden.
    """
    settings = settings_of(config)
    settings.require_gateways()
    for name in settings.gateways:
        rules_document(settings, name)
    require_library(settings.tracing)
    problems = [f"{key}: {problem}" for key, problem in (*problems_of(settings), *programs_missing(settings))]
    if problems:
        raise ConfigError("\n".join(problems))
    policy = policy_of(settings.alerts, configured_channels(settings), level_names(settings))
    if not (policy.channels or level_names(settings)):
        note("alerts: there is no channel, so nobody is told; add [webhooks.NAME] or another receiver (operator 7.4)")
    for route, why in never_taken(policy, list(settings.gateways)):
        note(f"alerts.routes.{route} never matches: {why}")
    shown = describe(settings)
    if json:
        print_json(shown)
        return
    write("".join(f"{key} = {text_of(value)}\n" for key, value in _leaves("", shown)))
    note("the settings are valid")


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield every setting with its path, but for empty tables and lists."""
    if isinstance(value, dict):
        for key, item in value.items():
            part = key if key.replace("-", "").replace("_", "").isalnum() else f'"{key}"'
            yield from _leaves(f"{prefix}.{part}" if prefix else part, item)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(f"{prefix}[{index}]", item)
    elif value not in ([], None):
        yield prefix, value
