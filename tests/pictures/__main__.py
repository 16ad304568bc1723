"""``python -m tests.pictures [NAME...]``: draw the pictures of the docs anew, or these of them.

evidence.svg is of `chasqui eval kb --plot`, which takes half an hour: docs/evidence.md says how.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from bots import logs
from tests.bench import history
from tests.pictures import architecture, discord, reply, slack, terminals

PICTURES: dict[Path, Callable[[], str]] = {
    **{drawn.FILE: drawn.picture for drawn in (architecture, reply, discord, slack)},
    **{terminals.FOLDER / f"{name}.svg": scene.picture for name, scene in terminals.SCENES.items()},
    history.PLOT: history.drawn,
}


def main(*names: str) -> None:
    """Draw what is asked for, and name each file."""
    known = {file.stem for file in PICTURES}
    if unknown := set(names) - known:
        raise SystemExit(f"No picture is called {min(unknown)}. There are {', '.join(sorted(known))}.")
    logs.configure("error", "json")
    for file, picture in PICTURES.items():
        if not names or file.stem in names:
            file.write_text(picture(), "utf-8")
            print(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
