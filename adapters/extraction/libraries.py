"""What the libraries of the readers load from disk besides their own package.

kreuzberg 4.10 carries pdfium inside itself and writes it to ``TMPDIR/kreuzberg-pdfium`` before it loads it.
A confined worker can write nothing, and in the system's own folder for temporary files others could lay
another library there. So `extractor` makes a folder for it, and the first worker has it unpacked before it
is confined and has seen a file. An image has it unpacked beforehand, by this module as a program, since the
folder for temporary files of a container may forbid to run what lies there.
"""

import contextlib
import os
import sys
from pathlib import Path

PREPARED = Path(sys.prefix) / "share" / "chasqui" / "libraries"
"""Where they were unpacked when this environment was installed, if they were."""
_NO_PDF = b"%PDF-1.4"


def unpack() -> None:
    """Have kreuzberg unpack pdfium, unless a worker before this one did."""
    if any(Path(os.environ["TMPDIR"]).glob("*/*pdfium.[!t]*")):  # libpdfium.so or .dylib, no .tmp of another
        return
    with contextlib.suppress(ImportError):  # without the extra `files` other kinds of file can be read
        import kreuzberg  # noqa: PLC0415 - only this once

        with contextlib.suppress(kreuzberg.KreuzbergError):
            kreuzberg.extract_bytes_sync(
                _NO_PDF, "application/pdf", kreuzberg.ExtractionConfig(use_cache=False)
            )


def folders() -> list[str]:
    """The folders that readers need besides Python's: pdfium and Tesseract's languages."""
    return [os.environ[name] for name in ("TMPDIR", "TESSDATA_PREFIX") if os.environ.get(name)]


def _prepare() -> None:
    PREPARED.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = str(PREPARED)
    unpack()
    if not any(PREPARED.iterdir()):
        sys.exit("kreuzberg unpacked no pdfium: is it another release than the one that is pinned?")


if __name__ == "__main__":
    _prepare()
