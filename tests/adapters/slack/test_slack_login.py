"""The token, the address, and the ids by which things are known on Slack."""

import pytest

from adapters.slack import buttons, places
from adapters.slack.buttons import Press
from adapters.slack.client import Bot
from adapters.slack.login import address
from adapters.slack.platform import connected
from core.errors import SettingsError
from core.questions import again
from core.types import Message, ThreadId
from tests.adapters.platform_parts import FakeNotes, FakeRates
from tests.emulators.slack import faults
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeInbox

STOP = FakeInbox().stop


@pytest.mark.parametrize("token", ["xoxb-wrong", "xapp-1-other", "nonsense"])
async def test_a_token_that_slack_does_not_take_is_a_setting_to_mend(token: str) -> None:
    """In one sentence that does not hold it."""
    async with SlackServer() as slack:
        connection = connected(
            token, api_url=slack.scene.api, notes=FakeNotes(), rates=FakeRates(), stop=STOP
        )
        with pytest.raises(SettingsError, match="CHASQUI_SLACK__BOT_TOKEN") as raised:
            async with connection:
                pass
        assert token not in str(raised.value)


async def test_slack_may_be_away_when_a_worker_starts() -> None:
    """It is asked again until it is there."""
    async with SlackServer() as slack:
        await slack.control.fault(faults.broken("POST auth.test", 503))
        connection = connected(
            slack.scene.token, api_url=slack.scene.api, notes=FakeNotes(), rates=FakeRates(), stop=STOP
        )
        async with connection as platform:
            assert platform.name == "slack"


def test_an_address_is_slacks_own_or_a_full_one() -> None:
    """With or without its path."""
    assert address(None) == "https://slack.com/api/"
    assert address("http://127.0.0.1:8080") == "http://127.0.0.1:8080/api/"
    assert address("http://127.0.0.1:8080/api/") == "http://127.0.0.1:8080/api/"
    with pytest.raises(SettingsError, match="CHASQUI_SLACK__API_URL"):
        address("127.0.0.1:8080")


def message(message_id: str, thread: ThreadId) -> Message:
    """A message of this id in this thread."""
    return Message(message_id, thread, "U1", "?", 1.0)


def test_a_message_says_where_its_answer_goes() -> None:
    """By its id and its thread's, also when it is asked again."""
    asked = message(places.by_message("C1", "12.5"), places.in_thread("C1", "10.1"))
    assert places.place(asked) == places.Place("C1", "10.1", "12.5", None)
    anew = message(again(again(asked.id)), asked.thread)
    assert anew.id == "C1:12.5+2"
    assert places.place(anew) == places.place(asked)
    command = message(places.by_callback("1.secret"), places.private("C1", "U1"))
    assert places.place(command) == places.Place("C1", None, None, "U1")
    assert "secret" not in command.id
    alone = message(places.by_message("D1", "12.5"), places.conversation("D1"))
    assert places.place(alone) == places.Place("D1", None, "12.5", None)
    assert places.place(alone).is_direct


def test_a_button_says_what_it_does_and_for_which_answer() -> None:
    """Nothing else has to be known of it, whoever is pressed when."""
    asked = message(again(places.by_callback("1.2")), places.private("C1", "U1"))
    row = buttons.row(asked, "stop", "again", "sources", block_id="b")
    thumbs = buttons.feedback(asked, block_id="f")["elements"][0]
    sides = [
        {"action_id": thumbs["action_id"], **thumbs[side]} for side in ("positive_button", "negative_button")
    ]
    read = [Press.read(each) for each in (*row["elements"], *sides)]
    assert [each.verb for each in read if each] == ["stop", "again", "sources", "good", "bad"]
    assert {(each.thread, each.message_id) for each in read if each} == {(asked.thread, asked.id)}
    assert Press.read({"action_id": "other", "value": "stop C1 C1:1.2"}) is None
    assert Press.read({"action_id": "chasqui:stop", "value": "x"}) is None


def test_what_slack_does_not_say_of_scopes_is_as_in_our_manifest() -> None:
    """Slack names them with each answer; what stands in for it may not, and is taken for an agent's."""
    assert Bot("chasqui", "U1", "B1", "T1").may("assistant:write")
    assert not Bot("chasqui", "U1", "B1", "T1", frozenset({"chat:write"})).may("assistant:write")
