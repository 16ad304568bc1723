"""The error tree, split by who can act.

* ChasquiError
  + UserError          a person can mend it; its text is shown to them as it stands
    - FileRefused      an attachment that cannot be read, with the reason
      . HostRefused    a page inside the network, at a host that the settings do not name
    - InboxFull        a question that is not accepted, because too many wait already
    - SettingsError    the operator's settings; shown on stderr with exit code 2
  + BackendError       the model's side; logged with detail, a person sees ``sentence``
    - BackendUnavailable   refused, unreachable, hung before the first token, 502/503/504   (retried)
    - BackendOverloaded    every slot is taken; may carry ``retry_after``                   (retried)
    - BackendFailed        the engine failed while it generated (424, 500)                  (retried)
    - BackendRejected      the request is wrong: 400, 404, 413, 415, 422                    (never retried)
      . PromptTooLong      prompt + answer exceed the window                     (shrunk and resent once)
    - BackendUnauthorized  401, 403                                                         (never retried)
    - StreamBroken         the stream ended, stalled or failed after text was delivered     (never retried)
  + PlatformError      the platform's side; logged, a person sees ``sentence``
    - RateLimited          too many writes: nothing was written                             (retried)
    - WriteFailed          nobody knows whether it was written; writing again is safe       (retried)
    - NotAdmitted          the platform lets nobody in with our token: no question is at fault  (waits)
    - PageClosed           this page takes no more text; what stood before still stands  (next page)
  + EmbedderUnavailable  no vectors can be made: what is found then is found by its words alone
  + RerankerUnavailable  what was found keeps its order
  + StoreError         the Redis-protocol server cannot be reached or refuses
  + LeaseLost          the message is not ours to answer any more: stop at once and write nothing

Messages of BackendError and below may name hosts and ports, never keys or people's words.
"""


class ChasquiError(Exception):
    """Base of all errors that chasqui raises on purpose."""

    @property
    def sentence(self) -> str:
        """One sentence for people: what happened and what to do."""
        return str(self)


class UserError(ChasquiError):
    """Something that the person who asked can mend; the text is shown to them."""


class FileRefused(UserError):
    """An attachment that cannot be read; the text says why and what to do."""


class HostRefused(FileRefused):
    """A page that lies or leads inside the network; whoever runs chasqui may name its ``host``."""

    def __init__(self, sentence: str, host: str) -> None:
        super().__init__(sentence)
        self.host = host


class InboxFull(UserError):
    """A question that is not accepted, because too many wait already; the text says whose."""


class SettingsError(UserError):
    """A setting is missing, misspelt or wrong; the text names it and says how to mend it."""


class BackendError(ChasquiError):
    """The model could not answer.

    ``detail`` is for the log; ``replica`` names the backend instance; ``retry_after`` is in
    seconds where the other side gave one.
    """

    retryable = False
    advice = "The model could not answer. Please try again in a moment."

    def __init__(self, detail: str, *, replica: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.replica = replica
        self.retry_after = retry_after

    @property
    def sentence(self) -> str:
        return self.advice


class BackendUnavailable(BackendError):
    """Nothing answers: connection refused, a gateway's error page, or silence before the first token."""

    retryable = True
    advice = "The model cannot be reached at the moment. Please try again in a minute."


class BackendOverloaded(BackendError):
    """Every slot of the replica is taken."""

    retryable = True
    advice = "The model is busy with other questions. Please try again in a minute."


class BackendFailed(BackendError):
    """The engine failed while it worked on the prompt (TGI: 424 and 500)."""

    retryable = True
    advice = "The model failed while it was answering. Please try again."


class BackendRejected(BackendError):
    """The engine calls the request wrong; sending it again would not help."""

    advice = "The model refused this request. Please ask whoever runs chasqui to look at its log."


class PromptTooLong(BackendRejected):
    """Prompt and answer together exceed the engine's window."""

    advice = "This is too long for the model. Please ask with less text or a smaller file."


class BackendUnauthorized(BackendError):
    """The engine wants another API key."""

    advice = (
        "The model does not accept our API key. "
        "Please ask whoever runs chasqui to check CHASQUI_BACKEND__API_KEY."
    )


class StreamBroken(BackendError):
    """The stream ended, stalled or failed after text was delivered; what came is kept."""

    advice = "The connection to the model broke, so the answer stops here. Ask again for the rest."


class PlatformError(ChasquiError):
    """Discord, Slack or the terminal refused something."""

    @property
    def sentence(self) -> str:
        return "The answer could not be delivered here. Please try again in a moment."


class RateLimited(PlatformError):
    """Too many writes: nothing was written. ``retry_after`` is in seconds, where the platform gave one."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class WriteFailed(PlatformError):
    """A write failed or was never answered; the reply knows how to repeat it without doubling anything."""


class NotAdmitted(PlatformError):
    """The platform does not let us in at all. Nothing is wrong with a question, which waits until it does."""


class PageClosed(PlatformError):
    """This page cannot be written any more. What was written before stands; the rest needs another page."""


class EmbedderUnavailable(ChasquiError):
    """No vectors can be made now; the text says why, for the log and for operators."""


class RerankerUnavailable(ChasquiError):
    """What was found cannot be ordered now; the text says why, for the log and for operators."""


class StoreError(ChasquiError):
    """The Redis-protocol server cannot be reached, or refuses a command.

    ``passing`` says that it may end by itself, so that waiting and asking again can help.
    """

    def __init__(self, detail: str, *, passing: bool = False) -> None:
        super().__init__(detail)
        self.passing = passing


class LeaseLost(ChasquiError):
    """The message is not ours to answer any more: another worker holds its thread, or it was deleted.

    Whoever sees this stops and writes nothing more.
    """
