"""A file of rules alone, for a question: the tables `[accounts]` and `[gateways.X.accounts…]` of the settings."""

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

#: Stands where settings need an address; nothing connects to it.
_NOWHERE: Final = "wss://nowhere.invalid/"


class _GatewayRules(Table):
    """The rules of one gateway's accounts."""

    accounts: dict[Name, AccountRules] = Field(default_factory=dict)


class RulesFile(Table):
    """What decides, without what connects."""

    accounts: DefaultRules = AccountRules()
    gateways: dict[Name, _GatewayRules] = Field(default_factory=dict)

    def document(self, gateway: str) -> dict[str, JSON]:
        """Return the rules document of a gateway, which need not be named in the file."""
        known = self.gateways.get(gateway, _GatewayRules())
        whole = Gateway(urls=[_NOWHERE], accounts=known.accounts)
        return rules_document(Settings(accounts=self.accounts, gateways={gateway: whole}), gateway)


def load_rules(path: Path) -> RulesFile:
    """Read a file of rules. Errors: ConfigError with a line for each problem; no value is ever repeated."""
    document = read_file(path)
    try:
        return RulesFile.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [describe_problem(detail, {}, path) for detail in details]
        lines.append(f"{path}: only [accounts] and [gateways.NAME.accounts.…] can be asked about")
        raise ConfigError("\n".join(lines)) from None
