"""What the parts say of themselves, judged: recon/service/health.py, rules 1 and 2."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recon.service.health import BEHIND_SECONDS, STUCK_SECONDS, Liveness, Readiness, liveness, readiness
from recon.service.status import PartStatus

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
WELL = Liveness(alive=True)


def part(name: str, state: str, detail: str = "", gateway: str = "g") -> PartStatus:
    return PartStatus(gateway, name, state, detail, AT, {})


RECORDS = (part("recorder", "recording"), part("projector", "following"), part("consumer", "open"))


def judged(*parts: PartStatus, behind: float = 0.0, living: Liveness = WELL) -> Readiness:
    return readiness(["g"], parts, living, {"g": behind})


def test_rule_2__who_records_and_folds_is_ready() -> None:
    assert judged(*RECORDS) == Readiness(ready=True, recording=["g"], reasons=[], notes=[], standby=[])


def test_rule_2__who_stands_by_is_ready() -> None:
    answer = judged(
        part("recorder", "standby", "another instance records this gateway: b"), part("projector", "second")
    )
    assert (answer.ready, answer.standby, answer.recording) == (True, ["g"], [])


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ((), "has not asked for the lease"),
        ((part("gateway", "restarting", "the socket broke"),), "no lease: the socket broke"),
        ((part("recorder", "reconnecting", "connection refused"), RECORDS[1]), "connection refused"),
        ((part("recorder", "refused", "out of order"), RECORDS[1]), "out of order"),
        ((part("recorder", "stopped"), RECORDS[1]), "no lease"),
        ((RECORDS[0],), "has not read the log"),
        ((RECORDS[0], part("projector", "retrying", "the database is away")), "the database is away"),
        ((RECORDS[0], part("projector", "slow", "at event 7")), "at event 7"),
        ((RECORDS[0], part("projector", "refusing", "20 in a row")), "20 in a row"),
        ((*RECORDS, part("postgres", "restarting", "the embedded server had died", "")), "embedded"),
    ],
)
def test_rule_2__who_does_not_do_its_work_is_not_ready_and_says_why(parts: tuple[PartStatus, ...], word: str) -> None:
    answer = judged(*parts)
    assert not answer.ready
    assert word in " ".join(each.why for each in answer.reasons)


def test_rule_2__books_that_are_behind_are_told_with_their_age() -> None:
    assert judged(*RECORDS, behind=BEHIND_SECONDS).ready
    (reason,) = judged(*RECORDS, behind=BEHIND_SECONDS + 5).reasons
    assert (reason.part, reason.state, reason.why) == ("projector", "behind", "the next event has waited for 15 s")


@pytest.mark.parametrize(
    "poor",
    [
        part("consumer", "waiting", "connection refused"),
        part("recovery", "restarting", "REST is down"),
        part("webhook:ops", "restarting", "a defect", ""),
    ],
)
def test_rule_2__what_others_do_is_noted_and_makes_nobody_unready(poor: PartStatus) -> None:
    answer = judged(*RECORDS[:2], poor)
    assert answer.ready
    assert [each.part for each in answer.notes] == [poor.part]
    assert poor.detail in answer.notes[0].why


def test_rule_1__a_part_that_fails_lives_and_one_that_stands_still_does_not() -> None:
    assert liveness({("g", "projector"): STUCK_SECONDS, ("g", "recorder"): 0.0}).alive
    dead = liveness({("g", "projector"): STUCK_SECONDS + 1, ("g", "recorder"): 0.0})
    assert not dead.alive
    assert [(each.gateway, each.part, each.state) for each in dead.reasons] == [("g", "projector", "stuck")]
    answer = judged(*RECORDS, living=dead)
    assert not answer.ready, "what is stuck is not ready either"
