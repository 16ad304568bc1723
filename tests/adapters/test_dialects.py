"""Markdown as Discord and Slack are sent it: each construct, nobody called, no word lost, any text taken."""

import html
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.discord import markdown as discord
from adapters.slack import markdown as slack
from core.characters import sendable
from core.markdown import size, split
from core.types import PageProfile
from tests.core import hostile
from tests.core.hostile import STEADY

Z = "\u200b"
J = "\u2060"

Render = Callable[[str], str]
RENDERS: dict[str, Render] = {"discord": discord.render, "mrkdwn": slack.render, "markdown": slack.neutral}
every_dialect = pytest.mark.parametrize("render", RENDERS.values(), ids=RENDERS)

# --- Each construct -------------------------------------------------------------------------------------

BOTH = [
    ("# Head", "# Head", "*Head*"),
    ("## The **big** *one*", "## The **big** *one*", "*The big _one_*"),
    ("#### Deep **and** `code`", "**Deep and `code`**", "*Deep and `code`*"),
    ("Head\n====", "# Head", "*Head*"),
    ("Two\nlines\n---", "## Two lines", "*Two lines*"),
    ("Text\n# Head\ntext", "Text\n# Head\ntext", "Text\n*Head*\ntext"),
    ("**b** __b__ *i* _i_ ~~s~~", "**b** **b** *i* _i_ ~~s~~", "*b* *b* _i_ _i_ ~s~"),
    ("***both*** **a *b* c**", "***both*** **a *b* c**", "_*both*_ *a _b_ c*"),
    ("**a***b*", f"**a**{Z}*b*", f"*a*{Z}_b_"),
    ("**two\nlines**", "**two\nlines**", "*two*\n*lines*"),
    ("これは**重要**です", "これは**重要**です", f"これは{Z}*重要*{Z}です"),
    ("in**word**s (**b**)", "in**word**s (**b**)", f"in{Z}*word*{Z}s (*b*)"),
    ("2*3*4", "2*3*4", f"2{Z}_3_{Z}4"),
    ("2 * 3 * 4", "2 * 3 * 4", "2 * 3 * 4"),
    (r"\*no\* \_no\_", r"\*no\* \_no\_", f"*{Z}no{Z}* _{Z}no{Z}_"),
    ("5 * 3 and *lone", r"5 * 3 and \*lone", f"5 * 3 and *{Z}lone"),
    ("*lone and ~/home", r"\*lone and ~/home", "*lone and ~/home"),
    ("snake_case_name", "snake_case_name", "snake_case_name"),
    ("a__b__c", r"a\_\_b\_\_c", f"a{Z}__{Z}b{Z}__{Z}c"),
    ("`code **x**` ``a`b``", "`code **x**` ``a`b``", "`code **x**` ```a`b```"),
    ("`` `x` ``", "`` `x` ``", f"```{Z}`x`{Z}```"),
    ("a ` lone ``b``", r"a \` lone `b`", "a \u2035 lone `b`"),
    ("AT&T &amp; &lt;b&gt; &copy; <b>", r"AT&T & \<b\> © <b>", "AT&amp;T &amp; &lt;b&gt; © &lt;b&gt;"),
    ("one<br>two<BR/> three  \nfour\\\nfive", "one\ntwo\nthree\nfour\nfive", "one\ntwo\nthree\nfour\nfive"),
    ("---", "⎯⎯⎯", "⎯⎯⎯"),
    ("+ a\n* b\n- c", "- a\n- b\n- c", "• a\n• b\n• c"),
    ("- a\n  - b\n    - c", "- a\n  - b\n    - c", "• a\n  ◦ b\n    ▪ c"),
    ("7) a\n7) b", "7. a\n8. b", "7. a\n8. b"),
    (
        "- [ ] a\n- [x] b\n- [x](http://y.z)",
        "- ☐ a\n- ☑ b\n- [x](http://y.z)",
        "• ☐ a\n• ☑ b\n• <http://y.z|x>",
    ),
    ("1. a\n\n   b\n2. c", "1. a\n\n   b\n2. c", "1. a\n\n   b\n2. c"),
    ("> a\nb\n>\n> c", "> a\n> b\n> \n> c", "> a\n> b\n> \n> c"),
    (">>> a", "> > > a", "> > > a"),
    (r"\> a", r"\> a", f"{Z}&gt; a"),
    ("```c++ x\na<b\n```", "```c++\na<b\n```", "```\na&lt;b\n```"),
    ("```Größe\na\n```", "```\na\n```", "```\na\n```"),
    ("~~~\n```\n~~~", f"```\n``{Z}`\n```", f"```\n``{Z}`\n```"),
    ("````md\n```\n````", f"```md\n``{Z}`\n```", f"```\n``{Z}`\n```"),
    ("    a\n      b", "```\na\n  b\n```", "```\na\n  b\n```"),
    ("```\nopen", "```\nopen\n```", "```\nopen\n```"),
    ("- a\n  ```\n    x\n\n  y\n  ```", "- a\n  ```\n    x\n\n  y\n  ```", "• a\n```\n  x\n\ny\n```"),
    ("> ```\n> x\n> ```\n> t", "> ```\n> x\n> ```\n> t", "```\nx\n```\n> t"),
    ("|a|b|\n|-|-:|\n|`x`|**1**|", "```\na  b\n-  -\nx  1\n```", "```\na  b\n-  -\nx  1\n```"),
    (
        f"|a|b|\n|-|-|\n|*x*|{'w' * 60}|\n|y||",
        f"- **a:** *x*\n  **b:** {'w' * 60}\n- **a:** y",
        f"• *a:* _x_\n  *b:* {'w' * 60}\n• *a:* y",
    ),
    ("[a](http://x.y/z)", "[a](http://x.y/z)", "<http://x.y/z|a>"),
    ('[a](http://x.y/z_(1) "t")', '[a](http://x.y/z_(1) "t")', "<http://x.y/z_(1)|a>"),
    ("[a](<http://x.y/1)2 3>)", "[a](http://x.y/1%292%203)", "<http://x.y/1)2%203|a>"),
    (r"[a\|b>c](http://x.y/?a&b|c)", r"[a\|b>c](http://x.y/?a&b|c)", "<http://x.y/?a&amp;b%7Cc|a∣b&gt;c>"),
    ("[**a** `b`](http://x.y)", "[**a** `b`](http://x.y)", "<http://x.y|a b>"),
    ("![alt](http://x.y/i.png)", "[alt](http://x.y/i.png)", "<http://x.y/i.png|alt>"),
    ("![](http://x.y/i.png)", "<http://x.y/i.png>", "<http://x.y/i.png>"),
    ("[![alt](http://b.c/i)](http://x.y)", "[alt](http://x.y)", "<http://x.y|alt>"),
    ("<http://x.y/a_b> <me@x.y>", "<http://x.y/a_b> me@x.y", "<http://x.y/a_b> me@x.y"),
    ("http://x.y/_a_/ *b*", "http://x.y/_a_/ *b*", "<http://x.y/_a_/> _b_"),
    ("[a](javascript:b) [c](/d)", "a (javascript:b) c (/d)", "a (javascript:b) c (/d)"),
    ("[x.com](http://y.z)", "x.com (<http://y.z>)", "x.com (<http://y.z>)"),
    ("[a]\n\n[a]: http://x.y", "[a]\n\n[a]: http://x.y", "[a]\n\n[a]: http://x.y"),
    ("-# small ||hidden||", r"\-# small \|\|hidden\|\|", "-# small ||hidden||"),
    ("a<br># b<br>-# c", "a\n\\# b\n\\-# c", "a\n# b\n-# c"),
    ("a\\b C:\\dir", "a\\b C:\\dir", "a\\b C:\\dir"),
    ("####", "####", "####"),
    ("a\0b\r\nc\ud800\u202e", "ab\nc\ufffd", "ab\nc\ufffd"),
    ("", "", ""),
]


@pytest.mark.parametrize(("markdown", "expected"), [(source, sent) for source, sent, _ in BOTH])
def test_discord_is_sent(markdown: str, expected: str) -> None:
    """Each construct as Discord shows it."""
    assert discord.render(markdown) == expected


@pytest.mark.parametrize(("markdown", "expected"), [(source, sent) for source, _, sent in BOTH])
def test_slack_is_sent_mrkdwn(markdown: str, expected: str) -> None:
    """Each construct as mrkdwn has it, or as text where it has none."""
    assert slack.render(markdown) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# H **b** <https://x.y> [a](b) & <b>", "# H **b** <https://x.y> [a](b) & <b>"),
        ("<!channel> <@U1> <#C1|x>", f"<!{J}channel> <@{J}U1> <#{J}C1|x>"),
        ("@here @channel @everyone @hero", f"@her{J}e @channe{J}l @everyon{J}e @hero"),
        ("**@HERE**,@here/@here 中@here", f"**@HER{J}E**,@her{J}e/@her{J}e 中@her{J}e"),
        ("[a](https://x.y/@here)@here", f"[a](https://x.y/@here)@her{J}e"),
        ("x.com/@hereandnow me@here.com https://@here", f"x.com/@hereandnow me@here.com https://@her{J}e"),
        ("`npm i @here/maps` `<!-- x -->` <![CDATA[", f"`npm i @her{J}e/maps` `<!-- x -->` <![CDATA["),
        (
            "```\n<!channel> <@U1> @here <!-- x --> <# x #>\n```",
            f"```\n<!channe{J}l> <@U{J}1> @here <!-- x --> <# x #>\n```",
        ),
        (
            "~~~\nList<@NonNull T> <![CDATA[\n<!subteam^S>",
            f"~~~\nList<@NonNull T> <![CDATA[\n<!subtea{J}m^S>",
        ),
        ("- ~~~\n  @here\n  ~~~\n  @here", f"- ~~~\n  @here\n  ~~~\n  @her{J}e"),
        ("- ~~~\n@here", f"- ~~~\n@her{J}e"),
        ("a\0b\r\nc\ud800", "ab\nc\ufffd"),
    ],
)
def test_slack_is_sent_markdown(markdown: str, expected: str) -> None:
    """Markdown goes out as it is, but for calls and for characters that Slack does not take."""
    assert slack.neutral(markdown) == expected


# --- Nobody is called -----------------------------------------------------------------------------------

CALLS = [
    "@everyone",
    "@here",
    "@channel",
    "@EveryOne",
    "<@1>",
    "<@!2>",
    "<@&3>",
    "<#4>",
    "</cmd:5>",
    "<:e:6>",
]
CALLS += ["<a:e:7>", "<t:8>", "<t:8:R>", "<id:browse>", "<!channel>", "<!here|h>", "<!everyone>", "<@U1>"]
CALLS += [
    "<@W2|name>",
    "<#C1>",
    "<#C2|x>",
    "<!subteam^S1>",
    "<!date^1^{date}|x>",
    "&#64;everyone",
    "&lt;!here>",
]
CALLS += [r"\@everyone", r"\<@1>", "@**everyone**", "<**@**1>", "@<br>here", "<<!channel>>", "@\0here"]
PLACES = [
    "{}",
    "a {} b",
    "**{}**",
    "# {}",
    "#### {}",
    "#### **@**{}",
    "- {}",
    "- [ ] {}",
    "> {}",
    "1. a\n\n   {}",
]
PLACES += ["|a|\n|-|\n|{}|", "|{}|b|\n|-|-|\n|x|" + "w" * 70 + "|", "[{}](http://x.y)", "[a](http://x.y/{})"]
PLACES += [
    "[a](<{}>)",
    "[a]({})",
    '[a](http://x.y "{}")',
    "![{}](http://x.y/i)",
    "![a](<{}>)",
    "<http://x.y/{}>",
]
PLACES += ["http://x.y/{}", "`a` {} `b`", "` {} `` b `", "``` {}", "\\``{}``", "{}\n===", "a\n    {}", "`{}`"]
PLACES += [
    "```\n{}\n```",
    "    {}",
    "~~~ {}\na\n~~~",
    "````\n```\n{}\n````",
    "`` ` {} ``",
    "<x@{}>",
    "> > > {}",
]

_DISCORD_CODE = re.compile(r"\\[^\w\s]|```.*?[^\n].*?```|(?<!`)(`{1,2})(?!`).*?[^`]\1(?!`)", re.DOTALL)
_DISCORD_CALL = re.compile(
    r"@(?:everyone|here)|<(?:@[!&]?\d+|#\d+|/[\w -]+:\d+|a?:\w+:\d+|t:-?\d+(?::\w)?|id:\w+)>", re.IGNORECASE
)
_SLACK_LINK = re.compile(r"<(?:https?://|mailto:)[^<>|]+(?:\|[^<>|]*)?>")
_SLACK_LINE_START = re.compile(r"^(?:[> •◦▪]|\d+\. )+", re.MULTILINE)
_SLACK_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_SLACK_NAME = re.compile(r"@(?:everyone|here|channel)", re.IGNORECASE)
_FENCED = re.compile("```|~~~")
_ADDRESS = re.compile(r"(?:https?://|[\w-]\.[a-z]+/)[\w.:/?#%&=+@-]+|[A-Za-z0-9]@")
_SLACK_FORM = re.compile(r"<!(?i:channel|here|everyone|subteam)|<@[UW][0-9A-Z]|<#C[0-9A-Z]")


def calls_on_discord(sent: str) -> list[str]:
    """What Discord's parser would take for a mention, emoji or time; it reads none in code."""
    return _DISCORD_CALL.findall(_DISCORD_CODE.sub(" ", sent))


def calls_in_mrkdwn(sent: str) -> list[str]:
    """What Slack would read as more than text or a link to a page, also in code."""
    rest = _SLACK_LINK.sub(" ", sent)
    rest = _SLACK_LINE_START.sub("", rest)
    return re.findall("[<>]", rest) + _SLACK_NAME.findall(_SLACK_CODE.sub(" ", rest))


def calls_in_markdown(sent: str) -> list[str]:
    """Slack's own forms, also in code; names outside addresses, where no code may be."""
    names = [] if _FENCED.search(sent) else _SLACK_NAME.findall(_ADDRESS.sub(" ", sent))
    return names + _SLACK_FORM.findall(sent)


@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_called_from_anywhere(place: str) -> None:
    """No form of mention survives in prose, headings, lists, tables, labels, addresses or around code."""
    for call in CALLS:
        page = place.replace("{}", call)
        assert calls_on_discord(discord.render(page)) == [], page
        assert calls_in_mrkdwn(slack.render(page)) == [], page
        assert calls_in_markdown(slack.neutral(page)) == [], page


MARKUP = [
    "**",
    "*",
    "_",
    "__",
    "~~",
    "`",
    "``",
    "```",
    "\n```\n",
    "~~~\n",
    "\n",
    "\n\n",
    "# ",
    "- ",
    "1. ",
    "> ",
    "|",
    "\\",
]
MARKUP += [
    "    ",
    "[",
    "](http://x.y/",
    ")",
    "](",
    "![",
    "|a|b|\n|-|-|\n|",
    "<br>",
    "- [ ] ",
    "---\n",
    "||",
    ">>> ",
]
MARKUP += ["-# ", "&#64;", "&lt;", "&amp;", "http://x.y/", "<http://", "<", ">", "word", " ", "é", "中"]
fragments = st.lists(st.sampled_from([*CALLS, *MARKUP, *hostile.FRAGMENTS]) | hostile.texts, max_size=14)
pages = fragments.map("".join)


@STEADY
@given(pages)
def test_any_text_is_sent_and_calls_nobody(page: str) -> None:
    """Whatever a model writes can be sent, the same each time, and no call is in it."""
    for render in RENDERS.values():
        sent = render(page)
        sent.encode()
        assert "\0" not in sent
        assert render(page) == sent
    assert calls_on_discord(discord.render(page)) == []
    assert calls_in_mrkdwn(slack.render(page)) == []
    assert calls_in_markdown(slack.neutral(page)) == []


@every_dialect
@pytest.mark.parametrize(
    "piece", ["[", "*a **b ", "> ", "- ", "`" * 9 + " ", "<", "|a|\n|-|\n", "\n", "~~~\n\n", "&", "![a]("]
)
def test_a_long_text_of_signs_is_sent_too(render: Render, piece: str) -> None:
    """100 kB of brackets, quotes or blank lines neither fail nor take for ever."""
    assert render(piece * (100_000 // len(piece))) is not None


# --- No word is lost ------------------------------------------------------------------------------------

WORDS = [
    "one ",
    "two",
    "3 ",
    "中文",
    "é",
    "a_b ",
    "**bold** ",
    "*it* ",
    "__b__",
    "~~gone~~ ",
    "`code x` ",
    "``a`b``",
    "\\* ",
]
WORDS += [
    "\n",
    "\n\n",
    "  \n",
    "# ",
    "#### ",
    "- ",
    "* ",
    "> ",
    "    ",
    "  ",
    "```\n",
    "\n~~~\n",
    "***",
    "*",
    "_",
    "`",
    "|",
]
WORDS += [
    "|a|b|\n|-|-|\n|c|d|e|\n",
    "---\n",
    "===\n",
    "<",
    ">",
    "(",
    ")",
    "[",
    "]",
    "- [ ] ",
    "@here",
    "||",
    "!",
    "<@1>",
]


# A table that is too wide to be drawn names its columns in every row.
WIDE_ROW = re.compile(r"^(?=.*\|).{40}", re.MULTILINE)


def words(text: str) -> str:
    """The letters and digits of a text, in order."""
    return "".join(sign for sign in text if sign.isalnum())


@every_dialect
@STEADY
@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join))
def test_every_word_is_sent_once_and_in_order(render: Render, page: str) -> None:
    """Letters and digits of the source are those of what is sent; an info string is no text of the page."""
    page = re.sub(r"(`{3,}|~{3,})[^\n]*", r"\1", page)
    assume(not WIDE_ROW.search(page))

    assert words(html.unescape(render(page))) == words(page)


CODE = st.text(st.sampled_from("ab1 <>&*_~|@#-\\[]()!.:\t中é"), min_size=1).filter(
    lambda line: line.strip() != "" and "~~~" not in line
)


@STEADY
@given(st.lists(CODE | st.just(""), min_size=1).filter(lambda lines: "".join(lines) != ""))
def test_code_is_sent_exactly(lines: list[str]) -> None:
    """Every character of a block of code, alone, in a list and in a quote; Slack wants three as entities."""
    code = "\n".join(lines)
    escaped = code.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    in_list = "\n".join(f"  {line}".rstrip() if not line else f"  {line}" for line in lines)
    in_quote = "\n".join(f"> {line}" for line in lines)

    assert discord.render(f"~~~c\n{code}\n~~~") == f"```c\n{code}\n```"
    assert slack.render(f"~~~c\n{code}\n~~~") == f"```\n{escaped}\n```"
    if "\t" not in code:  # the parser counts a tab behind a quote's sign as the columns it takes
        assert discord.render(f"- a\n  ```\n{in_list}\n  ```") == f"- a\n  ```\n{in_list}\n  ```"
        assert discord.render(f"> ```\n{in_quote}\n> ```") == f"> ```\n{in_quote}\n> ```"
        assert slack.render(f"> ```\n{in_quote}\n> ```") == f"```\n{escaped}\n```"


@STEADY
@given(CODE)
def test_code_in_text_is_sent_exactly(code: str) -> None:
    """Every character of a code span."""
    code = code.replace("\t", "").strip() or "x"

    assert discord.render(f"a `{code}` b") == f"a `{code}` b"
    assert html.unescape(slack.render(f"a `{code}` b")) == f"a `{code}` b"


# --- Streams and sizes ----------------------------------------------------------------------------------


@STEADY
@given(pages)
def test_a_stream_only_grows(page: str) -> None:
    """What Slack was sent of a page cut behind any character is how the whole page begins."""
    page = sendable(page)
    whole = slack.neutral(page)
    for end in range(len(page)):
        assert whole.startswith(slack.neutral(page[:end])), page[:end]


PROSE = [
    "word ",
    "the ",
    "a_b ",
    "**bold** ",
    "*it* ",
    "`code` ",
    "a<b ",
    "R&D ",
    "x > y ",
    "2 * 3 ",
    "~~no~~ ",
    "don't ",
]
PROSE += [
    "\n",
    "\n\n",
    "- ",
    "- ",
    "1. ",
    "> ",
    "# ",
    "### ",
    "##### ",
    "```\n",
    "[l](http://x.y) ",
    "<@1> ",
    "@here ",
]
PROSE += ["||", "\\*", "_", "*", "`", "~", "|", "]", "<br>", "---\n", "中文"]


@pytest.mark.parametrize(
    "profile", [discord.CONTENT, slack.MRKDWN, slack.MARKDOWN], ids=["discord", "mrkdwn", "markdown"]
)
@STEADY
@given(st.lists(st.sampled_from(PROSE), max_size=60).map("".join), st.sampled_from([200, 500]))
def test_pages_fit_as_they_are_sent(profile: PageProfile, text: str, limit: int) -> None:
    """Whatever rendering adds to a page, it is never longer than its platform takes."""
    short = replace(profile, limit=limit)

    assert all(size(page, short) <= limit for page in split(text, short))
