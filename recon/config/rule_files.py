"""A file of rules alone, to try them: the tables `[accounts]` and `[gateways.X.accounts…]` of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from recon.config.accounts import AccountRules, DefaultRules
from recon.config.base import Table
from recon.config.load import describe_problem, read_file
from recon.config.rules import JSON, rules_document
from recon.config.tables import Gateway, Settings
from recon.config.values import Name
from recon.errors import ConfigError

#: An address for settings that need one; nothing connects to it.
_NOWHERE: Final = "wss://nowhere.invalid/"


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
    """Return a file of rules. Raise ConfigError with a line for each problem, without any value."""
    document = read_file(path)
    try:
        return RulesFile.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [describe_problem(detail, {}, path) for detail in details]
        lines.append(f"{path}: only [accounts] and [gateways.NAME.accounts.…] can be asked about")
        raise ConfigError("\n".join(lines)) from None
