"""What logs hold of an answer."""

import structlog
from structlog.testing import capture_logs

from tests.adapters.redis_parts import RedisServer
from tests.core.harbour import HANDBOOK, IMPATIENCE, LEAVE, TRAILER, hired

KEY = "hf_verysecretkey"


async def test_logs_hold_no_words_of_people_and_no_secret(redis: RedisServer) -> None:
    """At no level: no question, answer, name, file name or text of a file, and no key of a backend."""
    words = ["llama", "Quetzal", "harbour", "Paloma", "24 days", "secret-plan", "hum", KEY]
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with hired(redis, f" Llamas hum 24 days.{TRAILER}", key=KEY, timeouts=IMPATIENCE) as team:
            await team.says("What is a llama?", name="Quetzal")
            await team.says(LEAVE, {"secret-plan.md": HANDBOOK, "secret-plan.bin": b"\xff\xfe\x00\xd8"})
            await team.says("What is the password of the Paloma network?")
            await team.types("new")
            for fault in ("echo_key", "generation_event", "eof", "not_json", "bad_parameter", "too_long"):
                team.tgi.faults.append(fault)
                outcome = await team.says("Which sound does a llama make?")
                assert KEY not in str(outcome)
            assert not any(KEY in asked.prompt for asked in team.tgi.asked)
            assert KEY not in repr(team.backend)
    assert {entry["event"] for entry in logs} >= {
        "assistant.answered",
        "library.document_kept",
        "library.file_refused",
        "router.attempt_failed",
    }
    told = "\n".join(map(str, logs))
    assert [word for word in words if word.lower() in told.lower()] == []


async def test_every_log_entry_of_an_answer_names_its_message_and_thread(redis: RedisServer) -> None:
    """So that one question can be followed through all parts."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with hired(redis, " Hello.", faults=["overloaded"]) as team:
            await team.says(LEAVE, {"harbour.md": HANDBOOK})
    assert len(logs) >= 3
    assert {(entry.get("message_id"), entry.get("thread")) for entry in logs} == {
        (f"{team.thread.key}/0", str(team.thread))
    }
