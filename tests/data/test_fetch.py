"""`tinyunet data fetch` against a server in this process: what goes well, and all that goes wrong."""

import hashlib
import io
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tifffile
from PIL import Image

from tinyunet import data
from tinyunet.commands import main as cli
from tinyunet.data.download import fetch as fetching
from tinyunet.data.download import unpack
from tinyunet.data.sets.dsb2018 import find_dsb2018


class Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds: no test waits for ever

    def do_GET(self):
        found = self.server.files.get(self.path)
        if found is None:
            self.send_error(404)
            return
        self.send_response(200)
        if self.server.announces:
            self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        # A cut connection: half of what was announced, then the end.
        self.wfile.write(found[: len(found) // 2] if self.server.cuts else found)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server on this machine: put contents into `.files` by path."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.cuts, server.announces = {}, False, True
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No data anywhere, no proxy between a test and its server, and nobody at the keyboard."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("TINYUNET_DATA"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `tinyunet data ...` as main() does: exit code, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tinyunet", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:  # anything else would be a traceback
            cli.main()
        return stopped.value.code, *capsys.readouterr()

    return call


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def zipped(entries):
    """A ZIP archive as bytes, of (name or ZipInfo, contents) pairs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in dict(entries).items():
            archive.writestr(name, contents)
    return file.getvalue()


def nuclei(prefix=""):
    """What stage1_train.zip holds, for two tiny images: contents by path."""
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 2:5] = 255
    entries = {}
    for i, name in enumerate("ba"):
        entries[f"{prefix}{name}/images/{name}.png"] = png(np.full((6, 8, 4), 51 + i, np.uint8))
        entries[f"{prefix}{name}/masks/0.png"] = png(mask)
    return entries


def membranes():
    """The two files of the challenge, tiny, by name."""
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 256, (2, 6, 8), np.uint8)
    stacks = {"train-volume.tif": volume, "train-labels.tif": np.where(volume > 60, 255, 0)}
    files = {}
    for name, stack in stacks.items():
        file = io.BytesIO()
        tifffile.imwrite(file, stack.astype(np.uint8), photometric="minisblack")
        files[name] = file.getvalue()
    return files


def sha256(contents):
    return hashlib.sha256(contents).hexdigest()


@pytest.mark.parametrize("prefix", ["", "stage1_train/"])
def test_nuclei_from_an_archive(server, run, tmp_path, prefix):
    archive = server.files["/stage1_train.zip"] = zipped(nuclei(prefix))
    code, out, err = run("fetch", "dsb2018", "--yes", "--url", server.url + "/stage1_train.zip")
    assert code == 0, err
    assert "CC0" in out
    assert f"SHA-256 of stage1_train.zip: {sha256(archive)}" in out
    assert "not verified" in out
    assert f"--sha256 {sha256(archive)}" in out
    assert "stage1_train.zip" in err  # the progress bar
    assert "100%" in err
    place = tmp_path / "cache" / "tinyunet" / "dsb2018"
    assert str(place / "stage1_train") in out
    assert os.listdir(place) == ["stage1_train"]
    loaded = data.load("dsb2018")
    assert loaded.names == ["a", "b"]
    np.testing.assert_allclose(loaded.images[1], 51 / 255)
    assert (loaded.instances[0] > 0).sum() == 6


def test_the_address_from_the_environment_and_a_right_checksum(server, run, tmp_path, monkeypatch):
    archive = server.files["/mirror"] = zipped(nuclei())
    monkeypatch.setenv("TINYUNET_DATA_URL_DSB2018", server.url + "/mirror")
    root = tmp_path / "mine"
    code, out, err = run(
        "fetch", "dsb2018", "--yes", "--root", root, "--sha256", sha256(archive).upper()
    )
    assert code == 0, err
    assert "\nverified" in out
    assert "not verified" not in out
    assert data.load("dsb2018", root).names == ["a", "b"]
    assert os.listdir(tmp_path) == ["mine"]


@pytest.mark.parametrize(
    "kind", ["archive", "base address", "archive with a folder", "archive as published"]
)
def test_membranes(server, run, tmp_path, kind):
    files = membranes()
    if kind == "base address":
        server.files = {f"/isbi/{name}?key=1": contents for name, contents in files.items()}
        url, checksums = server.url + "/isbi/?key=1", [sha256(x) for x in files.values()]
    else:
        folder = {
            "archive": "",
            "archive with a folder": "isbi2012/",
            "archive as published": "ISBI-2012-challenge/",
        }[kind]
        extra = {f"__MACOSX/._{name}": b"?" for name in files}
        if kind == "archive as published":
            extra[folder + "test-volume.tif"] = files["train-volume.tif"]
        archive = zipped({**{folder + name: x for name, x in files.items()}, **extra})
        server.files = {"/some.ZIP": archive}
        url, checksums = server.url + "/some.ZIP", [sha256(archive)]
    options = [option for checksum in checksums for option in ("--sha256", checksum)]
    code, out, err = run("fetch", "isbi2012", "--yes", "--url", url, *options)
    assert code == 0, err
    assert "non-commercial" in out
    assert "Cardona" in out
    assert "\nverified" in out
    place = tmp_path / "cache" / "tinyunet"
    assert everything(place) == [
        "isbi2012", *(["isbi2012/test-volume.tif"] if kind == "archive as published" else []),
        "isbi2012/train-labels.tif", "isbi2012/train-volume.tif",
    ]  # fmt: skip
    loaded = data.load("isbi2012")
    np.testing.assert_array_equal(loaded.labels[0], loaded.images[0][..., 0] > 60 / 255)


@pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")
def test_others_may_read_what_was_fetched(server, run, tmp_path):
    server.files = {f"/{name}": contents for name, contents in membranes().items()}
    old = os.umask(0o022)
    try:
        run("fetch", "isbi2012", "--yes", "--root", tmp_path, "--url", server.url)
    finally:
        os.umask(old)
    for path, mode in (("isbi2012", 0o755), ("isbi2012/train-volume.tif", 0o644)):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode


def test_what_is_there_already_is_left_alone(server, run, tmp_path):
    server.files["/a.zip"] = zipped(nuclei())
    arguments = ("fetch", "dsb2018", "--root", tmp_path, "--url", server.url + "/a.zip")
    (tmp_path / "dsb2018" / "stage1_train").mkdir(parents=True)  # empty: no data yet
    code, out, err = run(*arguments, "--yes")
    assert code == 0, err
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    server.files.clear()
    code, out, _ = run(*arguments)  # asks nothing, downloads nothing
    assert code == 0
    assert out == f"dsb2018 is already there, nothing to do: {tmp_path / 'dsb2018/stage1_train'}\n"
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.parametrize("name", ["dsb2018", "isbi2012"])
def test_something_else_in_the_way_is_never_overwritten(server, run, tmp_path, name):
    folder = tmp_path / {"dsb2018": "dsb2018/stage1_train", "isbi2012": "isbi2012"}[name]
    (folder / "a").mkdir(parents=True)
    before = everything(tmp_path)
    code, _, err = run("fetch", name, "--yes", "--root", tmp_path, "--url", server.url + "/a.zip")
    assert code == 2
    assert f"{folder} exists, but is not the complete" in err
    assert everything(tmp_path) == before


class Keyboard(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_the_terms_are_asked_for(server, run, tmp_path, monkeypatch, answer):
    server.files["/a.zip"] = zipped(nuclei())
    monkeypatch.setattr(sys, "stdin", Keyboard(f"{answer}\n"))
    code, out, err = run("fetch", "dsb2018", "--url", server.url + "/a.zip")
    assert out.index("CC0") < out.index("Do you accept these terms?")
    if answer == "y":
        assert code == 0
        assert data.load("dsb2018").names == ["a", "b"]
    else:
        assert code == 2
        assert "the terms were not accepted: nothing was downloaded" in err
        assert not everything(tmp_path)


@pytest.fixture
def deaf():
    """An address that refuses connections: its port is taken, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_list(server, run, tmp_path):
    server.files = {f"/{name}": contents for name, contents in membranes().items()}
    assert run("fetch", "isbi2012", "--yes", "--url", server.url)[0] == 0
    code, out, _ = run("list")
    place = str(tmp_path / "cache" / "tinyunet" / "isbi2012")
    assert code == 0
    for part in ("synthetic-membranes", "CC0", "tinyunet data fetch dsb2018", "Cardona", place):
        assert part in out
    assert "data fetch isbi2012" not in out
    rows = {row["name"]: row for row in json.loads(run("list", "--json")[1])}
    assert rows["isbi2012"]["folder"] == place
    assert rows["dsb2018"]["folder"] is None
    assert "CC0" in rows["dsb2018"]["terms"]


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3  # Unix, which keeps the kind of file in the upper half
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def announcing(size):
    """An archive that announces another size for a file than it has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/images/a.png", bytes(100_000))
        archive.filelist[0].file_size = size
    return file.getvalue()


def flipped(archive, where):
    return archive[:where] + bytes([archive[where] ^ 255]) + archive[where + 1 :]


GOOD = zipped(nuclei())
ABSOLUTE = os.path.join(tempfile.gettempdir(), "tinyunet-evil.png")
ARCHIVES = {
    "file and folder": (zipped({"a": b"!", "a/evil.png": b"!"}), "is damaged or no ZIP archive"),
    "announces 3 GiB": (announcing(3 << 30), "unpack to 3,221,225,472 bytes, more than"),
    "announces too little": (announcing(10), "is damaged or no ZIP archive"),
    "cut archive": (GOOD[: len(GOOD) // 2], "is damaged or no ZIP archive"),
    "flipped bit": (flipped(GOOD, 60), "is damaged or no ZIP archive"),
    "no archive": (b"<html>please log in</html>", "is damaged or no ZIP archive"),
    "empty": (b"", "is damaged or no ZIP archive"),
    "other data": (zipped({"cat.jpg": b"!"}), "holds no ID/images/ID.png"),
    "no masks": (zipped({**nuclei(), "c/images/c.png": b"!"}), "it has no c/images/c.png or no"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_bad_archives_leave_nothing_behind(server, run, tmp_path, name):
    contents, message = ARCHIVES[name]
    server.files["/a.zip"] = contents
    root = tmp_path / "in" / "here"
    code, _, err = run("fetch", "dsb2018", "--yes", "--root", root, "--url", server.url + "/a.zip")
    assert code == 2
    assert message in err
    assert not everything(tmp_path)


@pytest.mark.parametrize(
    "entry", ["../evil.png", "a/../../evil.png", ABSOLUTE, "C:evil.png", "..\\evil.png"]
)
def test_nothing_is_written_outside_of_the_folder(tmp_path, entry):
    (tmp_path / "a.zip").write_bytes(zipped({"b/ok.png": b"ok", entry: b"!"}))
    unpack.unpack(tmp_path / "a.zip", tmp_path / "new")
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "new"]
    assert (tmp_path / "new/b/ok.png").read_bytes() == b"ok"
    assert not os.path.exists(ABSOLUTE)


def test_links_become_files(tmp_path):
    (tmp_path / "target").mkdir()
    entries = {link("a"): str(tmp_path / "target"), link("b"): "../target/c"}
    (tmp_path / "a.zip").write_bytes(zipped(entries))
    unpack.unpack(tmp_path / "a.zip", tmp_path / "new")
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    (tmp_path / "b.zip").write_bytes(zipped({**entries, "a/evil.png": b"!"}))
    with pytest.raises(ValueError, match="is damaged or no ZIP archive"):
        unpack.unpack(tmp_path / "b.zip", tmp_path / "other")
    assert not everything(tmp_path / "target")


def test_too_many_files(server, run, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_FILES", 3)
    server.files["/a.zip"] = zipped(nuclei())
    code, _, err = run("fetch", "dsb2018", "--yes", "--url", server.url + "/a.zip")
    assert code == 2
    assert "it holds 4 files, more than 3" in err
    assert not everything(tmp_path)


WRONG = "0" * 64
MISTAKES = {
    "unknown name": (("cells",), "'cells' cannot be fetched, only dsb2018 or isbi2012"),
    "terms": (("dsb2018", "--url", "URL/a.zip"), "add --yes"),
    "404": (("dsb2018", "--yes", "--url", "URL/b.zip"), "answers '404 Not Found'"),
    "404 of the second file": (("isbi2012", "--yes", "--url", "URL/half"), "train-labels.tif: check"),
    "nobody listens": (("dsb2018", "--yes", "--url", "DEAF/a.zip"), "no answer from"),
    "wrong checksum": (
        ("dsb2018", "--yes", "--url", "URL/a.zip", "--sha256", WRONG),
        f"expected {WRONG} but got {sha256(GOOD)}",
    ),
    "wrong checksum of the second file": (
        ("isbi2012", "--yes", "--url", "URL/isbi", "--sha256", sha256(membranes()["train-volume.tif"]),
         "--sha256", WRONG),
        "(train-labels.tif) does not match",
    ),
    "one checksum for two files": (
        ("isbi2012", "--yes", "--url", "URL/isbi", "--sha256", WRONG), "2 to download"
    ),
    "no checksum": (("dsb2018", "--yes", "--sha256", "abc"), "64 hexadecimal digits"),
    "no web address": (("dsb2018", "--yes", "--url", "a.zip"), "starts with http:// or https://"),
    "login page": (("isbi2012", "--yes", "--url", "URL/login"), "its files cannot be read"),
    "archive without the files": (("isbi2012", "--yes", "--url", "URL/a.zip"), "no train-volume.tif"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_leave_nothing_behind(server, deaf, run, tmp_path, name):
    arguments, message = MISTAKES[name]
    files = membranes()
    server.files = {
        "/a.zip": GOOD,
        "/half/train-volume.tif": files["train-volume.tif"],
        **{f"/isbi/{file}": contents for file, contents in files.items()},
        **{f"/login/{file}": b"<html>please log in</html>" for file in files},
    }
    arguments = [a.replace("URL", server.url).replace("DEAF", deaf) for a in arguments]
    code, _, err = run("fetch", *arguments)
    assert code == 2
    assert message in err
    assert not everything(tmp_path)


def test_a_cut_connection_says_how_to_go_on(server, run, tmp_path):
    noise = np.random.default_rng(0).bytes(1 << 19)  # does not compress
    server.files["/a.zip"] = zipped({**nuclei(), "more.bin": noise})
    server.cuts = True
    arguments = ("fetch", "dsb2018", "--yes", "--url", server.url + "/a.zip")
    code, _, err = run(*arguments)
    assert code == 2
    assert "the connection was cut" in err
    assert re.search(r"26\d\d\d\d bytes read, 26\d\d\d\d more expected", err)
    assert "run the same command again" in err
    assert not everything(tmp_path)
    server.cuts = False
    assert run(*arguments)[0] == 0
    assert data.load("dsb2018").names == ["a", "b"]


@pytest.mark.parametrize("moment", ["download", "_stage"])
def test_an_interrupt_leaves_nothing_behind(server, tmp_path, monkeypatch, moment):
    server.files["/a.zip"] = GOOD
    whole = getattr(fetching, moment)

    def interrupted(*arguments):
        whole(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, moment, interrupted)
    root, url = tmp_path / "root", server.url + "/a.zip"
    with pytest.raises(KeyboardInterrupt):
        fetching.fetch("dsb2018", root, url=url, accept=lambda terms: True)
    assert not everything(tmp_path)


def test_nothing_is_renamed_before_it_is_whole(server, tmp_path, monkeypatch):
    """Killed while it unpacks, it leaves a hidden folder that is no data set."""
    server.files["/a.zip"] = GOOD
    seen = []

    def look(remote, folder, files):
        staged = whole(remote, folder, files)
        seen.append(everything(tmp_path))
        assert find_dsb2018(tmp_path) is None
        return staged

    whole = fetching._stage
    monkeypatch.setattr(fetching, "_stage", look)
    fetching.fetch("dsb2018", tmp_path, url=server.url + "/a.zip", accept=lambda terms: True)
    hidden = re.compile(r"dsb2018/\.fetch-[^/]+(/new/.*|/new|/stage1_train\.zip)?|dsb2018")
    assert all(hidden.fullmatch(path.replace(os.sep, "/")) for path in seen[0])
    assert data.load("dsb2018", tmp_path).names == ["a", "b"]


def test_in_a_process_of_its_own(server, tmp_path):
    server.files["/a.zip"] = GOOD
    command = [sys.executable, "-W", "error", "-m", "tinyunet", "data", "fetch", "dsb2018"]
    url = server.url + "/a.zip"
    for options, code in ((("--url", url + "x", "--yes"), 2), (("--url", url), 2),
                          (("--url", url, "--yes"), 0)):  # fmt: skip
        done = subprocess.run(
            [*command, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
    assert data.load("dsb2018").names == ["a", "b"]


def test_nothing_is_imported_or_downloaded_before_it_is_needed():
    code = (
        "import sys, tinyunet, tinyunet.commands.main, tinyunet.data.download.fetch\n"
        "assert not {'pooch', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_server_that_announces_no_length(server, run, tmp_path):
    server.files["/a.zip"] = GOOD
    server.announces = False
    arguments = ("fetch", "dsb2018", "--yes", "--url", server.url + "/a.zip")
    server.cuts = True  # then only the archive itself can tell
    code, _, err = run(*arguments)
    assert code == 2
    assert "is damaged or no ZIP archive" in err
    assert not everything(tmp_path)
    server.cuts = False
    assert run(*arguments)[0] == 0
