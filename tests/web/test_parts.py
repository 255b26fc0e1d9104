"""What a request says and who says it, read alone; and how often a login may fail."""

from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from recon.config import Settings
from recon.config.web import Token, Web
from recon.errors import DocumentRefused, LoginRefused
from recon.web import failed_logins
from recon.web.failed_logins import MAX_FAILURES, WINDOW_SECONDS, FailedLogins
from recon.web.identity import counted_name, identity_of
from recon.web.kept_times import places_of, with_times
from recon.web.messages import MAX_BREAKS, MAX_TEXT, Acknowledge, action_of

SERVICE = "postgresql://recon_service@/recon?host=%2Fs&port=5432&passfile=%2Fp&sslcert=%2Fc"
TOKEN = "t" * 40
URL = "postgresql://alice:s3cret@db/recon"


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_a_login_takes_the_place_of_the_services_own() -> None:
    identity = identity_of(basic("alice:pa:ss@/ wört"), SERVICE, {})
    url = make_url(identity.url.get_secret_value())
    assert (url.username, url.password) == ("alice", "pa:ss@/ wört")
    assert dict(url.query) == {"host": "/s", "port": "5432"}, "nothing proves who it is but the password"
    assert identity.by_password
    assert "ss@" not in repr(identity)


def test_a_token_stands_for_a_login() -> None:
    tokens = {"other": Token(token="o" * 40, url=URL), "alice": Token(token=TOKEN, url=URL)}  # type: ignore[arg-type]  # pydantic makes secrets of them
    identity = identity_of(f"Bearer {TOKEN}", SERVICE, tokens)
    assert (identity.url, identity.by_password) == (SecretStr(URL), False)
    with pytest.raises(LoginRefused, match="no person has this token"):
        identity_of(f"Bearer {TOKEN}x", SERVICE, tokens)


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Basic", "Basic !!", basic("alice"), basic(":x"), basic("alice:"), basic("al\0ice:x"),
        basic("alice:x\0y"), basic(f"{'a' * 200}:x"), basic(f"a:{'x' * 2000}"), "Digest x", "Bearer ",
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
    ],
)  # fmt: skip
def test_whoever_cannot_be_read_is_nobody(header: str | None) -> None:
    with pytest.raises(LoginRefused) as refused:
        identity_of(header, SERVICE, {})
    assert "HTTP Basic" in str(refused.value)
    assert len(counted_name(header)) <= 128


def test_failures_are_counted_by_the_login_not_by_the_secret() -> None:
    assert counted_name(basic("alice:one")) == counted_name(basic("alice:two")) == "alice"
    assert counted_name(f"Bearer {TOKEN}") == "token"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "cannot be read"),
        (b"[]", "it must be an object"),
        (b"\xff", "cannot be read"),
        (b'{"action":"delete","breaks":["ab"]}', "action is none of the words that fit here"),
        (b'{"action":"acknowledge"}', "either breaks, or a case"),
        (b'{"action":"acknowledge","breaks":["ab"],"case":"cd"}', "either breaks, or a case"),
        (b'{"action":"acknowledge","breaks":["ab"],"id":1}', "id unknown key"),
        (b'{"action":"assign","breaks":["ab"]}', "to must be given"),
        (
            b'{"action":"silence","case":"ab","until":"2026-01-05T09:00:00","text":"x"}',
            "until must be a time with its zone",
        ),
        (b'{"action":"assign","to":"x","breaks":[' + b'"ab",' * MAX_BREAKS + b'"ab"]}', "breaks must have at most"),
        (b'{"action":"acknowledge","breaks":["ab"],"text":"' + b"x" * (MAX_TEXT + 1) + b'"}', "text must have at most"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_a_body_that_is_wrong_is_told_in_words(body: bytes, told: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        action_of(body)
    assert told in str(refused.value)


def test_a_body_that_is_right() -> None:
    assert action_of(b'{"action":"acknowledge","breaks":["ab"]}') == Acknowledge(breaks=("ab",))


def test_who_fails_too_often_waits_and_a_success_counts_for_nothing() -> None:
    failed = FailedLogins()
    for second in range(MAX_FAILURES):
        assert failed.wait(["a", "l"], second) == 0
        failed.begin(["a", "l"], second)
    assert failed.wait(["a", "other"], 10.0) == WINDOW_SECONDS - 10.0, "the address waits, whoever logs in"
    assert failed.wait(["b", "l"], 10.0) == WINDOW_SECONDS - 10.0, "the login waits, wherever from"
    assert failed.wait(["b", "other"], 10.0) == 0
    assert failed.wait(["a"], WINDOW_SECONDS) == 0
    failed.begin(["a"], WINDOW_SECONDS)
    failed.succeed(["a"])
    assert failed.wait(["a"], WINDOW_SECONDS) == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "MAX_KEYS", 3)
    failed = FailedLogins()
    for number in range(10):
        failed.begin([str(number)], 0.0)
    assert len(failed._failures) == 3


@pytest.mark.parametrize("listen", ["8080", "host", "host:99999", "a@host:1", "127.0.0.1:1/x", "", "host:1?x"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(ValidationError, match="must be a host and a port"):
        Web(listen=listen)


def test_beyond_this_machine_it_needs_a_certificate() -> None:
    assert Web(listen="[::1]:8080").listen == "[::1]:8080"
    with pytest.raises(ValidationError, match="certificate_file and private_key_file"):
        Web(listen="0.0.0.0:8080")
    with pytest.raises(ValidationError, match="belong together"):
        Settings.model_validate({"web": {"listen": "127.0.0.1:1", "certificate_file": "x"}})
    with pytest.raises(ValidationError, match="at least 32"):
        Settings.model_validate({"web": {"tokens": {"alice": {"token": "short", "url": URL}}}})
    assert Settings().web.listen is None, "off unless it is wanted"


def test_links_keep_times_once_and_the_way_back_is_left_alone() -> None:
    html = (
        '<a href="/cases/3d#assign">a</a><a href="/log?gateway=g&amp;before=5">b</a><a href="/close">c</a>'
        '<a data-now href="/units">d</a><a href="/units?as_of=x">e</a><a href="#main">f</a><a href="/">g</a>'
    )
    times, places = [("as_of", "2026-01-05T17:00:00Z")], places_of(["/", "/cases/{id}", "/log", "/units"])
    more = "as_of=2026-01-05T17%3A00%3A00Z"
    assert with_times(html, times, places) == (
        f'<a href="/cases/3d?{more}#assign">a</a><a href="/log?gateway=g&amp;before=5&amp;{more}">b</a>'
        '<a href="/close">c</a><a data-now href="/units">d</a><a href="/units?as_of=x">e</a><a href="#main">f</a>'
        f'<a href="/?{more}">g</a>'
    )
    assert with_times(html, [], places) == html
