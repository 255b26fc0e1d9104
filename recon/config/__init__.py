"""Settings: a TOML file, overridden by RECON_ variables, secrets also from files.

`load_settings` reads them, `rules_document` returns the rules for the log, `describe` shows the settings without
secrets, `secrets_of` returns the secrets for whoever keeps them out of what recon says.
"""

from recon.config.accounts import (
    AccountRules,
    ContractTerms,
    FeeRule,
    Funding,
    OffExchangeSettlement,
    Tolerance,
    UnitRules,
)
from recon.config.alerts import Alerts
from recon.config.auth import Auth
from recon.config.channels import AlertLog, Alertmanager, Apprise, Command, HttpReceiver, PagerDuty, Webhook
from recon.config.describe import describe
from recon.config.load import known_variables, load_settings
from recon.config.managed import Managed
from recon.config.rules import JSON, rules_document
from recon.config.secrets import secrets_of
from recon.config.tables import Database, Gateway, Limits, Log, Recovery, Service, Settings
from recon.config.venues import Venue

__all__ = [
    "JSON",
    "AccountRules",
    "AlertLog",
    "Alertmanager",
    "Alerts",
    "Apprise",
    "Auth",
    "Command",
    "ContractTerms",
    "Database",
    "FeeRule",
    "Funding",
    "Gateway",
    "HttpReceiver",
    "Limits",
    "Log",
    "Managed",
    "OffExchangeSettlement",
    "PagerDuty",
    "Recovery",
    "Service",
    "Settings",
    "Tolerance",
    "UnitRules",
    "Venue",
    "Webhook",
    "describe",
    "known_variables",
    "load_settings",
    "rules_document",
    "secrets_of",
]
