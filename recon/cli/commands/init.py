"""`recon init`: a commented settings file, made by a few questions or by options; an existing one is never changed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated, Final, TypeVar

import typer

from recon.cli.checkup import of_gateways, of_settings
from recon.cli.commands.doctor import LISTEN_SECONDS, check_lines
from recon.cli.new_settings import MANAGED, METHODS, Answers, Method, problem_of_url, settings_text
from recon.cli.options import CONFIG_BESIDE
from recon.cli.output import note, write
from recon.cli.tables import terminal
from recon.config import load_settings
from recon.config.values import MAX_NAME
from recon.errors import ConfigError
from recon.nearest import hint, listed
from recon.network_errors import system_text
from recon.private_files import PRIVATE_FILE

#: The gateway's name where nobody gives another.
DEFAULT_NAME: Final = "main"
_Read = TypeVar("_Read")


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = CONFIG_BESIDE,
    *,
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="A name for the gateway.")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option("--url", metavar="URL", help=f"Its address, or {MANAGED}; may be given several times."),
    ] = None,
    auth: Annotated[
        str | None, typer.Option("--auth", metavar="METHOD", help=f"How to prove who asks: {', '.join(METHODS)}.")
    ] = None,
    api_key_file: Annotated[str | None, typer.Option(metavar="FILE", help="The file that holds the API key.")] = None,
    certificate_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The file that holds the client certificate.")
    ] = None,
    private_key_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The file that holds its key, if the certificate's does not.")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", "-a", metavar="ID", help="An account to prepare a table for; none need be named."),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where recon's own Postgres lives. [default: /var/lib/recon as root]"),
    ] = None,
    check: Annotated[
        bool | None, typer.Option("--check/--no-check", help="Ask the gateway afterwards. [default: ask a person]")
    ] = None,
) -> None:
    """Write a commented settings file, by asking or by options.

    The file is readable by its owner alone. A file that is there already is never changed. Secrets stay in files of
    their own. Exit status: 0 written; 1 written, and the gateway could not be reached; 2 nothing was written.
    """
    if file.exists():
        raise ConfigError(f"{file} is there already, and stays as it is; name another file, or edit it")
    asking = sys.stdin.isatty() and not url
    name = _named(gateway) if gateway else _answer("Name of the gateway", DEFAULT_NAME, _named, asking=asking)
    urls = _urls(url) if url else _answer("Its address (wss://…), or `managed`", "", _several_urls, asking=asking)
    proof = f"Proof of who asks ({', '.join(METHODS)})"
    method = _method(auth, ()) if auth else _answer(proof, "none", partial(_method, urls=urls), asking=asking)
    answers = Answers(
        gateway=name,
        urls=urls,
        method=method,
        api_key_file=api_key_file or "",
        certificate_file=certificate_file or "",
        private_key_file=private_key_file or "",
        accounts=account or _several(_asked("Accounts to prepare, if any (KRAKEN/JOHN, …)", "", asking=asking)),
        data_dir=_data_dir(data_dir, file) if data_dir else "",
    )
    answers = _with_files(answers, file, asking=asking)
    _write(file, settings_text(answers))
    named = "" if file == CONFIG_BESIDE else f" -c {quote(str(file))}"
    note(f"{file} is written; only you may read it. Look at it, then: recon doctor{named}, and recon run{named}")
    if check if check is not None else asking and typer.confirm("Ask the gateway now?", default=True, err=True):
        _check(file)


def _asked(question: str, default: str, *, asking: bool) -> str:
    """Ask a person; without one, the default."""
    if not asking:
        return default
    answer = typer.prompt(question, default=default, err=True, show_default=bool(default))
    return str(answer).strip()


def _answer(question: str, default: str, read: Callable[[str], _Read], *, asking: bool) -> _Read:
    """Return an answer as `read` takes it; a person is asked again for one that it refuses. Errors: ConfigError."""
    while True:
        text = _asked(question, default, asking=asking)
        try:
            return read(text)
        except ConfigError as error:
            if not asking:
                raise
            note(str(error))


def _several(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").split() if part]


def _named(name: str) -> str:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise ConfigError(f"a gateway's name has 1 to {MAX_NAME} characters that print")
    return name


def _urls(urls: list[str]) -> list[str]:
    if not urls:
        raise ConfigError("the gateway's address is missing: give --url wss://…, or --url managed")
    for url in urls:
        problem = problem_of_url(url)
        if problem is not None:
            raise ConfigError(f"{url}: {problem}")
    return urls


def _several_urls(text: str) -> list[str]:
    return _urls(_several(text))


def _method(name: str, urls: Sequence[str]) -> Method:
    found = next((method for method in METHODS if method == name), None)
    if found is None:
        raise ConfigError(f"there is no method {name!r}; {hint(name, METHODS)}")
    if found == "none" and MANAGED in urls:
        raise ConfigError(f"{MANAGED} needs a proof of who asks (--auth): {listed(METHODS[1:], 'or')}")
    return found


def _data_dir(text: str, file: Path) -> str:
    """Return a data directory that can be made. Errors: ConfigError.

    Whether this account may make it does not matter: the service may run under another one.
    """
    place = file.absolute().parent / text
    above = next((each for each in (place, *place.parents) if each.exists()), place)
    try:
        Path(tempfile.mkdtemp(prefix=".recon-", dir=above)).rmdir()
    except PermissionError:
        return text
    except OSError as error:
        raise ConfigError(f"--data-dir {text} cannot be made in {above}: {system_text(error)}") from error
    return text


def _readable(text: str, file: Path) -> str:
    """Return the name of a file beside the settings that can be read. Errors: ConfigError."""
    place = file.absolute().parent / text
    try:
        place.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{text} cannot be read: {system_text(error)}") from error
    return text


def _with_files(answers: Answers, file: Path, *, asking: bool) -> Answers:
    """Return the answers with the files that the method needs. Errors: ConfigError where one is missing."""
    needs_key = answers.method in {"header", "query"} or (
        list(answers.urls) == [MANAGED] and answers.method == "certificate"
    )
    key_file, certificate = answers.api_key_file, answers.certificate_file
    beside = partial(_readable, file=file)
    if needs_key and not key_file and not asking:
        raise ConfigError(f"method {answers.method} needs the file that holds the API key: give --api-key-file")
    if needs_key and not key_file:
        key_file = _answer("File that holds the API key", "ems-api-key", beside, asking=asking)
    if answers.method == "certificate" and list(answers.urls) != [MANAGED] and not certificate:
        certificate = _answer("File that holds the client certificate", "client.pem", beside, asking=asking)
    return Answers(
        gateway=answers.gateway, urls=answers.urls, method=answers.method, api_key_file=key_file,
        certificate_file=certificate, private_key_file=answers.private_key_file, accounts=answers.accounts,
        data_dir=answers.data_dir,
    )  # fmt: skip


def _write(file: Path, text: str) -> None:
    """Write a file that was not there, readable by its owner alone, once it can be read as settings.

    Errors: ConfigError; nothing is written then.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            _refuse_unreadable(draft, file)
            # A link is never made over what somebody else has written in the meantime.
            os.link(draft, file)
        finally:
            draft.unlink()
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {system_text(error)}") from error


def _refuse_unreadable(draft: Path, file: Path) -> None:
    try:
        load_settings(draft, {})
    except ConfigError as error:
        raise ConfigError(f"nothing is written: {str(error).replace(str(draft), str(file))}") from None


def _check(file: Path) -> None:
    """Read the file as every command does, and ask the gateway. Errors: ConfigError where a file is missing."""
    settings, look = load_settings(file, {}), terminal.look()
    failed = False
    for each in (*of_settings(settings, file), *of_gateways(settings, LISTEN_SECONDS)):
        failed = failed or each.state == "failed"
        write("".join(f"{line}\n" for line in check_lines(each, look)))
    if failed:
        raise typer.Exit(1)
