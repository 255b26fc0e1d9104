"""Other rules, to try them: the tables `[accounts]` and `[gateways.X.accounts…]` of a file of settings.

The file may be a whole settings file. What else is in it must be known keys, and is left alone: nothing connects, and
no file that it names is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from recon.config.accounts import AccountRules, DefaultRules
from recon.config.base import Table
from recon.config.load import read_file
from recon.config.problems import problems_of
from recon.config.rules import JSON, rules_document
from recon.config.tables import Gateway, Settings
from recon.config.values import Name
from recon.errors import ConfigError

#: An address for settings that need one; nothing connects to it.
_NOWHERE: Final = "wss://nowhere.invalid/"
#: The tables of the settings that hold rules.
_RULES: Final = ("accounts", "gateways")


class _GatewayRules(Table):
    """The rules of one gateway's accounts."""

    accounts: dict[Name, AccountRules] = Field(default_factory=dict)


class RulesFile(Table):
    """Rules without connections."""

    accounts: DefaultRules = AccountRules()
    gateways: dict[Name, _GatewayRules] = Field(default_factory=dict)

    def document(self, gateway: str) -> dict[str, JSON]:
        """Return the rules document of a gateway, which need not be named in the file."""
        rules = self.gateways.get(gateway, _GatewayRules())
        complete = Gateway(urls=[_NOWHERE], accounts=rules.accounts)
        return rules_document(Settings(accounts=self.accounts, gateways={gateway: complete}), gateway)


def load_rules(path: Path) -> RulesFile:
    """Return the rules of a file. Raise ConfigError with a line for each problem, without any value."""
    document = read_file(path)
    if not document.keys() & {*_RULES} and document.keys() <= Settings.model_fields.keys():
        raise ConfigError(f"{path} holds no rules: neither [accounts] nor [gateways.NAME.accounts.…]")
    try:
        return RulesFile.model_validate(_rules_alone(document))
    except ValidationError as error:
        raise ConfigError("\n".join(problems_of(error, Settings, path))) from None


def _rules_alone(document: Mapping[str, object]) -> dict[str, object]:
    """Return a document without the other tables of the settings, also of its gateways."""
    rules = {key: value for key, value in document.items() if key in _RULES or key not in Settings.model_fields}
    gateways = document.get("gateways")
    if isinstance(gateways, Mapping):
        rules["gateways"] = {name: _accounts_alone(table) for name, table in gateways.items()}
    return rules


def _accounts_alone(gateway: object) -> object:
    if not isinstance(gateway, Mapping):
        return gateway
    return {key: value for key, value in gateway.items() if key == "accounts" or key not in Gateway.model_fields}
