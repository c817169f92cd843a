import hashlib
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sklearn_metarec.datasets import (
    _archive,
    _lastfm,
    _movielens,
    _msweb,
    _online_retail,
)
from tests.datasets.archives import SOURCES


class Site:
    """A web site on this machine: what it answers, and what it was asked for."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.files = {}
        self.faults = {}  # name: functions of the handler, one for each first request
        self.asked = Counter()

    def url(self, name):
        return f"{self.address}/{name}"


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            site.asked[name] += 1
            if site.faults.get(name):
                site.faults[name].pop(0)(self)
            elif name in site.files:
                self.answer(site.files[name])
            else:
                self.send_error(404)

        def answer(self, content, *, size=None):
            self.send_response(200)
            self.send_header("Content-Length", str(size or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site():
    with serving() as site:
        yield site


@pytest.fixture
def published(site, monkeypatch):
    """The data sets as `site` has them: small, with their own checksums and counts."""
    for source, (dataset, content, counts) in SOURCES.items():
        name = dataset.archive.url.rpartition("/")[2]
        site.files[name] = content
        known = hashlib.sha256(content).hexdigest() if dataset.archive.sha256 else None
        archive = _archive.Archive(site.url(name), known)
        local = replace(dataset, archive=archive, counts=counts)
        if source in _movielens._VARIANTS:
            monkeypatch.setitem(_movielens._VARIANTS, source, local)
        else:
            module = {"retail": _online_retail, "lastfm": _lastfm, "msweb": _msweb}
            constant = {"retail": "_ONLINE_RETAIL"}.get(source, f"_{source.upper()}")
            monkeypatch.setattr(module[source], constant, local)
    return site


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"
