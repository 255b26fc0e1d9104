"""A program gets each message as JSON, and is ended with all that it began once its time is over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trio
from pydantic import ValidationError

from recon.alerts.channels.command import MAX_ERROR_BYTES, CommandSender, open_commands
from recon.config import Command
from recon.errors import DeliveryError
from recon.redaction import LAST_NET
from tests.alerts.channels.test_contract import message
from tests.support.alert_rows import T0
from tests.support.senders import CommandHarness


@pytest.fixture
def program(tmp_path: Path) -> CommandHarness:
    return CommandHarness(tmp_path)


async def failure(sender: CommandSender) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender.send(message())
    return caught.value


@pytest.mark.trio
async def test_the_message_is_on_its_standard_input_and_no_setting_in_its_environment(
    program: CommandHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://T0KEN")
    program.plan("env > environment; tr '\\0' ' ' < /proc/$$/cmdline > words")
    async with open_commands({"ops": command(program, tmp_path)}, lambda: T0) as senders:
        await senders["ops"].send(message(3))
    ((_, body),) = program.arrived()
    assert json.loads(body)["data"]["alerts"][0]["amount"] == "-10.50"
    environment = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines())
    assert environment["RECON_ALERT_ID"] == message().id
    assert environment["RECON_ALERT_TYPE"] == "break.opened"
    assert environment["RECON_ALERT_ATTEMPT"] == "3"
    assert not [name for name in environment if name.startswith("RECON_") and not name.startswith("RECON_ALERT_")]
    assert "-10.50" not in (tmp_path / "words").read_text()


def command(program: CommandHarness, place: Path) -> Command:
    return Command.model_validate({"command": [str(place / "program"), str(place)]})


@pytest.mark.trio
async def test_at_the_limit_its_whole_group_is_ended(program: CommandHarness, tmp_path: Path) -> None:
    program.plan("sleep 1000 & echo $! > child; wait")
    error = await failure(program.sender_within("500ms"))
    assert "did not end within 0.5 s, and was ended" in str(error)
    assert not error.slow
    child = int((tmp_path / "child").read_text())
    with trio.fail_after(5):
        while alive(child):  # noqa: ASYNC110 - the end of a grandchild has no event
            await trio.sleep(0.01)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}  # nobody may be there to take the status of a child without a parent


@pytest.mark.trio
async def test_a_cancelled_run_is_ended_too(program: CommandHarness, tmp_path: Path) -> None:
    program.plan("echo $$ > itself; exec sleep 1000")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(program.sender.send, message())
        with trio.fail_after(5):
            while not (tmp_path / "itself").exists() or not (tmp_path / "itself").read_text():  # noqa: ASYNC110
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert not alive(int((tmp_path / "itself").read_text()))


@pytest.mark.trio
async def test_endless_output_is_bounded_and_the_end_of_the_error_is_told(program: CommandHarness) -> None:
    program.plan("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo 'no route to host' >&2; exit 4")
    error = await failure(program.sender_within("10s"))
    assert str(error).startswith("command 'ops' ended with status 4: ")
    assert str(error).endswith("no route to host")
    assert len(str(error)) < MAX_ERROR_BYTES + 100


@pytest.mark.trio
async def test_a_secret_of_the_settings_in_its_error_is_not_told(program: CommandHarness) -> None:
    LAST_NET.know(["T0KENT0KENT0KEN"])
    try:
        program.plan("echo 'cannot use T0KENT0KENT0KEN' >&2; exit 4")
        assert "T0KEN" not in str(await failure(program.sender_within("5s")))
    finally:
        LAST_NET.know([])


@pytest.mark.trio
async def test_a_child_that_holds_the_output_open_delays_nothing(program: CommandHarness, tmp_path: Path) -> None:
    program.plan("sleep 3 & echo $! > child")
    with trio.fail_after(2):
        await program.sender.send(message())
    os.kill(int((tmp_path / "child").read_text()), 9)


@pytest.mark.trio
async def test_a_program_that_reads_nothing_may_still_take_it(tmp_path: Path) -> None:
    settings = Command.model_validate({"command": ["/bin/true"]})
    await CommandSender("ops", settings, {}).send(message())


@pytest.mark.trio
async def test_an_end_by_a_signal_is_tried_again_soon(program: CommandHarness) -> None:
    program.plan("kill -9 $$")
    error = await failure(program.sender_within("5s"))
    assert "was ended by signal 9" in str(error)
    assert not error.slow


@pytest.mark.parametrize("path", ["nowhere", "no-program"])
@pytest.mark.trio
async def test_what_cannot_be_run_needs_a_person(tmp_path: Path, path: str) -> None:
    (tmp_path / "no-program").write_text("text", encoding="utf-8")
    sender = CommandSender("ops", Command.model_validate({"command": [str(tmp_path / path)]}), {})
    error = await failure(sender)
    assert "command 'ops' cannot be run" in str(error)
    assert error.slow


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"command": []}, "at least 1"),
        ({"command": ["page"]}, "path of a program"),
        ({"command": ["/bin/a\0b"]}, "pattern"),
        ({"command": ["/bin/true"], "time_limit": "0s"}, "more than 0s"),
        ({"command": ["/bin/true"], "time_limit": "15s"}, "at most 14s"),
    ],
)
def test_settings_that_cannot_run_are_refused(table: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Command.model_validate(table)
