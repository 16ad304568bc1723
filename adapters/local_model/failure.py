"""How a request can fail, as text-generation-inference says it.

Source: router/src/{infer/mod,server,validation}.rs of huggingface/text-generation-inference 3.3.
"""


class BadBody(Exception):
    """The body is no request at all; TGI's web framework answers that with plain text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Failure(Exception):
    """A request that ends in an error: alone it has a status, in a stream it is an event under 200."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind

    def payload(self) -> dict[str, str]:
        return {"error": str(self), "error_type": self.kind}


def overloaded() -> Failure:
    """Every place is taken."""
    return Failure(429, "overloaded", "Model is overloaded")


def invalid(text: str) -> Failure:
    """A rule of the contract is broken; `text` names it."""
    return Failure(422, "validation", f"Input validation error: {text}")


def unhealthy() -> Failure:
    """The engine does not answer."""
    return Failure(503, "healthcheck", "unhealthy")


def failed(text: str) -> Failure:
    """The engine broke while it worked; `text` says how, without the prompt."""
    return Failure(424, "generation", f"Request failed during generation: Server error: {text}")


def incomplete(*, stream: bool) -> Failure:
    """The engine stopped without an end."""
    if stream:
        return Failure(500, "incomplete_generation_stream", "Incomplete generation stream")
    return Failure(500, "incomplete_generation", "Incomplete generation")
