"""A hub on this machine that speaks what reading a data set from afar needs, and counts the bytes that it is asked for."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlparse

COMMIT = "c" * 40
NAME = "me/set"


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]
    sent: list[tuple[str, int]]

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def told(self, what: object) -> None:
        self.answer(200, json.dumps(what).encode(), Content_Type="application/json")

    def entry(self, path: str) -> dict[str, object]:
        data = self.files[path]
        return {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        paths = json.loads(body)["paths"] if body.startswith("{") else [value for _, value in parse_qsl(body)]
        self.told([self.entry(path) for path in paths if path in self.files])

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path)
        if re.fullmatch(rf"/api/datasets/{NAME}(/revision/[^/]+)?", path):
            flags = dict.fromkeys(("private", "gated", "disabled"), False)
            self.told({"id": NAME, "sha": COMMIT, "tags": [], "siblings": [{"rfilename": p} for p in self.files], **flags})
        elif tree := re.fullmatch(rf"/api/datasets/{NAME}/tree/[^/]+/?(.*)", path):
            inside = f"{tree[1]}/" if tree[1] else ""
            below = [file for file in self.files if file.startswith(inside)]
            folders = sorted({inside + p[len(inside) :].split("/")[0] for p in below if "/" in p[len(inside) :]})
            entries = [{"type": "directory", "path": p, "oid": "0", "size": 0} for p in folders]
            self.told(entries + [self.entry(p) for p in below if "/" not in p[len(inside) :]])
        elif file := re.fullmatch(rf"/datasets/{NAME}/resolve/[^/]+/(.*)", path):
            self.send(file[1])
        else:
            self.answer(404, X_Error_Code="RepoNotFound")

    def send(self, path: str) -> None:
        if (data := self.files.get(path)) is None:
            self.answer(404, X_Error_Code="EntryNotFound")
            return
        about = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            self.sent.append((path, end + 1 - start))
            self.answer(206, data[start : end + 1], Content_Range=f"bytes {start}-{end}/{len(data)}", **about)
        else:
            self.sent.append((path, 0 if self.command == "HEAD" else len(data)))
            self.answer(200, data, **about)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def dataset_hub(files: dict[str, bytes]) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """(its address, what it has sent: files and bytes); the set's name is `NAME`."""
    sent: list[tuple[str, int]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (_Hub,), {"files": files, "sent": sent}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
