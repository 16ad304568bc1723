"""The command line. Imports are inside the commands, so that `--help` is there at once."""

# ruff: noqa: PLC0415

import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bots.output import print_json
from core.errors import ChasquiError, SettingsError

if TYPE_CHECKING:
    from structlog.typing import Processor

    from bots.logs import Level
    from bots.settings import Settings
    from core.prompt import Say

FAILURE, WRONG_USE = 1, 2

cli = typer.Typer(
    name="chasqui",
    help="Your team's own open language model in Discord, Slack and the terminal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
prompt = typer.Typer(help="The exact text that a model gets.", no_args_is_help=True, rich_markup_mode=None)
model = typer.Typer(help="The embedded model.", no_args_is_help=True, rich_markup_mode=None)
inbox = typer.Typer(
    help="What waits for an answer, and what was set aside.", no_args_is_help=True, rich_markup_mode=None
)
kb = typer.Typer(help="The team's documents.", no_args_is_help=True, rich_markup_mode=None)
evaluate = typer.Typer(
    help="How good it is, measured on questions of yours.", no_args_is_help=True, rich_markup_mode=None
)
cli.add_typer(evaluate, name="eval")
cli.add_typer(inbox, name="inbox")
cli.add_typer(kb, name="kb")
cli.add_typer(prompt, name="prompt")
cli.add_typer(model, name="model")

Thread = Annotated[str | None, typer.Option(help="Name of the conversation; the same name goes on with it.")]
Files = Annotated[list[Path] | None, typer.Option("--file", help="A file to ask about; may be repeated.")]
Letter = Annotated[str, typer.Argument(metavar="ID", help="As `chasqui inbox list` shows it.")]
Who = Annotated[str, typer.Option("--audience", help="Who may see it, as in channel:slack:C123.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def main() -> None:
    """Entry point: every error ends in one sentence on stderr; exit 2 for use, 1 for failure."""
    try:
        sys.exit(cli(prog_name="chasqui", standalone_mode=False))
    except typer.TyperException as error:
        _end(_wrong_use(error), error.exit_code)
    except SettingsError as error:
        _end(error.sentence, WRONG_USE)
    except ChasquiError as error:
        _end(error.sentence, FAILURE)
    except (KeyboardInterrupt, asyncio.CancelledError):  # the second Ctrl-C cancels
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # no second error at exit
        sys.exit(FAILURE)
    except Exception as error:  # the last line before people: a sentence, not a traceback
        if os.environ.get("CHASQUI_LOG__LEVEL", "").lower() == "debug":
            raise
        _end(
            f"Something is wrong inside chasqui ({type(error).__name__}: {error}). "
            "Please report it with what CHASQUI_LOG__LEVEL=debug shows.",
            FAILURE,
        )


@cli.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Do not ask for questions of your own.")] = False,
) -> None:
    """Show the main job, offline, on the embedded model."""
    from bots import terminal

    _run(terminal.demo(_settings("error"), once=once))


@cli.command()
def chat(thread: Thread = None, file: Files = None) -> None:
    """Talk in the terminal."""
    files = _existing(file)
    from bots import terminal

    _run(terminal.chat(_settings("error"), thread, files))


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    file: Files = None,
    thread: Thread = None,
    as_json: Json = False,
) -> None:
    """Ask one question."""
    files = _existing(file)
    text = _stdin() if question == "-" else question
    if not text.strip() and not files:
        _end("There is no question. Ask something, or name a file after --file.", WRONG_USE)
    from bots import terminal

    _run(terminal.ask(_settings("error"), text, files, thread, as_json=as_json))


@prompt.command("render")
def prompt_render(
    template: Annotated[
        str, typer.Option(help="vicuna_v1.1, airoboros_v1, airoboros_v2, llama-2 or chatml.")
    ] = "vicuna_v1.1",
    raw: Annotated[bool, typer.Option("--raw", help="Do not neutralise markers in the messages.")] = False,
) -> None:
    """Turn a conversation (JSON on stdin) into its prompt."""
    from core.prompt import TEMPLATES, Say, mend, neutralise, render

    if template not in TEMPLATES:
        _end(f"There is no template {template!r}. Choose one of {', '.join(TEMPLATES)}.", WRONG_USE)
    system, said = _conversation(_stdin())
    if not raw:
        said = [Say(say.role, neutralise(say.text or "")) for say in mend(said)]
    try:
        text = render(TEMPLATES[template], said, system)
    except ValueError:
        _end('The conversation holds no question: give a message of the role "user" with text.', WRONG_USE)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


@cli.command("split")
def split_pages(
    platform: Annotated[str, typer.Option("--for", help="discord or slack")],
) -> None:
    """Cut Markdown from stdin into pages as they would be sent, as a JSON list."""
    from adapters.discord.markdown import CONTENT
    from adapters.slack.markdown import MARKDOWN
    from core.markdown import split

    profiles = {"discord": CONTENT, "slack": MARKDOWN}
    if platform not in profiles:
        _end(f"There is no platform {platform!r}. Choose one of {', '.join(profiles)}.", WRONG_USE)
    profile = profiles[platform]
    pages = [profile.render(page) for page in split(_stdin(), profile)]
    print_json(pages)


@cli.command()
def serve(
    roles: Annotated[list[str], typer.Argument(help="worker (answers), discord, slack (listen), or all.")],
) -> None:
    """Run the long-running roles until SIGTERM or Ctrl-C, which lets answers in progress end."""
    from adapters.metrics import Metrics
    from bots import serve

    metrics = Metrics()
    _run(serve.serve(_settings("info", metrics.observe), set(roles), metrics))


@cli.command()
def invite(platform: Annotated[str, typer.Argument(help="discord")]) -> None:
    """Print the link with which people let the bot into their server."""
    if platform != "discord":
        _end(f"There are no invitations to {platform!r}. Write `chasqui invite discord`.", WRONG_USE)
    from bots import discord_invite

    _run(discord_invite.show(_settings("error")))


@cli.command()
def manifest(
    platform: Annotated[str, typer.Argument(help="slack")],
    http: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Slack reaches us, instead of Socket Mode.")
    ] = None,
) -> None:
    """Print what makes the app on Slack."""
    if platform != "slack":
        _end(f"There is no manifest for {platform!r}. Write `chasqui manifest slack`.", WRONG_USE)
    from bots import slack_manifest

    slack_manifest.show(http)


@inbox.command("list")
def inbox_list(as_json: Json = False) -> None:
    """Show the threads that wait and the messages that were set aside, without their words."""
    from bots import inbox

    _run(inbox.show_all(_settings("error"), as_json=as_json))


@inbox.command("show")
def inbox_show(name: Letter, as_json: Json = False) -> None:
    """Print a message that was set aside."""
    from bots import inbox

    _run(inbox.show(_settings("error"), name, as_json=as_json))


@inbox.command("retry")
def inbox_retry(name: Letter, as_json: Json = False) -> None:
    """Let a message that was set aside be answered after all."""
    from bots import inbox

    _run(inbox.retry(_settings("error"), name, as_json=as_json))


@inbox.command("drop")
def inbox_drop(name: Letter, as_json: Json = False) -> None:
    """Delete a message that was set aside."""
    from bots import inbox

    _run(inbox.drop(_settings("error"), name, as_json=as_json))


@kb.command("add")
def kb_add(
    name: Annotated[list[str], typer.Argument(metavar="PATH|URL...", help="Files, folders, web pages.")],
    audience: Who = "public",
    as_json: Json = False,
) -> None:
    """Add documents, and read them."""
    from bots import kb_adding

    _run(kb_adding.add(_settings("error"), name, audience, as_json=as_json))


@kb.command("sync")
def kb_sync(as_json: Json = False) -> None:
    """Read again what changed since, and drop what is gone."""
    from bots import kb_adding

    _run(kb_adding.sync(_settings("error"), as_json=as_json))


@kb.command("list")
def kb_list(as_json: Json = False) -> None:
    """Show all documents."""
    from bots import kb

    _run(kb.show_all(_settings("error"), as_json=as_json))


@kb.command("remove")
def kb_remove(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of a document, or what was added.")],
    as_json: Json = False,
) -> None:
    """Remove a document, or all of what was added."""
    from bots import kb

    _run(kb.remove(_settings("error"), name, as_json=as_json))


@kb.command("search")
def kb_search(
    query: Annotated[str, typer.Argument(help="What an answer is looked for to.")],
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many sections to show.")] = 5,
    audience: Who = "public",
    as_json: Json = False,
) -> None:
    """Show the sections that an answer to this audience would be looked for in."""
    from bots import kb

    _run(kb.search(_settings("error"), query, k, audience, as_json=as_json))


@kb.command("stats")
def kb_stats(as_json: Json = False) -> None:
    """Show how much there is, for whom and from where."""
    from bots import kb

    _run(kb.stats(_settings("error"), as_json=as_json))


@kb.command("gaps")
def kb_gaps(as_json: Json = False) -> None:
    """Show what was asked and not answered, alike questions together."""
    from bots import kb_learning

    _run(kb_learning.show_gaps(_settings("error"), as_json=as_json))


@evaluate.command("kb")
def eval_kb(
    questions: Annotated[list[Path], typer.Argument(metavar="QUESTIONS.json...", help="Test questions.")],
    answers: Annotated[
        bool, typer.Option("--answers", help="Let the model answer too; this takes long.")
    ] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Let it answer so many of each kind.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the risk-coverage curve into this SVG file.")
    ] = None,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Print what each way of finding adds, as Markdown.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how well the public documents are found, and how well it is told what they do not hold."""
    from bots import eval_ablation, eval_kb

    if ablation:
        if answers or sample or plot or as_json:
            raise typer.BadParameter("--ablation stands alone: it prints one table.")
        _run(eval_ablation.ablation(_settings("error"), questions))
        return
    work = eval_kb.evaluate(
        _settings("error"), questions, answers=answers, sample=sample, plot=plot, as_json=as_json
    )
    _run(work)


@cli.command()
def export(
    what: Annotated[
        str | None, typer.Argument(metavar="[feedback]", help="What people think of answers.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="As discord:ID, slack:ID or terminal:terminal.")] = None,
) -> None:
    """Print all that is kept of a person, as JSON, or all thumbs with their reasons, a line of JSON each."""
    if (what or "feedback") != "feedback" or bool(what) == bool(person):
        _end(
            "Write `chasqui export feedback`, or name a person: `chasqui export --person discord:ID`.",
            WRONG_USE,
        )
    from bots import kb_learning, people

    if person:
        _run(people.export(_settings("error"), *_named(person)))
    else:
        _run(kb_learning.export_feedback(_settings("error")))


@cli.command()
def forget(
    person: Annotated[str | None, typer.Option(help="Whose questions, answers and files go.")] = None,
    thread: Annotated[str | None, typer.Option(help="The conversation that goes as a whole.")] = None,
) -> None:
    """Delete all that is kept of a person or a thread, written as discord:ID, slack:ID or terminal:NAME."""
    if bool(person) == bool(thread):
        _end("Name either a person (--person discord:ID) or a thread (--thread discord:ID).", WRONG_USE)
    from bots import people
    from core.types import ThreadId

    named = _named(person or thread or "")
    settings = _settings("error")
    _run(
        people.forget_person(settings, *named) if person else people.forget_thread(settings, ThreadId(*named))
    )


@model.command("serve")
def model_serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the embedded model over the TGI protocol until Ctrl-C."""
    from adapters.local_model.server import serve

    _settings("info")
    asyncio.run(serve(host=host, port=port, ready=lambda url: print(f"Serving on {url}", flush=True)))


@cli.command("init")
def init_settings() -> None:
    """Ask for what is needed, try each answer, and write chasqui.toml."""
    _settings("error")
    from bots import init

    if code := init.run():
        raise typer.Exit(code)


@cli.command()
def doctor(as_json: Json = False) -> None:
    """Say what is wrong and how to mend it."""
    from bots import checks

    _run(checks.report(_settings("error"), as_json=as_json))


@cli.command()
def healthcheck(
    live: Annotated[bool, typer.Option("--live", help="Ask only whether it runs at all.")] = False,
) -> None:
    """Exit 0 when the `chasqui serve` of these settings is ready, 1 otherwise."""
    from bots.probe import probe
    from bots.settings import load

    if code := probe(load().http, live=live):
        raise typer.Exit(code)


@cli.command()
def config(as_json: Json = False) -> None:
    """Show the settings in force, secrets masked, and where each came from."""
    from bots import config
    from bots.settings import load

    config.show(load(), as_json=as_json)


def _settings(level: "Level", observe: "Processor | None" = None) -> "Settings":
    """The settings, with logs set up; `level` is the least one where the settings name none.

    `observe` sees what is logged, and what only the level keeps from being written.
    """
    from bots import logs
    from bots.settings import load

    settings = load()
    logs.configure(settings.log.level or level, settings.log.format, observe)
    return settings


def _run(work: Awaitable[int]) -> None:
    async def run() -> int:
        return await work

    code = asyncio.run(run())
    if code:
        raise typer.Exit(code)


def _existing(files: list[Path] | None) -> list[Path]:
    return [_existing_file(file) for file in files or ()]


def _existing_file(file: Path) -> Path:
    from core.refusals import shown

    path, what = file, ""
    try:
        path = file.expanduser()
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
    except (OSError, RuntimeError):  # no file can have this name; nobody has this home
        what = "cannot be found"
    if what:
        _end(f"{shown(str(file))} {what}. Name a file after --file.", WRONG_USE)
    return path


def _named(name: str) -> tuple[str, str]:
    """A person or a thread, as platform and what that calls it."""
    from bots.people import PLATFORMS

    platform, _, key = name.partition(":")
    if platform not in PLATFORMS or not key:
        _end(
            f"{name} names nothing: write the platform and its id, as in discord:80351110224678912.",
            WRONG_USE,
        )
    return platform, key


def _stdin() -> str:
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace")


def _conversation(text: str) -> "tuple[str | None, list[Say]]":
    """The system text and the messages of `prompt render`, checked."""
    from core.prompt import Say

    shape = '{"system": str|null, "messages": [{"role": "user"|"assistant", "content": str|null}]}'
    try:
        value = json.loads(text)
        system = value.get("system")
        messages = [(message["role"], message.get("content")) for message in value["messages"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _end(f"This is not a conversation. Give JSON like {shape} on stdin.", WRONG_USE)
    texts = (system, *(content for _, content in messages))
    if any(role not in ("user", "assistant") for role, _ in messages) or not all(
        t is None or isinstance(t, str) for t in texts
    ):
        _end(f"This is not a conversation. Give JSON like {shape} on stdin.", WRONG_USE)
    return system, [Say(role, content) for role, content in messages]


def _wrong_use(error: typer.TyperException) -> str:
    """What is wrong with the arguments, in one sentence; the help where there were none."""
    said = error.format_message()
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "chasqui"
    return said if "\n" in said else f"{said.rstrip('.')}. `{command} --help` shows what there is."


def _end(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
