"""Download real data: terms first, everything checked, and nothing half-made left behind."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from tinyunet.data.catalogue import user_cache
from tinyunet.data.download.remotes import REMOTES, Remote
from tinyunet.data.download.unpack import unpack
from tinyunet.engine.spelling import did_you_mean

TIMEOUT = 30  # seconds without a word from the server


@dataclass(frozen=True)
class Fetched:
    """What `fetch` has done."""

    folder: Path
    sha256: dict[str, str]  # of each downloaded file; empty: the data were there already
    verified: bool  # whether the checksums were compared with expected ones


def fetch(
    name: str,
    root: str | Path | None = None,
    *,
    url: str | None = None,
    sha256: Sequence[str] = (),
    accept: Callable[[str], bool],
) -> Fetched:
    """Download a data set to where `load` finds it; if it is there already, do nothing.

    Everything is downloaded, compared with its checksum, unpacked and checked in a temporary folder
    beside the target, and renamed at the end: whatever stops it, there is either a whole data set
    or none.

    Parameters
    ----------
    name
        `dsb2018` or `isbi2012`.
    root
        The data folder; by default the user's cache (`$XDG_CACHE_HOME/tinyunet`, usually
        `~/.cache/tinyunet`).
    url
        Address of the ZIP archive; for `isbi2012` also of a folder that holds `train-volume.tif`
        and `train-labels.tif`. Without it, the environment variable TINYUNET_DATA_URL_DSB2018 or
        TINYUNET_DATA_URL_ISBI2012 counts, then the address where its makers publish it.
    sha256
        The expected checksum of each file, 64 hexadecimal digits, in the order of download.
    accept
        Is given the terms as text, before anything is downloaded, and answers whether the user
        accepts them.

    Returns
    -------
    Fetched
        The folder, and the checksums of what was downloaded.

    Raises
    ------
    ValueError
        If the name is unknown, the terms are not accepted, or what came is not the data: a wrong
        checksum, a damaged or dangerous archive, other files than expected.
    OSError
        If the download fails or is cut, or a file cannot be written.
    """
    if name not in REMOTES:
        near = did_you_mean(name, REMOTES)
        raise ValueError(f"{name!r} cannot be fetched{near}, only {' or '.join(REMOTES)}")
    remote = REMOTES[name]
    root = user_cache() if root is None else Path(root)
    if (there := _already_there(remote, root)) is not None:
        return Fetched(there, {}, verified=False)
    target = root / remote.folder
    url = url or os.environ.get(f"TINYUNET_DATA_URL_{name.upper()}") or remote.address
    addresses = _addresses(remote, url)
    expected = _expected(sha256 or (remote.sha256 if url == remote.address else ()), addresses)
    if not accept(str(remote)):
        raise ValueError("the terms were not accepted: nothing was downloaded")

    with _workshop(target) as workshop:
        found = {
            file: download(address, workshop / file, expected.get(file))
            for file, address in addresses.items()
        }
        staged = _stage(remote, workshop, list(addresses))
        try:
            remote.check(staged)
        except ValueError as error:
            raise ValueError(f"what {url} gave is not the {remote.title}: {error}") from error
        if target.is_dir():
            target.rmdir()  # empty: `_already_there` has looked
        staged.rename(target)
    return Fetched(target, found, verified=bool(expected))


def download(url: str, path: Path, sha256: str | None) -> str:
    """Download one file and return its checksum; raise ValueError if another one was expected.

    OSError says that there is no answer, a refusal, or that the connection was cut. pooch writes a
    temporary file beside `path`, which gets its name when it is whole and its checksum is right.
    """
    import pooch  # both here, so that those who download nothing need not wait for them
    import requests  # which pooch depends on

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # its advice is for programmers
    # pooch sets the bar's total to the announced length; a bar with none at first counts as no bar.
    with tqdm(total=1, desc=path.name, unit="B", unit_scale=True) as bar:
        get = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)
        try:
            pooch.retrieve(url, sha256, fname=path.name, path=path.parent, downloader=get)
        except requests.HTTPError as error:
            error.response.close()  # pooch leaves the connection open
            answer = f"{error.response.status_code} {error.response.reason}"
            raise OSError(
                f"the server answers {answer!r} to {url}: check the address, or give another one "
                "with --url"
            ) from error
        except requests.RequestException as error:
            raise OSError(
                f"no answer from {url}, or the connection was cut: {error}. Nothing was kept: check "
                "network and address, then run the same command again"
            ) from error
        finally:
            logger.setLevel(level)
    return pooch.file_hash(str(path), alg="sha256")


def _already_there(remote: Remote, root: Path) -> Path | None:
    """The folder of a complete data set; raise ValueError if something else is in the way."""
    target = root / remote.folder
    there = remote.find(root) or target
    if not there.exists() or (there.is_dir() and not any(there.iterdir())):
        return None
    try:
        remote.check(there)
    except ValueError as error:
        raise ValueError(
            f"{there} exists, but is not the complete {remote.title}: {error}. "
            "Complete it, or move it away to have it fetched"
        ) from error
    return there


def _addresses(remote: Remote, url: str) -> dict[str, str]:
    """The address of each file to download, by the file's name."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"an address starts with http:// or https:// and a host, got {url!r}")
    if _is_archive(remote.files[0]):
        return {remote.files[0]: url}
    if _is_archive(parts.path):
        return {f"{remote.folder}.zip": url}
    return {
        file: parts._replace(path=f"{parts.path.rstrip('/')}/{file}").geturl()
        for file in remote.files
    }


def _is_archive(path: str) -> bool:
    return path.lower().endswith(".zip")


def _expected(sha256: Sequence[str], addresses: dict[str, str]) -> dict[str, str]:
    """The expected checksum by file; empty if none is known."""
    files = list(addresses)
    if sha256 and len(sha256) != len(files):
        raise ValueError(
            f"{len(files)} to download, {' and '.join(files)}, but {len(sha256)} checksums: give "
            "--sha256 once for each, in this order"
        )
    for checksum in sha256:
        if not re.fullmatch("[0-9a-fA-F]{64}", checksum):
            raise ValueError(f"a SHA-256 has 64 hexadecimal digits, got {checksum!r}")
    return dict(zip(files, sha256, strict=False))


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target, on the same disk; afterwards it is gone.

    So are the folders above it that had to be made, if they are still empty.
    """
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as workshop:
            yield Path(workshop)
    finally:
        for folder in made:  # the deepest first
            with suppress(OSError):
                folder.rmdir()


def _stage(remote: Remote, workshop: Path, files: list[str]) -> Path:
    """Make the folder that will become the data set out of what was downloaded."""
    new = workshop / "new"
    if _is_archive(files[0]):
        unpack(workshop / files[0], new)
        inside = sorted(path for path in new.iterdir() if path.is_dir())
        places = (remote.find(folder) for folder in (new, *inside))  # archives hold it in a folder
        return next((place for place in places if place is not None), new)
    new.mkdir()
    for file in files:
        # Copied, for the usual permissions: only the owner may read what pooch has moved here.
        shutil.copyfile(workshop / file, new / file)
    return new
