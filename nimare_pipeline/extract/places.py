"""Where downloads are kept, and how addresses are put together."""

from pathlib import Path
from urllib.parse import urlsplit

from nimare_pipeline.errors import OutputError, UsageError

CACHE = ".cache/nimare-pipeline"
"""Below the user's home, where no folder is named."""


def folder_of(name: str, data_dir: str | Path | None) -> Path:
    """Folder of one data set, below the one the user named or the user's cache.

    Raises
    ------
    OutputError
        If no folder is named and the user has no home.
    """
    if data_dir is not None:
        return Path(data_dir).expanduser().absolute() / name
    try:
        return Path.home() / CACHE / name
    except RuntimeError as error:
        msg = "there is no home folder to keep downloads in; name one with data_dir"
        raise OutputError(msg) from error


def base_of(base_url: str) -> str:
    """Address without the slash at its end.

    Raises
    ------
    UsageError
        If it is not an address of the web.
    """
    try:
        parts = urlsplit(base_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        msg = f"base_url is {base_url!r}; it must be an address, http://… or https://…"
        raise UsageError(msg)
    return base_url.rstrip("/")


def on_base(base_url: str, address: str) -> str:
    """Address that a server gave, rebuilt on ours: nobody is sent to another host.

    Servers behind a proxy often name themselves wrongly, by another host or without encryption.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    return f"{base_url}{path}{'?' if parts.query else ''}{parts.query}"
