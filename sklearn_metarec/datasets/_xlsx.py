"""The cells of a spreadsheet, as text, without a library for it."""

import zipfile
from string import digits
from xml.etree import ElementTree as ET

_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_rows(file):
    """Yield the rows of the first sheet of an Office Open XML workbook.

    Parameters
    ----------
    file : path or file object
        The workbook.

    Yields
    ------
    row : dict of str to str
        The text of each cell that is not empty, by the letters of its column; numbers
        and dates as they are stored.
    """
    with zipfile.ZipFile(file) as book:
        texts = _shared_texts(book)
        with book.open("xl/worksheets/sheet1.xml") as sheet:
            for row in _elements(sheet, "row"):
                yield dict(_cells(row, texts))


def _shared_texts(book):
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    with book.open("xl/sharedStrings.xml") as file:
        return [_text(element) for element in _elements(file, "si")]


def _elements(file, name):
    """Yield the elements of a name, and forget each of them when it is read."""
    events = ET.iterparse(file, events=("start", "end"))
    parents = []
    for event, element in events:
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if element.tag == _NAMESPACE + name:
            yield element
            parents[-1].clear()


def _text(element):
    """Return a text, which is one element, or one for each change of font."""
    return "".join(part.text or "" for part in element.iter(_NAMESPACE + "t"))


def _cells(row, texts):
    for cell in row.iter(_NAMESPACE + "c"):
        column = cell.get("r").rstrip(digits)
        if cell.get("t") == "inlineStr":
            yield column, _text(cell)
            continue
        value = cell.find(_NAMESPACE + "v")
        if value is not None and value.text is not None:
            shared = cell.get("t") == "s"
            yield column, texts[int(value.text)] if shared else value.text
