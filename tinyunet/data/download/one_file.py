"""Download one file with a progress bar: whole and verified, or not at all."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

TIMEOUT = 30  # seconds without a word from the server
CHUNK = 1 << 16  # bytes


def download(url: str, path: Path, sha256: str | None) -> str:
    """Download one file.

    It comes into a temporary file beside `path`, which gets its name when it is complete and its
    checksum is right, and is deleted otherwise.

    Parameters
    ----------
    url : str
        Address, of http or https.
    path : Path
        Where to; must not exist.
    sha256 : str or None
        The expected checksum, 64 hexadecimal digits; None to accept any.

    Returns
    -------
    str
        The checksum of what came.

    Raises
    ------
    ValueError
        If the checksum is another one.
    OSError
        If there is no answer, a refusal, or the connection was cut.
    """
    import pooch  # here, so that those who download nothing need not wait for it

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # its advice is for programmers
    try:
        pooch.retrieve(url, sha256, fname=path.name, path=path.parent, downloader=_http_download)
    finally:
        logger.setLevel(level)
    return pooch.file_hash(str(path), alg="sha256")


class _Bar(tqdm):
    """A progress bar for pooch, which expects two things to be otherwise than in tqdm."""

    def __bool__(self) -> bool:  # it asks whether there is a bar, not whether it has a length
        return True

    def reset(self, total: float | None = None) -> None:  # then it fills the bar; the time stays
        self.n = self.last_print_n = 0


def _http_download(url: str, path: str, _pooch: object) -> None:
    """Write what an address gives into a file, with a progress bar."""
    import pooch
    import requests  # which pooch depends on

    # Unpacked on the way, the file would have another length than the server announces.
    plain = {"Accept-Encoding": "identity"}
    with _Bar(desc=Path(urlsplit(url).path).name, unit="B", unit_scale=True) as bar:
        # pooch sets bar.total to the announced length, 0 if there is none.
        get = pooch.HTTPDownloader(bar, CHUNK, timeout=TIMEOUT, headers=plain)
        try:
            get(url, path, None)
        except requests.HTTPError as error:
            error.response.close()  # pooch leaves the connection open
            answer = f"{error.response.status_code} {error.response.reason}"
            raise OSError(
                f"the server answers {answer!r} to {url}: check the address, or give another one "
                "with --url"
            ) from error
        except requests.RequestException as error:
            if not bar.total and not Path(path).stat().st_size:
                raise OSError(
                    f"no answer from {url}: {error}. Check network and address, then run the same "
                    "command again"
                ) from error
            raise _cut(url, path, bar.total) from error
        # Older versions of urllib3 take a connection that closes early for the end of the file.
        if bar.total and Path(path).stat().st_size != bar.total:
            raise _cut(url, path, bar.total)


def _cut(url: str, path: str, total: int | None) -> OSError:
    announced = f" of {total:,}" if total else ""
    return OSError(
        f"the download of {url} was cut after {Path(path).stat().st_size:,}{announced} bytes: "
        "nothing was kept, run the same command again"
    )
