"""Tables on a terminal."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; whole columns of numbers stand to the right."""
    texts = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    columns = list(zip(heads, *texts, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    right = [len(column) > 1 and all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = [_line(heads, widths, right), "  ".join("-" * width for width in widths)]
    return "\n".join([*lines, *(_line(row, widths, right) for row in texts)])


def printable(text: str) -> str:
    """Without what would command a terminal: some texts are of whoever sent a lead."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
    return "  ".join(padded).rstrip()


def _is_number(text: str) -> bool:
    return text.removesuffix("%").replace(".", "", 1).replace("-", "", 1).isdigit() or text == ""
