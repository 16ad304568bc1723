"""The composition root: everything is built here, once, and closed in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial

from adapters import completions, local_model, tgi
from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from adapters.redis.counts import Bounds
from adapters.redis.documents import RedisDocuments
from adapters.redis.feedbacks import RedisFeedbacks
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.notes import RedisNotes
from adapters.redis.people import RedisPeople
from adapters.redis.rates import RedisRates
from adapters.redis.shelf import RedisShelf
from adapters.redis.store import Store
from adapters.redis.survey import RedisSurvey
from adapters.redis.work import Capacity, no_slots
from adapters.replica.client import Replica, Timeouts
from bots.channels import Channels
from bots.desk import Desk
from bots.kb_sync import Sync
from bots.knowledge import Knowledge, knowledge
from bots.settings import DiscordSettings, ModelSettings, Settings, SlackSettings
from bots.store import redis
from core.assistant import Assistant, OtherModel
from core.channels import ChannelSettings
from core.keeping import Keeper
from core.library import Library
from core.policy import Policy
from core.ports import (
    Extractor,
    Feedbacks,
    History,
    Inbox,
    Lease,
    Notes,
    People,
    Platform,
    Rates,
    Shelf,
    Survey,
)
from core.profiles import SERVER
from core.replica import ReplicaView
from core.router import Router
from core.team import TeamDocuments
from core.types import Outcome


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept, as gateways use it."""

    inbox: Inbox
    history: History
    people: People
    notes: Notes
    rates: Rates
    feedbacks: Feedbacks
    shelf: Shelf
    team: TeamDocuments
    survey: Survey
    models: Sequence[str]


@dataclass(frozen=True, slots=True)
class App(Stores):
    """What runs: the ports that bots use, and over them the assistant, and who keeps what is added."""

    assistant: Assistant
    keeper: Keeper
    replicas: Callable[[], Sequence[ReplicaView]]

    async def serve(self, lease: Lease, platform: Platform) -> Outcome:
        """Do what a message wants: answer it, or keep it. Raises as `Assistant.answer`."""
        work = self.keeper.keep if lease.message.addition else self.assistant.answer
        return await work(lease, platform)


@asynccontextmanager
async def app(settings: Settings) -> AsyncIterator[App]:
    """Everything that a bot needs, with the embedded servers where no other is configured."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(redis(settings))
        routers = {
            name: _router(model, await stack.enter_async_context(replicas(settings, model)))
            for name, model in models(settings).items()
        }
        known = await stack.enter_async_context(knowledge(settings, store))
        kept = _kept(settings, store, known.team, lambda model: routers.get(model, routers[""]).capacity())
        await stack.enter_async_context(_following(known))
        extractor, largest = _extractor(settings), settings.answers.max_file_bytes
        links = Sync(kept.shelf, extractor, max_bytes=largest, hosts=settings.kb.hosts)
        documents = _library(settings, store, known, extractor)
        others = {
            name: OtherModel(router, policy(settings, name)) for name, router in routers.items() if name
        }
        yield App(
            **{each.name: getattr(kept, each.name) for each in fields(kept)},
            assistant=Assistant(routers[""], kept.history, documents, policy(settings), others),
            keeper=Keeper(kept.shelf, extractor, largest, links),
            replicas=lambda: [view for router in routers.values() for view in router.replicas()],
        )


@asynccontextmanager
async def library(settings: Settings, store: Store) -> AsyncIterator[tuple[Library, Knowledge]]:
    """What answers are looked for in, and what finds the documents of the team in it."""
    async with knowledge(settings, store) as known:
        yield _library(settings, store, known, _extractor(settings)), known


def _extractor(settings: Settings) -> SandboxedExtractor:
    return SandboxedExtractor(limits=ExtractionLimits(max_bytes=settings.answers.max_file_bytes))


def _library(settings: Settings, store: Store, known: Knowledge, extractor: Extractor) -> Library:
    largest = settings.answers.max_file_bytes
    return Library(RedisDocuments(store), known.index, extractor, team=known.team, max_bytes=largest)


@asynccontextmanager
async def _following(known: Knowledge) -> AsyncIterator[None]:
    """Read the team's documents in the background, and make the vectors that they lack.

    What fails there meets the question that needs them.
    """
    work = known.embedding.follow() if known.embedding else known.team.catch_up()
    following = asyncio.create_task(work)
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """What a gateway needs: it asks no model, and makes a vector of what somebody looks for alone."""
    async with redis(settings) as store, knowledge(settings, store) as known:
        yield _kept(settings, store, known.team)


def _kept(settings: Settings, store: Store, team: TeamDocuments, capacity: Capacity = no_slots) -> Stores:
    bounds = Bounds(settings.inbox.per_person, settings.inbox.in_all)
    return Stores(
        RedisInbox(store, bounds=bounds, capacity=capacity),
        RedisHistory(store),
        RedisPeople(store),
        RedisNotes(store),
        RedisRates(store),
        RedisFeedbacks(store),
        RedisShelf(store),
        team,
        RedisSurvey(store),
        tuple(settings.backend.others),
    )


def desk(platform: str, kept: Stores, ours: DiscordSettings | SlackSettings) -> Desk:
    """What people can do on a platform, by its settings."""
    wanted = {place: ChannelSettings(**dict(table)) for place, table in ours.channels.items()}
    return Desk(
        platform,
        kept.inbox,
        kept.history,
        kept.people,
        kept.feedbacks,
        kept.notes,
        Channels(platform, kept.notes, wanted),
        ours.moderators,
        ours.curators,
        kept.shelf,
        kept.team,
        kept.survey,
        kept.models,
    )


@asynccontextmanager
async def platforms(settings: Settings, kept: Stores) -> AsyncIterator[dict[str, Platform]]:
    """The platforms on which a worker can speak: those that have a token."""
    found: dict[str, Platform] = {}
    async with AsyncExitStack() as stack:
        if token := settings.discord.token:
            from adapters.discord.platform import connected  # noqa: PLC0415 - half a second for who needs it

            discord = connected(
                token.get_secret_value(),
                api_url=settings.discord.api_url,
                notes=kept.notes,
                rates=kept.rates,
            )
            found["discord"] = await stack.enter_async_context(discord)
        if token := settings.slack.bot_token:
            from adapters.slack import platform  # noqa: PLC0415 - as above

            slack = platform.connected(
                token.get_secret_value(),
                api_url=settings.slack.api_url,
                notes=kept.notes,
                rates=kept.rates,
                stop=kept.inbox.stop,
            )
            found["slack"] = await stack.enter_async_context(slack)
        yield found


def models(settings: Settings) -> dict[str, ModelSettings]:
    """The models by their names; the first one, that answers where none is chosen, has none.

    The keys that stand with the first one are for the replicas of all.
    """
    first = settings.backend
    others = {
        name: model.model_copy(update={"api_keys": {**first.api_keys, **model.api_keys}})
        for name, model in first.others.items()
    }
    return {"": first, **others}


@asynccontextmanager
async def replicas(settings: Settings, model: ModelSettings) -> AsyncIterator[list[Replica]]:
    """One client per configured replica, else one for the embedded model of the data directory."""
    async with AsyncExitStack() as stack:
        urls = model.urls
        if not urls:
            urls = (await stack.enter_async_context(local_model.running(settings.data_dir)),)
        yield [await stack.enter_async_context(_replica(url, model)) for url in urls]


def _router(model: ModelSettings, replicas: Sequence[Replica]) -> Router:
    """Where one replica is silent, another one is asked; after two people waited long enough."""
    names = [replica.replica for replica in replicas]
    return Router(replicas, names=names, patience=1.5 * model.longest_silence)


def _replica(url: str, settings: ModelSettings) -> Replica:
    secret = settings.api_keys.get(url, settings.api_key)
    engines = [partial(engine.recognise, served=settings.model) for engine in (tgi, completions)]
    timeouts = Timeouts(first_token=settings.longest_silence, next_token=settings.next_token_seconds)
    return Replica(
        url,
        engines,
        api_key=secret.get_secret_value() if secret else "",
        timeouts=timeouts,
        own_template=settings.profile == SERVER.name,
    )


def policy(settings: Settings, model: str = "") -> Policy:
    """How answers of a model are to be, from the settings."""
    chosen = models(settings)[model]
    return Policy(
        grounding=settings.answers.grounding,
        persona=settings.answers.persona,
        profile=chosen.profile,
        max_new_tokens=chosen.max_new_tokens,
        evidence=settings.answers.evidence,
    )
