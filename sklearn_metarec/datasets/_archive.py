"""Download the archive of a data set: retried, checked, and whole or not at all."""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath

_TIMEOUT = 30.0  # seconds without an answer
_CHUNK = 1 << 16
# Answers of a server that may be another one the next time.
_PASSING = {408, 425, 429}


@dataclass(frozen=True)
class Archive:
    """Where a data set was published.

    Attributes
    ----------
    url : str
        The address.
    sha256 : str or None
        The checksum of the file, None where no independent source states one.
    """

    url: str
    sha256: str | None = None

    @property
    def filename(self):
        """The name of the file."""
        return PurePosixPath(self.url).name


def download(archive, path, *, n_retries, delay):
    """Download an archive, and again where the network fails.

    Parameters
    ----------
    archive : Archive
        What to download.
    path : Path
        The file to write; what is there after an error is of no use.
    n_retries : int
        How many attempts in all.
    delay : float
        Seconds between two attempts.

    Returns
    -------
    sha256 : str
        The checksum of the file.

    Raises
    ------
    OSError
        If no attempt succeeds, or the file has another checksum than it should.
    """
    for left in reversed(range(n_retries)):
        try:
            found = _attempt(archive.url, path)
            break
        except (OSError, http.client.HTTPException) as error:
            if not left or not _may_pass(error):
                raise OSError(_what(error)) from error
            warnings.warn(
                f"Retrying to download {archive.url} after {_what(error)}",
                stacklevel=2,
            )
            time.sleep(delay)
    if archive.sha256 not in (None, found):
        raise OSError(
            f"the file has the SHA-256 checksum {found} instead of {archive.sha256}: "
            "it is damaged, or another one than this version knows"
        )
    return found


def _attempt(url, path):
    """Write what is at an address to a file, and return its checksum."""
    digest, size = hashlib.sha256(), 0
    with (
        urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,
        path.open("wb") as file,
    ):
        expected = answer.headers.get("Content-Length")
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    if expected is not None and size != int(expected):
        raise ConnectionError(f"the connection ended after {size} of {expected} bytes")
    return digest.hexdigest()


def _may_pass(error):
    """Tell whether another attempt may succeed."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in _PASSING
    # A full disk is full the next time too.
    return isinstance(
        error,
        urllib.error.URLError
        | TimeoutError
        | ConnectionError
        | http.client.HTTPException,
    )


def _what(error):
    return f"{type(error).__name__}: {error}"


def read_member(archive, name):
    """Return the content of a file of a zip archive, whatever folder it is in.

    Parameters
    ----------
    archive : ZipFile
        The archive; nothing of it is unpacked to the disk.
    name : str
        The name of the file, or its ending, such as `.xlsx`.

    Returns
    -------
    content : bytes
        The content.

    Raises
    ------
    KeyError
        If there is no such file.
    """
    for member in archive.namelist():
        path = PurePosixPath(member)
        if name in (path.name, path.suffix):
            return archive.read(member)
    raise KeyError(f"there is no {name} in the archive")


def read_text(archive, name):
    """Return a file of a zip archive as text.

    Parameters
    ----------
    archive : ZipFile
        The archive.
    name : str
        The name of the file.

    Returns
    -------
    text : str
        The text; what is not UTF-8 is Latin-1, in which the older files are.
    """
    content = read_member(archive, name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


# What the parsers stumble over where a file is not what it should be.
UNREADABLE = (
    EOFError, IndexError, KeyError, OSError, SyntaxError, ValueError,
    zipfile.BadZipFile,
)  # fmt: skip
