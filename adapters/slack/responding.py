"""Telling one person something over the response URL of what they did, which nobody else sees.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from collections.abc import Sequence
from typing import Any

from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.client import Slack
from adapters.slack.errors import PrivateOver, mapped, refused


async def respond(
    slack: Slack,
    url: str,
    text: str,
    *,
    blocks: Sequence[dict[str, Any]] = (),
    root: str = "",
) -> None:
    """Show this to whoever the URL belongs to, in the thread of `root` if given. Raises PlatformError.

    PrivateOver where it is no address of Slack's: who made it up would read what is for one person.
    """
    if not slack.hosts.has(url):
        raise PrivateOver("the response URL is not Slack's")
    body: dict[str, Any] = {
        "text": text,
        "response_type": "ephemeral",
        "replace_original": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    body |= ({"blocks": list(blocks)} if blocks else {}) | ({"thread_ts": root} if root else {})
    hook = AsyncWebhookClient(url, session=slack.http, retry_handlers=[])
    with mapped():
        answer = await hook.send_dict(body)
    if answer.status_code == 404:  # "expired_url", "used_url", or whatever else Slack calls it
        raise PrivateOver("the response URL is over")
    if answer.status_code != 200:
        raise refused(answer.status_code, "", str(answer.headers.get("Retry-After", "")))
