"""Small archives of the original forms, and their fetchers."""

import gzip
import io
import zipfile

import pytest

from sklearn_metarec.datasets import (
    _lastfm,
    _movielens,
    _msweb,
    _online_retail,
    fetch_lastfm,
    fetch_movielens,
    fetch_msweb,
    fetch_online_retail,
)


def zipped(files, folder=""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return file.getvalue()


# ------------------------------------------------------------------ what is published

ML_100K = {
    "u.data": "196\t242\t3\t881250949\n186\t1\t5\t891717742\n196\t1\t4\t881250950\n",
    "u.genre": "unknown|0\nAction|1\nChildren's|2\n\n",
    "u.item": (
        "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|1\n"
        '242|"Misérables, Les" (1995) (V)|01-Jan-1996||http://x|0|1|1\n'
        "267|unknown||||1|0|0\n"
    ).encode("latin-1"),
    "u.user": "186|39|F|executive|00000\n196|49|M|writer|55105\n",
}
ML_1M = {
    "ratings.dat": "1::1193::5::978300760\n2::1::3::978300761\n2::1193::2::978300762\n",
    "movies.dat": (
        "1::Toy Story (1995)::Animation|Children's\n"
        "2::Never Rated (1900) (1996)::Drama\n"
        "1193::Café au Lait (1975)::Drama\n"
    ).encode("latin-1"),
    "users.dat": "1::F::1::10::48067\n2::M::56::16::02138\n",
}
ML_LATEST = {
    "ratings.csv": (
        "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n2,3,0.5,964981247\n"
    ),
    "movies.csv": (
        'movieId,title,genres\n1,"American President, The (1995)",Comedy\n'
        "3,Babylon 5,(no genres listed)\n"
    ),
    "tags.csv": "userId,movieId,tag,timestamp\n",
}
LASTFM = {
    "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t1\n7\t51\t20\n",
    "artists.dat": (
        "id\tname\turl\tpictureURL\n51\tNone\thttp://x\thttp://y\n"
        '52\tThe "Crüxshadows\thttp://x\n'
    ),
    "tags.dat": "tagID\ttagValue\n1\tchillout\n2\tdüsseldorf\n3\tNA\n".encode(
        "latin-1"
    ),
    "user_taggedartists.dat": (
        "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t51\t3\t1\t4\t2009\n"
        "2\t51\t1\t1\t4\t2009\n7\t51\t1\t1\t4\t2009\n9\t51\t2\t1\t4\t2009\n"
    ),
}
MSWEB = (
    'I,4,"www.microsoft.com","created by getlog.pl"\n'
    'A,1287,1,"International AutoRoute","/autoroute"\n'
    'A,1000,1,"regwiz","/regwiz"\n'
    'A,1001,1,"NA","/na"\n'
    'C,"10001",10001\nV,1000,1\nV,1287,1\nC,"10002",10002\nV,1000,1\n'
)


def workbook(rows):
    """The parts of a spreadsheet that matter, as Excel writes them."""
    shared = sorted({cell for row in rows for cell in row if isinstance(cell, str)})
    lines = []
    for r, row in enumerate(rows, start=1):
        cells = []
        for column, cell in zip("ABCDEFGH", row, strict=True):
            if isinstance(cell, str):
                cells.append(
                    f'<c r="{column}{r}" t="s"><v>{shared.index(cell)}</v></c>'
                )
            elif cell is not None:
                cells.append(f'<c r="{column}{r}" s="1"><v>{cell!r}</v></c>')
        lines.append(f'<row r="{r}">{"".join(cells)}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = f"<sheetData>{''.join(lines)}</sheetData>"
    texts = "".join(f"<si><t>{text}</t></si>" for text in shared)
    return zipped(
        {
            "xl/worksheets/sheet1.xml": f"<worksheet {space}>{sheet}</worksheet>",
            "xl/sharedStrings.xml": f"<sst {space}>{texts}</sst>",
        }
    )


RETAIL = [
    ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
     "CustomerID", "Country"],
    [536365, "85123A", "HEART HOLDER ", 6, 40513.351388888892, 2.5499999999999998,
     17850, "United Kingdom"],
    [536366, 71053, "LANTERN", 2, 40513.352777777778, 3.39, 17850, "United Kingdom"],
    [536367, 71053, "WHITE LANTERN", 1, 40513.353, 4.0, 12680, "France"],
    [536368, 71053, "WHITE LANTERN", 3, 40513.354, 3.0, 12680, "France"],
    ["C536379", 71053, "LANTERN", -1, 40513.36, 3.39, 12680, "France"],
    [536370, "22138", None, 7, 40513.37, 0.0, None, "France"],
]  # fmt: skip


SOURCES = {
    "100k": (
        _movielens._VARIANTS["100k"], zipped(ML_100K, "ml-100k/"),
        {"rows": 3, "users": 2, "items": 2},
    ),
    "1m": (
        _movielens._VARIANTS["1m"], zipped(ML_1M, "ml-1m/"),
        {"rows": 3, "users": 2, "items": 2},
    ),
    "latest-small": (
        _movielens._VARIANTS["latest-small"], zipped(ML_LATEST, "ml-latest-small/"),
        {"rows": 2, "users": 2, "items": 2},
    ),
    "retail": (
        _online_retail._ONLINE_RETAIL, zipped({"Online Retail.xlsx": workbook(RETAIL)}),
        {"rows": 4, "users": 2, "items": 2},
    ),
    "lastfm": (_lastfm._LASTFM, zipped(LASTFM), {"rows": 3, "users": 2, "items": 2}),
    "msweb": (_msweb._MSWEB, gzip.compress(MSWEB.encode()), {"users": 2}),
}  # fmt: skip
FETCHERS = {
    "retail": fetch_online_retail,
    "lastfm": fetch_lastfm,
    "msweb": fetch_msweb,
}
every_source = pytest.mark.parametrize("source", SOURCES)


def fetch(source, home, **options):
    options = {"data_home": home, "delay": 0.0} | options
    if source in _movielens._VARIANTS:
        return fetch_movielens(source, **options)
    return FETCHERS[source](**options)


def archive_name(source):
    return SOURCES[source][0].archive.url.rpartition("/")[2]


def files_of(home):
    return sorted(path.name for path in home.iterdir())
