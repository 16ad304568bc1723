"""``python -m tests.pictures``: draw the pictures of the docs anew."""

from bots import logs
from tests.pictures import discord, reply, slack

if __name__ == "__main__":
    logs.configure("error", "json")
    for drawn in (reply, discord, slack):
        drawn.FILE.parent.mkdir(exist_ok=True)
        drawn.FILE.write_text(drawn.picture(), "utf-8")
        print(drawn.FILE)
