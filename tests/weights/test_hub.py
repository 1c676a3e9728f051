"""The hub: the calls of its library against a server that speaks the few that are needed."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save

from neocog import load
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import create_model
from neocog.weights import hub
from neocog.weights.exporting import exported
from neocog.weights.pretrained import _theirs, fetched
from tests.conftest import rng

COMMIT = "a" * 40


class Hub(BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        data = self.files.get(rest.partition("/")[2].partition("?")[0]) if repo == "me/net" else None
        if data is None:
            self.answer(404, X_Error_Code="EntryNotFound" if repo == "me/net" else "RepoNotFound")
        else:
            self.answer(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit=COMMIT)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/repos/create"):
            told: dict[str, Any] = {"url": f"http://{self.headers['Host']}/me/net", "name": "me/net"}
        elif "/preupload/" in self.path:
            told = {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                              for f in json.loads(body)["files"]]}  # fmt: skip
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            told = {"commitUrl": f"http://{self.headers['Host']}/me/net/commit/{COMMIT}", "commitOid": COMMIT, "success": True}
        else:
            told = {}
        self.answer(200, json.dumps(told).encode(), Content_Type="application/json")

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    pytest.importorskip("huggingface_hub")
    library = hub._hub()
    Hub.files = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "ENDPOINT": url, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": True,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
    }.items():  # fmt: skip
        monkeypatch.setattr(library.constants, name, value)
    monkeypatch.setattr(hub, "_hub", lambda: library)
    yield library
    server.shutdown()
    server.server_close()


def test_push_and_load(library: ModuleType):
    """What was pushed comes back: weights, network, classes, preprocessing; the card says how to load it."""
    model, net = create_model("lenet5.modern", generator=rng()), resolve("lenet5.modern")
    made = exported(model, net.card.preprocessing, [f"digit {i}" for i in range(10)], net.name)
    hub.push_to_hub(made, "me/net", token="none")
    assert set(Hub.files) == {"model.safetensors", "config.json", "README.md"}
    assert b'neocog.load("hf:me/net")' in Hub.files["README.md"]
    back = load("hf:me/net")
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in back.state_dict().items())
    assert back.classes == tuple(f"digit {i}" for i in range(10)) and back.preprocessing == net.card.preprocessing
    again = create_model("lenet5.modern", weights="hf:me/net")
    assert torch.equal(again.state_dict()["conv1.weight"], model.state_dict()["conv1.weight"])


def test_timm_says_which_network_it_is(library: ModuleType):
    """Its ResNet-50's keys fit three of ours, and the keys of EfficientNets made for TensorFlow fit those that are not."""
    Hub.files["model.safetensors"] = save(create_model("resnet50.v1_5", generator=rng()).state_dict())
    Hub.files["config.json"] = json.dumps({"architecture": "resnet50", "pretrained_cfg": {}}).encode()
    assert fetched("hf:me/net", None).net == "timm:resnet50"
    assert fetched("hf:me/net", "resnet50.v1_5").net == "timm:resnet50"
    with pytest.raises(UserError, match=r"not the weights of resnet50: they are of timm's resnet50, which is resnet50\.v1_5"):
        create_model("resnet50", weights="hf:me/net")
    with pytest.raises(UserError, match="it is none of ours"):
        _theirs("hf:timm/x", {"architecture": "tf_efficientnet_b0"}, None)
    assert _theirs("hf:timm/x", {"architecture": "regnety_002"}, None) is None


def test_no_such_repository(library: ModuleType):
    with pytest.raises(UserError, match=r"hf:me/other: model\.safetensors: there is no such repository") as caught:
        load("hf:me/other")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="there is no such file in the repository"):
        load("hf:me/net")
    with pytest.raises(UserError, match="OWNER/NAME"):
        load("hf:nonsense")


def test_timm_says_how_it_wants_pictures():
    """The pretrained_cfg of timm's config.json, as its hub repositories have it."""
    config = {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.95,
              "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}  # fmt: skip
    record = hub.timm_preprocessing(config)
    assert record is not None and record.id == "1crop-235-224-bicubic-aa"
    assert hub.timm_preprocessing({"pretrained_cfg": {"input_size": "x"}}) is None
