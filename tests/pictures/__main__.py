"""``python -m tests.pictures``: draw the pictures of the docs anew."""

from bots import logs
from tests.pictures.reply import FILE, picture

if __name__ == "__main__":
    logs.configure("error", "json")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(picture(), "utf-8")
    print(FILE)
