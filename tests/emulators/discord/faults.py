"""What goes wrong, by script. A fault is for a route below /api/v10, or of the CDN or the gateway:

"POST /channels/*/messages", "GET /attachments/**", "GET /gateway".
"""

from tests.emulators.discord.errors import refused
from tests.emulators.shared.faults import Answer, Fault, broken, held, lost, reset, slow, then

__all__ = ["Answer", "Fault", "broken", "denied", "held", "limited", "lost", "reset", "slow", "then"]


def limited(
    on: str, *, retry_after: float = 0.05, scope: str = "user", via: bool = True, times: int = 1
) -> Fault:
    """429 as Discord answers it (scope "user", "shared" or "global"), or as Cloudflare, without `via`."""
    headers = {"Retry-After": str(max(1, round(retry_after)))}
    if not via:
        return Fault(on=on, times=times, answer=Answer(429, "error code: 1015", headers))
    headers |= {"Via": "1.1 google", "X-RateLimit-Scope": scope}
    if scope == "global":
        headers["X-RateLimit-Global"] = "true"
    body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": scope == "global"}
    return Fault(on=on, times=times, answer=Answer(429, body, headers))


def denied(on: str, code: int, *, times: int = 1) -> Fault:
    """Discord's error of this code."""
    error = refused(code)
    return Fault(on=on, times=times, answer=Answer(error.status, error.body))
