"""slack_sdk's errors as ours, in one place.

The codes are those that https://docs.slack.dev/reference/methods lists for each method.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError

from core.errors import NotAdmitted, PageClosed, PlatformError, RateLimited, UserError, WriteFailed

log = structlog.get_logger()


class Unreachable(PlatformError, UserError):
    """Nothing can be said where the question was asked, and trying again would not help.

    People can mend it, so the question ends with `sentence`, which its asker reads elsewhere.
    """


class NotInvited(Unreachable):
    """The bot is not in the channel."""

    @property
    def sentence(self) -> str:
        return "I am not in that channel. Invite me there with /invite, then ask again."


class ChannelArchived(Unreachable):
    """Nobody can write in the channel any more."""

    @property
    def sentence(self) -> str:
        return "I could not answer there, because that channel is archived. Ask again in another one."


class ThreadGone(Unreachable):
    """There is no such thread any more."""

    @property
    def sentence(self) -> str:
        return "I could not answer there, because that thread is gone. Ask again in another one."


class NotAllowed(Unreachable):
    """The channel's or the workspace's owners do not let the bot write there."""

    @property
    def sentence(self) -> str:
        return "I may not write there. Ask whoever manages that channel to let me, or ask in another one."


class FileGone(PlatformError):
    """Slack has the file no more, or not for us."""


class PrivateOver(Unreachable):
    """Nothing can be shown to one person alone any more."""

    @property
    def sentence(self) -> str:
        return (
            "I could not show you a private answer in time: Slack gives me 30 minutes and five messages for "
            "it. Please ask again, or ask me here."
        )


class Unsupported(Unreachable):
    """The app may not do this, or Slack does not offer it there."""

    @property
    def sentence(self) -> str:
        return (
            "Slack does not let me do this there. Whoever runs me can install the app again with what "
            "`chasqui manifest slack` prints."
        )


class UnsupportedThere(Unsupported):
    """Slack does not offer it in a channel of that kind, and may in others."""


class Refused(Unreachable):
    """Slack refuses it for a reason that it did not have when this was written."""

    @property
    def sentence(self) -> str:
        return (
            "Slack did not take that there, and I do not know why. Ask again in another channel, or ask "
            "whoever runs me: Slack's reason is in the log."
        )


class BlocksRefused(Refused):
    """Slack does not take these blocks, and may take the same as a text."""


class TokenRefused(NotAdmitted):
    """Slack does not accept the bot's token any more; who asked cannot mend it."""

    @property
    def sentence(self) -> str:
        return (
            "Slack does not accept my token any more. Please ask whoever runs chasqui to install the app "
            "again and to set CHASQUI_SLACK__BOT_TOKEN."
        )


class StreamOpen(PageClosed):
    """A message is still a stream, and cannot be edited before that ends."""


class StreamOver(PageClosed):
    """A stream takes no more: it ended, or is full. Its message can be edited."""


class StoppedByPerson(StreamOver):
    """Somebody pressed Stop."""


_CODES: dict[type[PlatformError], str] = {
    NotInvited: "not_in_channel channel_not_found",
    ChannelArchived: "is_archived",
    ThreadGone: "thread_not_found thread_locked cannot_reply_to_message",
    NotAllowed: (
        "restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel "
        "restricted_action_non_threadable_channel restricted_action_thread_locked cant_post_message "
        "posting_to_general_channel_denied as_user_not_supported messages_tab_disabled is_inactive "
        "slack_connect_canvas_sharing_blocked slack_connect_file_upload_sharing_blocked "
        "not_allowed_in_channel access_denied cannot_dm_bot user_disabled external_channel_migrating"
    ),
    FileGone: "file_not_found file_deleted",
    PrivateOver: "expired_url used_url user_not_in_channel user_not_found",
    Unsupported: (
        "unknown_method method_deprecated deprecated_endpoint missing_scope not_allowed_token_type "
        "no_permission feature_not_enabled team_access_not_granted enterprise_is_restricted "
        "missing_recipient_user_id missing_recipient_team_id paid_only plan_upgrade_required "
        "not_allowed_for_grant_type"
    ),
    UnsupportedThere: "channel_type_not_supported method_not_supported_for_channel_type",
    TokenRefused: (
        "token_revoked token_expired invalid_auth account_inactive not_authed org_login_required "
        "ekm_access_denied two_factor_setup_required"
    ),
    RateLimited: "ratelimited rate_limited message_limit_exceeded",
    WriteFailed: (
        "internal_error fatal_error service_unavailable request_timeout team_added_to_org "
        "accesslimited update_failed"
    ),
    BlocksRefused: "invalid_blocks invalid_blocks_format",
    StreamOpen: "streaming_state_conflict",
    StreamOver: "message_not_in_streaming_state message_not_owned_by_app",
    StoppedByPerson: "stopped_by_user",
    PageClosed: (
        "message_not_found cant_update_message cant_delete_message edit_window_closed msg_too_long "
        "msg_blocks_too_long"
    ),
}
_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes.split()}


@contextmanager
def mapped() -> Iterator[None]:
    """Raise only PlatformError and those below it."""
    try:
        yield
    except SlackClientError as error:
        raise of(error) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise WriteFailed(f"Slack cannot be reached: {type(error).__name__}") from error
    except (ValueError, AttributeError) as error:  # the SDK wants JSON in bodies, numbers in headers
        raise WriteFailed("Slack's answer cannot be read") from error


def of(error: SlackClientError) -> PlatformError:
    """The error of ours that says the same. What Slack said is not in it, since that holds people's words."""
    if not isinstance(error, SlackApiError):
        return PlatformError(f"slack_sdk: {type(error).__name__}")
    response: Any = error.response  # the SDK's, or aiohttp's where the body could not be read
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    data = getattr(response, "data", None)
    code = str(data.get("error") or "") if isinstance(data, dict) else ""
    return refused(status, code, str(response.headers.get("Retry-After", "")))


def refused(status: int, code: str, retry_after: str = "") -> PlatformError:
    """The error of ours for an answer of Slack: its status, its error, and a header in seconds."""
    kind, said = _KINDS.get(code), f"Slack: {status} {code}".rstrip()
    if status == 429 or kind is RateLimited:
        return RateLimited(said, retry_after=_seconds(retry_after))
    if kind is None:
        kind = Refused if code and status < 500 else WriteFailed
    if kind is Refused:
        log.error("slack.refused", code=code)
    return kind(said)


def _seconds(header: str) -> float | None:
    try:
        return float(header)
    except ValueError:
        return None
