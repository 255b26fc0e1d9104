"""The settings' shape, how file and environment merge, and everything that is refused."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from recon.config import Settings, describe, known_variables, load_settings
from recon.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config" / "recon.example.toml"
SECRET = "d0-not-sh0w-me"
WEBHOOK_SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS13ZWJob29r"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"

FULL = """
[database]
url = "postgresql://recon_service:d0-not-sh0w-me@db.example.com:5433/recon?password=d0-not-sh0w-me"
migrate_url = "postgresql://recon_owner@db.example.com/recon"

[gateways.prod-eu]
urls = ["wss://one.example.com:8080/", "wss://two.example.com:8080/"]
rest_url = "https://one.example.com:8080/"

[gateways.prod-eu.auth]
method = "header"
api_key = "d0-not-sh0w-me"

[gateways.prod-eu.accounts."KRAKEN/JOHN"]
settlement_window = "2m"
tolerance = { absolute = "0.1", relative = 0.0001, usd = 1 }
assets = { XBT = "XXBT", USD = "ZUSD" }
pools = [["XXBT", "XBT.F"]]

[gateways.prod-eu.accounts."KRAKEN/JOHN".units.XXBT]
tolerance = { absolute = "0.00000001" }
quantum = "0.0000000001"

[gateways.prod-eu.accounts."BITMEX".contracts.XBTUSD]
multiplier = "1"
kind = "inverse"
settlement_asset = "XBT"
realised = "daily"
realised_at = "08:00"
method = "average"
balance_includes_unrealised = false

[accounts]
settlement_window = "1500ms"
position_mode = "hedge"

[webhooks.ops]
url = "https://alerts.example.com/"
secret = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29r"
"""

GATEWAY = '[gateways.g]\nurls = ["wss://one.example.com/"]\n'


def load(text: str, place: Path, **environ: str) -> Settings:
    path = place / "recon.toml"
    path.write_text(text)
    return load_settings(path, environ)


def refused(text: str, place: Path, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, place, **environ)
    message = str(caught.value)
    assert SECRET not in message
    assert caught.value.__cause__ is None or SECRET not in repr(caught.value.__cause__)
    return message


def test_the_public_shape(tmp_path: Path) -> None:
    settings = load(FULL, tmp_path)
    gateway = settings.gateways["prod-eu"]
    john = gateway.accounts["KRAKEN/JOHN"]
    terms = gateway.accounts["BITMEX"].contracts["XBTUSD"]

    assert gateway.urls == ["wss://one.example.com:8080/", "wss://two.example.com:8080/"]
    assert gateway.auth.api_key is not None
    assert gateway.auth.api_key.get_secret_value() == SECRET
    assert john.settlement_window == timedelta(minutes=2)
    assert john.tolerance is not None
    assert john.tolerance.relative == Decimal("0.0001")
    assert john.tolerance.usd == 1
    assert john.units["XXBT"].quantum == Decimal("0.0000000001")
    assert terms.multiplier == 1
    assert terms.realised_at == "08:00"
    assert terms.order_unit is None
    assert settings.accounts.settlement_window == timedelta(milliseconds=1500)
    assert settings.webhooks["ops"].secret.get_secret_value() == WEBHOOK_SECRET
    assert settings.limits.buffer_bytes == 64 * 1024 * 1024
    assert settings.limits.max_message_bytes == 16 * 1024 * 1024


def test_the_example_file_is_accepted() -> None:
    settings = load_settings(EXAMPLE, {})
    assert list(settings.gateways) == ["prod-eu"]


def test_nothing_at_all_is_enough_for_commands_without_gateways() -> None:
    settings = load_settings(None, {"HOME": "/root", "PATH": "/bin"})
    assert settings.database.url is None
    with pytest.raises(ConfigError, match="no gateway"):
        settings.require_gateways()


def test_settings_are_frozen() -> None:
    settings = load_settings(None, {})
    with pytest.raises(ValidationError):
        settings.log.__setattr__("level", "debug")


@pytest.mark.parametrize(
    ("gateways", "chosen", "processes"),
    [(1, None, False), (2, None, True), (16, None, True), (17, None, False), (1, "process", True), (2, "task", False)],
)
def test_gateways_are_projected_by_processes_where_there_are_several_or_as_chosen(
    gateways: int, chosen: str | None, processes: bool
) -> None:
    document = {
        "gateways": {f"g{number}": {"urls": ["ws://127.0.0.1:1/"]} for number in range(gateways)},
        "service": {"projection": chosen},
    }
    assert Settings.model_validate(document).projects_in_processes is processes


# --- the environment


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    settings = load(
        '[log]\nlevel = "info"\nformat = "json"\n' + GATEWAY,
        tmp_path,
        RECON_LOG__LEVEL="debug",
        RECON_SERVICE__SHUTDOWN_SECONDS="7",
        RECON_DATABASE__DATA_DIR="/srv/recon",
    )
    assert (settings.log.level, settings.log.format) == ("debug", "json")
    assert settings.service.shutdown_seconds == 7
    assert settings.database.data_dir == Path("/srv/recon")


def test_json_is_merged_deeply_into_data_sections(tmp_path: Path) -> None:
    change = {
        "prod-eu": {"auth": {"api_key": "other"}, "accounts": {"KRAKEN/JOHN": {"assets": {"EUR": "ZEUR"}}}},
        "lab": {"urls": ["ws://localhost:1/"]},
    }
    settings = load(
        FULL,
        tmp_path,
        RECON_GATEWAYS=json.dumps(change),
        RECON_ACCOUNTS='{"settlement_window": "3s"}',
        RECON_WEBHOOKS='{"ops": {"url": "https://elsewhere.example.com/"}}',
    )
    gateway = settings.gateways["prod-eu"]
    assert len(gateway.urls) == 2, "what the variable leaves out stays"
    assert gateway.auth.api_key is not None
    assert gateway.auth.api_key.get_secret_value() == "other"
    assert gateway.accounts["KRAKEN/JOHN"].assets == {"XBT": "XXBT", "USD": "ZUSD", "EUR": "ZEUR"}
    assert settings.gateways["lab"].urls == ["ws://localhost:1/"]
    assert settings.accounts.settlement_window == timedelta(seconds=3)
    assert settings.accounts.position_mode == "hedge"
    assert settings.webhooks["ops"].url == "https://elsewhere.example.com/"
    assert settings.webhooks["ops"].secret.get_secret_value() == WEBHOOK_SECRET


def test_numbers_in_json_keep_their_digits() -> None:
    settings = load_settings(None, {"RECON_ACCOUNTS": '{"tolerance": {"absolute": 0.12345678901234567890123}}'})
    assert settings.accounts.tolerance is not None
    assert settings.accounts.tolerance.absolute == Decimal("0.12345678901234567890123")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RECON_NONSENSE", "RECON_NONSENSE: unknown variable"),
        ("RECON_LOG__LEVLE", "RECON_LOG__LEVLE: unknown variable; did you mean RECON_LOG__LEVEL?"),
        ("RECON_DATABASE__URL__X", "RECON_DATABASE__URL__X: unknown variable"),
        ("RECON_GATEWAYS__PROD__URLS", "names below gateways are data, so set RECON_GATEWAYS to JSON"),
        ("RECON_ACCOUNTS__SETTLEMENT_WINDOW", "set RECON_ACCOUNTS to JSON"),
        ("RECON_WEBHOOKS__OPS__SECRET", "set RECON_WEBHOOKS to JSON"),
    ],
)
def test_variables_that_match_nothing_are_refused_by_name(name: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        load_settings(None, {name: SECRET})
    assert SECRET not in str(caught.value)


def test_variables_of_others_are_left_alone() -> None:
    load_settings(None, {"RECONCILE": "x", "recon_log__level": "x", "LOG": "x"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"g": d0-not-sh0w-me}', "RECON_GATEWAYS: not valid JSON at character 7"),
        ('["d0-not-sh0w-me"]', "RECON_GATEWAYS: must be a JSON object"),
        ('{"g": {"urls": ["wss://h/"], "d0": 1}}', "RECON_GATEWAYS: gateways.g.d0: unknown key"),
        ('{"g": {"urls": ["d0-not-sh0w-me"]}}', "RECON_GATEWAYS: gateways.g.urls.0: must be an address"),
    ],
)
def test_json_that_cannot_be_used_names_its_variable(value: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        load_settings(None, {"RECON_GATEWAYS": value})
    assert SECRET not in str(caught.value)


def test_every_known_variable_is_accepted_by_name() -> None:
    names = known_variables()
    assert {
        "RECON_DATABASE__URL",
        "RECON_DATABASE__URL_FILE",
        "RECON_GATEWAYS",
        "RECON_LIMITS__BATCH_EVENTS",
    } <= set(names)
    for name in names:
        try:
            load_settings(None, {name: "{}"})
        except ConfigError as error:
            assert "unknown" not in str(error)  # noqa: PT017 - being accepted is as good


# --- secrets


def test_secrets_come_from_files_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    (tmp_path / "url").write_text(f"postgresql://recon_service:{SECRET}@db/recon\n")
    (tmp_path / "hook").write_text(WEBHOOK_SECRET)
    settings = load(
        '[database]\nurl_file = "url"\n'
        + GATEWAY
        + '[gateways.g.auth]\nmethod = "query"\napi_key_file = "key"\n'
        + '[webhooks.ops]\nurl = "https://h/"\nsecret_file = "hook"\n',
        tmp_path,
    )
    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == f"postgresql://recon_service:{SECRET}@db/recon"
    auth = settings.gateways["g"].auth
    assert auth.api_key is not None
    assert auth.api_key.get_secret_value() == SECRET
    assert settings.webhooks["ops"].secret.get_secret_value() == WEBHOOK_SECRET


def test_a_mark_of_the_encoding_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("swordfish\n", encoding="utf-8-sig")
    file = tmp_path / "recon.toml"
    file.write_text(
        '[gateways.g]\nurls = ["wss://ems.example.com/"]\nauth = { method = "query", api_key_file = "key" }\n',
        encoding="utf-8-sig",
    )
    key = load_settings(file, {}).gateways["g"].auth.api_key
    assert key is not None
    assert key.get_secret_value() == "swordfish"


def test_a_secret_file_named_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://somebody@db/recon")
    settings = load_settings(None, {"RECON_DATABASE__URL_FILE": str(tmp_path / "url")})
    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == "postgresql://somebody@db/recon"


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    settings = load(FULL, tmp_path)
    for shown in (repr(settings), str(settings), json.dumps(describe(settings)), settings.model_dump_json()):
        assert SECRET not in shown
        assert WEBHOOK_SECRET not in shown


def test_describe_tells_the_rest(tmp_path: Path) -> None:
    shown = json.loads(json.dumps(describe(load(FULL, tmp_path))))
    assert shown["database"]["url"] == "postgresql://recon_service@db.example.com:5433/recon"
    assert shown["gateways"]["prod-eu"]["auth"] == {"method": "header", "api_key": "**********"}
    assert shown["gateways"]["prod-eu"]["accounts"]["KRAKEN/JOHN"]["settlement_window"] == "2m"
    assert shown["gateways"]["prod-eu"]["accounts"]["KRAKEN/JOHN"]["units"]["XXBT"]["quantum"] == "0.0000000001"
    assert shown["limits"]["batch_events"] == 1000


# --- refusals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[databse]\n", "databse: unknown key; did you mean database?"),
        ("[web]\nlisten = true\n", "web.listen: must be text, in quotes"),
        (GATEWAY + "acounts = {}\n", "gateways.g.acounts: unknown key; did you mean accounts?"),
        ("[webhooks.ops]\nsecert = 1\n", "webhooks.ops.secert: unknown key; did you mean secret?"),
        ("[accounts]\nfees = [{ takr = 0.1 }]\n", "accounts.fees.0.takr: unknown key; did you mean taker?"),
        ("[web.tokens.ann]\nurll = 1\n", "web.tokens.ann.urll: unknown key; did you mean url?"),
        ("[database]\nuri = 'x'\n", "database.uri: unknown key"),
        (GATEWAY + "colour = 1\n", "gateways.g.colour: unknown key"),
        (
            GATEWAY + '[gateways.g.accounts."K/J"]\nwindow = 1\n',
            'gateways.g.accounts."K/J".window: unknown key',
        ),
        ("[gateways.g]\n", "gateways.g.urls: must be given"),
        ("[gateways.g]\nurls = []\n", "gateways.g.urls: needs at least 1"),
        ('[gateways.g]\nurls = ["https://h/"]\n', "must be an address that begins with wss:// or ws://"),
        ('[gateways.g]\nurls = ["wss://"]\n', "names a host"),
        ('[gateways.g]\nurls = ["wss://u:d0-not-sh0w-me@h/"]\n', "must not hold credentials"),
        ('[gateways.g]\nurls = ["wss://h/?apikey=d0-not-sh0w-me"]\n', "must not hold credentials"),
        ('[gateways.g]\nurls = ["wss://h/", "wss://h/"]\n', "the same address stands twice"),
        (GATEWAY + 'rest_url = "ftp://h/"\n', "must be an address that begins with https:// or http://"),
        (
            '[database]\nurl = "mysql://d0-not-sh0w-me@h/"\n',
            "database.url: must be an address that begins with postgresql://",
        ),
        ('[accounts]\nsettlement_window = "5"\n', "must be a duration with a unit"),
        ("[accounts]\nsettlement_window = 5\n", "must be a duration with a unit"),
        ('[accounts]\nsettlement_window = "0s"\n', "must be more than nothing and at most 1h"),
        ('[accounts]\nsettlement_window = "2h"\n', "must be more than nothing and at most 1h"),
        (
            '[accounts]\ntolerance = { absolute = "-1" }\n',
            "accounts.tolerance.absolute: must not be negative",
        ),
        ('[accounts]\ntolerance = { absolute = "nan" }\n', "must be a decimal number"),
        ("[accounts]\ntolerance = { absolute = inf }\n", "must be a finite number"),
        ('[accounts]\ntolerance = { absolute = "x" }\n', "must be a decimal number"),
        ("[accounts]\ntolerance = { absolute = true }\n", "must be an exact number"),
        ('[accounts]\ntolerance = { relative = "1.5" }\n', "must be at most 1"),
        ('[accounts]\npools = [["A"]]\n', "at least two codes"),
        ('[accounts]\npools = [["A", "B"], ["C", "A"]]\n', "a code may stand in one pool"),
        (
            '[accounts.contracts.X]\nkind = "quanto"\n',
            "accounts.contracts.X.kind: must be linear, inverse or premium",
        ),
        ('[accounts.contracts.X]\nrealised_at = "25:00"\n', "accounts.contracts.X.realised_at"),
        ('[accounts.contracts.X]\nmultiplier = "0"\n', "must be greater than zero"),
        ('[accounts]\nfees = [{ asset = "quote" }]\n', "accounts.fees.0: a line of fees needs maker, taker or both"),
        ('[accounts]\nfees = [{ taker = "1.5" }]\n', "accounts.fees.0.taker: must be a share of the traded amount"),
        ("[accounts]\nfees = [{ taker = 0.1, rate = 1 }]\n", "accounts.fees.0.rate: unknown key"),
        ('[accounts]\nfees = [{ taker = 0.1, instrument = "SWAP" }]\n', "accounts.fees.0.instrument: must be SPOT,"),
        (
            '[accounts]\nfees = [{ taker = 0.1 }, { symbol = "XBT/USD", taker = 0.2 }]\n',
            "accounts.fees: line 2 never holds",
        ),
        ('[accounts]\nlearn_fees_up_to = "-0.1"\n', "accounts.learn_fees_up_to: must not be negative"),
        ('[accounts]\nfunding = { every = "7h" }\n', "accounts.funding: every must divide a day evenly"),
        (
            '[accounts]\noff_exchange_settlement = { every = "5h" }\n',
            "accounts.off_exchange_settlement: every must divide a day evenly",
        ),
        ("[accounts]\noff_exchange_settlement = {}\n", "accounts.off_exchange_settlement.every"),
        ('[accounts]\nfunding = { every = "2d" }\n', "accounts.funding: every must divide a day evenly"),
        ('[accounts]\nfunding = { every = "1h", within = "1h" }\n', "accounts.funding: within must be more than"),
        ('[accounts]\nmaterial_usd = "lots"\n', "accounts.material_usd: must be a decimal number"),
        ('[accounts]\ncutoff = "24:00"\n', 'accounts.cutoff: must be a time of day, such as "17:30"'),
        ("[accounts]\nbusiness_days = []\n", "accounts.business_days: needs at least 1"),
        ('[accounts]\nbusiness_days = ["mon", "mon"]\n', "accounts.business_days: a day stands twice"),
        (
            '[accounts]\nbusiness_days = ["monday"]\n',
            "accounts.business_days.0: must be mon, tue, wed, thu, fri, sat or sun; did you mean mon?",
        ),
        ('[accounts]\nvenue_account = "U-1"\n', "accounts: venue_account names one account, so it cannot be a default"),
        ('[webhooks.w]\nurl = "https://h/"\n', "webhooks.w.secret: must be given"),
        ('[webhooks.w]\nurl = "https://h/"\nsecret = "whsec_d0-not-sh0w-me"\n', "must be base64"),
        ("[limits]\nbuffer_bytes = 1048576\n", "must hold at least one message"),
        ('[log]\nlevel = "loud"\n', "log.level: must be debug, info, warning or error"),
        ('[gateways."a\\u0000b"]\nurls = ["wss://h/"]\n', "must hold printable characters"),
    ],
)
def test_refused_with_the_key_and_the_reason(text: str, expected: str, tmp_path: Path) -> None:
    assert expected in refused(text, tmp_path)


AUTH = GATEWAY + "[gateways.g.auth]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('api_key = "d0-not-sh0w-me"\n', 'api_key contradicts method "none"'),
        ('method = "certificate"\napi_key = "d0-not-sh0w-me"\n', 'api_key contradicts method "certificate"'),
        ('method = "header"\n', 'method "header" needs api_key or api_key_file'),
        ('method = "query"\n', 'method "query" needs api_key or api_key_file'),
        (
            'method = "header"\napi_key = "d0-not-sh0w-me"\napi_key_file = "key"\n',
            "api_key and api_key_file contradict each other",
        ),
        ('method = "header"\napi_key = "d0-not-sh0w-me\\n"\n', "must be printable ASCII"),
        ('method = "header"\napi_key_file = "empty"\n', "empty is empty"),
        ('method = "header"\napi_key_file = "nowhere"\n', "nowhere cannot be read: No such file"),
        (
            'method = "header"\napi_key = "d0-not-sh0w-me"\ncertificate_file = "cert"\n',
            "certificate_file contradicts",
        ),
        ('method = "certificate"\n', 'method "certificate" needs certificate_file'),
        ('method = "certificate"\ncertificate_file = "nowhere"\n', "nowhere cannot be read: No such file"),
        ('method = "certificate"\ncertificate_file = "key"\n', "holds no PEM certificate"),
        ('method = "certificate"\ncertificate_file = "cert"\n', "holds no private key"),
        (
            'method = "certificate"\ncertificate_file = "bundle"\nprivate_key_file = "private"\n',
            "contradicts the private key inside certificate_file",
        ),
        (
            'method = "certificate"\ncertificate_file = "cert"\nprivate_key_file = "key"\n',
            "holds no PEM private key",
        ),
        ('ca_file = "nowhere"\n', "nowhere cannot be read"),
        ('ca_file = "key"\n', "holds no PEM certificate"),
        ('ca_file = "."\n', "cannot be read: Is a directory"),
    ],
)
def test_contradictory_auth_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    _write_credentials(tmp_path)
    message = refused(AUTH + text, tmp_path)
    assert expected in message
    assert message.startswith(f"{tmp_path / 'recon.toml'}: gateways.g.auth")


MANAGED = '[gateways.g]\nurls = "managed"\nauth = { method = "header", api_key = "d0-not-sh0w-me" }\n'
CLOUD = MANAGED + "[gateways.g.managed]\n"
CERTIFIED = CLOUD.replace("header", "certificate")


def test_the_managed_cloud_needs_a_key_and_has_defaults(tmp_path: Path) -> None:
    settings = load(MANAGED, tmp_path)
    gateway = settings.gateways["g"]
    managed = gateway.managed
    assert gateway.urls == []
    assert managed is not None
    assert managed.url == "https://ems-mgmt.coinapi.io/"
    assert (managed.locations, managed.exchanges, managed.path) == ([], [], "/")
    assert (managed.refresh, managed.certificate) == (timedelta(minutes=15), "memory")
    assert managed.renew_before == timedelta(days=7)
    shown = json.loads(json.dumps(describe(settings)))["gateways"]["g"]
    assert shown["urls"] == "managed"
    assert shown["managed"]["refresh"] == "15m"
    assert load(GATEWAY, tmp_path).gateways["g"].managed is None


def test_the_managed_cloud_with_a_certificate_kept_in_a_directory_beside_the_settings(tmp_path: Path) -> None:
    text = CERTIFIED + (
        'locations = ["b", "a"]\npath = "/ws"\nrefresh = "5m"\n'
        'certificate = "file"\ncertificate_dir = "certs"\nrenew_before = "30d"\n'
    )
    managed = load(text, tmp_path).gateways["g"].managed
    assert managed is not None
    assert managed.certificate_dir == tmp_path / "certs"
    assert managed.locations == ["b", "a"]


def test_an_environment_can_move_a_gateway_into_the_managed_cloud(tmp_path: Path) -> None:
    change = {"g": {"urls": "managed", "auth": {"method": "query", "api_key": SECRET}, "managed": {"refresh": "1m"}}}
    managed = load(GATEWAY, tmp_path, RECON_GATEWAYS=json.dumps(change)).gateways["g"].managed
    assert managed is not None
    assert managed.refresh == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[gateways.g]\nurls = "managed"\n', 'gateways.g.auth: urls = "managed" needs method'),
        ('[gateways.g]\nurls = "manged"\n', 'gateways.g.urls: must be a list of addresses, or "managed"'),
        (
            '[gateways.g]\nurls = "managed"\nauth = { method = "certificate" }\n',
            'gateways.g.auth: method "certificate" with urls = "managed" needs api_key',
        ),
        (
            MANAGED.replace('"header"', '"certificate", certificate_file = "bundle"'),
            "gateways.g.auth: certificate_file contradicts",
        ),
        (GATEWAY + "managed = {}\n", "gateways.g.managed: contradicts urls"),
        (CLOUD + 'url = "http://h/"\n', "gateways.g.managed.url: must begin with https://"),
        (CLOUD + 'url = "https://h/?apikey=d0-not-sh0w-me"\n', "gateways.g.managed.url: must not hold credentials"),
        (CLOUD + 'path = "ws"\n', 'gateways.g.managed.path: must be a path such as "/"'),
        (CLOUD + 'path = "/?APIKEY=d0-not-sh0w-me"\n', "gateways.g.managed.path: must not hold credentials"),
        (CLOUD + 'locations = ["a", "a"]\n', "gateways.g.managed.locations: a name stands twice"),
        (CLOUD + 'refresh = "0s"\n', "gateways.g.managed.refresh: must be between 1s and 1d"),
        (CLOUD + 'certificate = "memory"\n', 'gateways.g: managed: certificate contradicts auth method "header"'),
        (CERTIFIED + 'certificate = "file"\n', 'gateways.g.managed: certificate = "file" needs certificate_dir'),
        (CERTIFIED + 'certificate_dir = "x"\n', "gateways.g.managed: certificate_dir contradicts"),
        (CERTIFIED + 'renew_before = "0s"\n', "gateways.g.managed.renew_before: must be more than nothing"),
    ],
)
def test_a_contradictory_managed_cloud_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    _write_credentials(tmp_path)
    assert expected in refused(text, tmp_path)


def _write_credentials(place: Path) -> None:
    (place / "key").write_text(SECRET)
    (place / "empty").write_text("\n")
    (place / "cert").write_text(CERTIFICATE)
    (place / "private").write_text(PRIVATE_KEY)
    (place / "bundle").write_text(CERTIFICATE + PRIVATE_KEY)


@pytest.mark.parametrize(
    "text",
    [
        'certificate_file = "bundle"\n',
        'certificate_file = "cert"\nprivate_key_file = "private"\nca_file = "cert"\n',
    ],
)
def test_certificates_as_bundle_or_apart(text: str, tmp_path: Path) -> None:
    _write_credentials(tmp_path)
    auth = load(AUTH + 'method = "certificate"\n' + text, tmp_path).gateways["g"].auth
    assert auth.certificate_file is not None
    assert auth.certificate_file.is_absolute()


def test_a_certificate_over_plain_websocket_is_refused(tmp_path: Path) -> None:
    _write_credentials(tmp_path)
    text = AUTH.replace("wss://", "ws://") + 'method = "certificate"\ncertificate_file = "bundle"\n'
    assert "needs wss:// urls" in refused(text, tmp_path)


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    message = refused("[log]\nlevle = 1\nform = 2\n", tmp_path, RECON_X="1", RECON_Y="1")
    assert len(message.splitlines()) == 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: the settings file cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path, {})


def test_invalid_toml_names_the_line(tmp_path: Path) -> None:
    assert "line 2" in refused('[log]\nlevel = "info\n', tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(tmp_path / "latin.toml", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250us", timedelta(microseconds=250)),
        ("500ms", timedelta(milliseconds=500)),
        ("1.5s", timedelta(milliseconds=1500)),
        ("0.000001s", timedelta(microseconds=1)),
        ("2m", timedelta(minutes=2)),
        ("1h", timedelta(hours=1)),
    ],
)
def test_durations(text: str, expected: timedelta, tmp_path: Path) -> None:
    assert load(f'[accounts]\nsettlement_window = "{text}"\n', tmp_path).accounts.settlement_window == expected


@pytest.mark.parametrize("text", ["", "s", "-5s", "5 parsecs", "1e3s", "0.5us", "5S", "\u0665s"])
def test_durations_that_are_none(text: str, tmp_path: Path) -> None:
    assert "accounts.settlement_window" in refused(f'[accounts]\nsettlement_window = "{text}"\n', tmp_path)
