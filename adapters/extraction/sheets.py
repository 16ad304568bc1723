"""Excel workbooks to Markdown by kreuzberg: the rows of each sheet under a heading with its name."""

from collections.abc import Iterator

import kreuzberg

from adapters.extraction import tables
from adapters.extraction.parts import DAMAGED, Part, Refused

_MIDNIGHT = " 00:00:00"


def parts(data: bytes) -> Iterator[Part]:
    """Parts labelled with the name of their sheet; sheets without a filled cell have none."""
    config = kreuzberg.ExtractionConfig(
        use_cache=False,  # it would keep people's files in ~/.cache
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    mime = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    try:
        workbook = kreuzberg.extract_bytes_sync(data, mime, config)
    except kreuzberg.ParsingError as error:
        raise Refused(DAMAGED) from error
    names = workbook.metadata.get("sheet_names") or []
    for sheet in workbook.tables:
        # Sheets are numbered as in the workbook, the empty ones included.
        number = sheet.page_number
        name = names[number - 1] if 0 < number <= len(names) else f"Sheet {number}"
        heading = f"## {' '.join(name.split())}\n\n"
        for _, _, markdown in tables.table(
            [cell.removesuffix(_MIDNIGHT) for cell in row] for row in sheet.cells
        ):
            yield Part(heading + markdown, label=name)
            heading = ""
