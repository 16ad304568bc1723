"""What Discord takes in the body of a message or a modal, and the errors for the rest.

Lengths are in code points.

https://discord.com/developers/docs/resources/message#create-message and /components/reference
"""

from collections.abc import Iterable, Iterator, Sequence

from tests.emulators.discord.errors import ApiError, invalid, refused, required, too_long
from tests.emulators.discord.model import COMPONENTS_V2, File, Json

CONTENT, NONCE, FILES, FILE_BYTES = 2000, 25, 10, 10 << 20
V2_TEXT, V2_COMPONENTS, V2_BYTES = 4000, 40, 10_170
ROW, BUTTON, TEXT_INPUT, TEXT_DISPLAY, LABEL = 1, 2, 4, 10, 18
SELECTS = (3, 5, 6, 7, 8)


def check_message(body: Json, files: Sequence[File], *, flags: int) -> None:
    """Raise the error of a body that is to become a message with these flags."""
    _check_length("content", body.get("content"), CONTENT)
    if len(files) > FILES:
        raise refused(30015)
    if any(len(file.data) > FILE_BYTES for file in files):
        raise refused(40005)
    _check_embeds(body.get("embeds") or [])
    if flags & COMPONENTS_V2:
        _check_v2(body)
    else:
        check_rows(body.get("components") or [])


def check_nonce(nonce: object) -> None:
    """Raise the error of a nonce that is too long."""
    if nonce is not None and len(str(nonce)) > NONCE:
        raise too_long("nonce", NONCE)


def empty(content: str, embeds: Sequence[Json], components: Sequence[Json], files: Sequence[File]) -> bool:
    """Whether a message of this would show nothing."""
    return not (content.strip() or embeds or components or files)


def _check_length(field: str, text: str | None, most: int, least: int = 0) -> None:
    if not least <= len(text or "") <= most:
        raise too_long(field, most, least)


def _check_embeds(embeds: Sequence[Json]) -> None:
    if len(embeds) > 10:
        raise too_long("embeds", 10)
    total = 0
    for place, embed in enumerate(embeds):
        for name, most in (("title", 256), ("description", 4096)):
            _check_length(f"embeds.{place}.{name}", _trimmed(embed.get(name)), most)
        _check_length(f"embeds.{place}.footer.text", _trimmed(embed.get("footer", {}).get("text")), 2048)
        _check_fields(f"embeds.{place}.fields", embed.get("fields") or [])
        total += sum(len(_trimmed(text)) for text in _texts(embed))
    if total > 6000:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _check_fields(where: str, fields: Sequence[Json]) -> None:
    if len(fields) > 25:
        raise too_long(where, 25)
    for place, field in enumerate(fields):
        _check_length(f"{where}.{place}.name", field.get("name"), 256, 1)
        _check_length(f"{where}.{place}.value", field.get("value"), 1024, 1)


def _trimmed(text: str | None) -> str:
    return (text or "").strip()


def _texts(embed: Json) -> Iterator[str | None]:
    yield from (embed.get("title"), embed.get("description"))
    yield from (embed.get("footer", {}).get("text"), embed.get("author", {}).get("name"))
    for field in embed.get("fields") or []:
        yield from (field.get("name"), field.get("value"))


def every(components: Iterable[Json]) -> Iterator[Json]:
    """All components, those inside others too."""
    for each in components:
        yield each
        inner = [each["component"]] if "component" in each else each.get("components", [])
        yield from every([*inner, *([each["accessory"]] if "accessory" in each else [])])


def check_rows(rows: Sequence[Json]) -> None:
    """Raise the error of rows of buttons and selects under a message."""
    if len(rows) > 5:
        raise too_long("components", 5)
    for place, row in enumerate(rows):
        if row.get("type") != ROW:
            raise invalid(
                f"components.{place}.type", "UNION_TYPE_CHOICES", "Value of field must be one of (1,)."
            )
        inside = row.get("components") or []
        if not 1 <= len(inside) <= 5 or (len(inside) > 1 and any(each["type"] != BUTTON for each in inside)):
            raise too_long(f"components.{place}.components", 5, 1)
    _check_controls(rows)


def _check_controls(components: Sequence[Json]) -> None:
    known: set[str] = set()
    for each in every(components):
        if each["type"] == BUTTON:
            _check_button(each)
        elif each["type"] in SELECTS:
            _check_select(each)
        name = each.get("custom_id")
        if name is not None and name in known:
            raise invalid(
                "components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
            )
        known.add(name or "")


def _check_button(button: Json) -> None:
    _check_length("components.label", button.get("label"), 80)
    if button.get("style") == 5:
        _check_length("components.url", button.get("url"), 512, 1)
    else:
        _check_length("components.custom_id", button.get("custom_id"), 100, 1)
    if not button.get("label") and not button.get("emoji"):
        raise invalid(
            "components", "BUTTON_COMPONENT_MISSING_LABEL", "A button must have a label or an emoji"
        )


def _check_select(select: Json) -> None:
    _check_length("components.custom_id", select.get("custom_id"), 100, 1)
    if select["type"] == 3 and not 1 <= len(select.get("options") or []) <= 25:
        raise too_long("components.options", 25, 1)
    for option in select.get("options") or []:
        _check_length("components.options.label", option.get("label"), 100, 1)
        _check_length("components.options.value", option.get("value"), 100, 1)
        _check_length("components.options.description", option.get("description"), 100)


def _check_v2(body: Json) -> None:
    for name in ("content", "embeds", "poll", "sticker_ids"):
        if body.get(name):
            code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
            raise invalid(
                name, code, f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            )
    components = list(every(body.get("components") or []))
    texts = [each.get("content") or "" for each in components if each["type"] == TEXT_DISPLAY]
    if len(components) > V2_COMPONENTS:
        raise too_long("components", V2_COMPONENTS)
    if sum(map(len, texts)) > V2_TEXT:
        code = "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"
        raise invalid("components", code, f"The displayable text exceeds the maximum size of {V2_TEXT}")
    if sum(len(text.encode()) + 12 for text in texts) > V2_BYTES:
        raise ApiError(500, {"message": "500: Internal Server Error", "code": 0})
    _check_controls(body.get("components") or [])


def check_modal(modal: Json) -> None:
    """Raise the error of a modal."""
    _check_length("data.title", modal.get("title"), 45, 1)
    _check_length("data.custom_id", modal.get("custom_id"), 100, 1)
    inside = modal.get("components") or []
    if not 1 <= len(inside) <= 5:
        raise too_long("data.components", 5, 1)
    for each in every(inside):
        if each["type"] in (LABEL, TEXT_INPUT):
            _check_length("data.components.label", each.get("label"), 45, int(each["type"] == LABEL))
        if each["type"] == TEXT_INPUT:
            _check_length("data.components.custom_id", each.get("custom_id"), 100, 1)
            _check_length("data.components.placeholder", each.get("placeholder"), 100)
            _check_length("data.components.value", each.get("value"), 4000)


def check_choices(choices: Sequence[Json]) -> None:
    """Raise the error of what an autocompletion offers."""
    if len(choices) > 25:
        raise too_long("data.choices", 25)
    for place, choice in enumerate(choices):
        _check_length(f"data.choices.{place}.name", choice.get("name"), 100, 1)
        if isinstance(choice.get("value"), str):
            _check_length(f"data.choices.{place}.value", choice["value"], 100, 1)


def check_thread(body: Json) -> None:
    """Raise the error of a thread that is to be made."""
    if not body.get("name"):
        raise required("name")
    _check_length("name", body["name"], 100, 1)
    if body.get("auto_archive_duration") not in (None, 60, 1440, 4320, 10080):
        raise invalid(
            "auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of (60, 1440, 4320, 10080)."
        )
