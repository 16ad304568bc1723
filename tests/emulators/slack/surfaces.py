"""Modals and home tabs: https://docs.slack.dev/surfaces."""

import json
import secrets
from typing import Any

from tests.emulators.slack import blocks
from tests.emulators.slack.errors import ApiError, explained
from tests.emulators.slack.model import Json, View
from tests.emulators.slack.world import World

VIEW_BYTES = 250_000


class Surfaces:
    """Opens and changes views; `homes` has the id of everybody's home tab."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.homes: dict[str, str] = {}

    def open(self, user: str, given: Any) -> View:
        """A modal for somebody."""
        content = checked(given, "modal")
        self._unique(content)
        return self._new(user, content)

    def update(self, given: Any, *, key: str, external: str, given_hash: str) -> View:
        """Another content for a modal that stands."""
        content = checked(given, "modal")
        found = self._world.views.get(key) or self._external(external)
        if found is None or not found.open:
            raise ApiError("not_found")
        return self._change(found, content, given_hash)

    def publish(self, user: str, given: Any, given_hash: str) -> View:
        """Somebody's home tab."""
        content = checked(given, "home")
        known = self._world.views.get(self.homes.get(user, ""))
        if known:
            return self._change(known, content, given_hash)
        made = self._new(user, content)
        self.homes[user] = made.id
        return made

    def _new(self, user: str, content: Json) -> View:
        view = View(self._world.new_id("V"), user, content, secrets.token_hex(4))
        self._world.views[view.id] = view
        return view

    def _change(self, view: View, content: Json, given_hash: str) -> View:
        if given_hash and given_hash != view.hash:
            raise ApiError("hash_conflict")
        view.content, view.hash = content, secrets.token_hex(4)
        return view

    def _external(self, key: str) -> View | None:
        found = (each for each in self._world.views.values() if each.content.get("external_id") == key)
        return next(found, None) if key else None

    def _unique(self, content: Json) -> None:
        if self._external(content.get("external_id", "")):
            raise ApiError("duplicate_external_id")


def checked(given: Any, kind: str) -> Json:
    """A view as it was sent, or the error of the first rule that it breaks."""
    if not isinstance(given, dict) or given.get("type") != kind:
        raise explained("invalid_arguments", f"must be of type {kind} [json-pointer:/view/type]")
    if len(json.dumps(given)) > VIEW_BYTES:
        raise ApiError("view_too_large")
    if kind == "modal":
        title = given.get("title", {}).get("text", "")
        if not 1 <= len(title) <= 24:
            raise explained(
                "invalid_arguments", "must be between 1 and 24 characters [json-pointer:/view/title/text]"
            )
        if any(each.get("type") == "input" for each in given.get("blocks", ())) and not given.get("submit"):
            raise explained(
                "invalid_arguments", "a submit is required with inputs [json-pointer:/view/submit]"
            )
    for name, most in (("callback_id", 255), ("private_metadata", 3000), ("external_id", 255)):
        if len(given.get(name, "")) > most:
            raise explained(
                "invalid_arguments", f"must be less than {most + 1} characters [json-pointer:/view/{name}]"
            )
    return {**given, "blocks": list(blocks.checked(given.get("blocks"), most=100))}
