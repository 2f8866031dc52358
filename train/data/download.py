"""Downloads data sets from Kaggle with kagglehub and the user's own credentials."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from edge.errors import DataError, MissingExtraError, WrongUseError

#: Data sets that the readers take as they are: `<split>/<label>/*`, with seven and eight classes.
HANDLES = {
    "fer2013": "msambare/fer2013",
    "emotion-detection-fer": "ananthu017/emotion-detection-fer",
    "affectnet": "mstjebashazida/affectnet",
    "affectnet-numbered": "thienkhonghoc/affectnet",
}
#: Those whose folders are numbers, to what `--class-names` takes.
CLASS_NAMES = {"affectnet-numbered": "affectnet"}

_HOW_TO_GET_CREDENTIALS = (
    "set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or put kaggle.json into ~/.kaggle "
    "(get either at https://www.kaggle.com/settings)"
)


def fetch_from_kaggle(handle: str, out: Path | None) -> Path:
    """Download a data set, unless it is already in kagglehub's cache.

    Args:
        handle: `OWNER/NAME` as in the set's address on kaggle.com, or `OWNER/NAME/versions/N`.
        out: a folder to make; None for kagglehub's cache.

    Returns:
        The path for `--data`: the folder, or the only `fer2013.csv` in it.

    Raises:
        MissingExtraError: kagglehub is not installed.
        WrongUseError: `out` is not empty, the handle is not of that form, or the user has no home folder.
        DataError: Kaggle asks for credentials and there are none, it rejects them or has no such set, it cannot be
            reached, or the download is damaged.
    """
    if out is not None and (out.is_symlink() or out.exists()) and (not out.is_dir() or any(out.iterdir())):
        raise WrongUseError(f"{out} is not empty: give another --out")
    if not sys.stderr.isatty():
        # kagglehub's progress bar would fill a log.
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        import kagglehub
        import requests
        from kagglehub.config import get_cache_folder, get_kaggle_credentials
        from kagglehub.exceptions import DataCorruptionError
        from kagglehub.handle import parse_dataset_handle
    except ImportError as error:
        raise MissingExtraError("train", "kagglehub") from error
    except RuntimeError as error:
        # The user id has no entry in passwd.
        raise WrongUseError("kagglehub needs a home folder for credentials and downloads: set HOME") from error
    logging.getLogger("kagglehub").setLevel(logging.ERROR)
    try:
        parse_dataset_handle(handle)
    except ValueError as error:
        raise WrongUseError(
            f"{handle!r} is not a data set: expected OWNER/NAME, such as {HANDLES['fer2013']}"
        ) from error
    try:
        has_credentials = get_kaggle_credentials() is not None
    except (ValueError, OSError) as error:
        raise DataError(f"cannot read Kaggle's credentials ({_one_line(error)}): {_HOW_TO_GET_CREDENTIALS}") from error
    no_credentials = "" if has_credentials else f"; there are no Kaggle credentials here: {_HOW_TO_GET_CREDENTIALS}"
    try:
        # Some public sets need no credentials.
        folder = Path(kagglehub.dataset_download(handle))
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise DataError(_http_error(handle, status, no_credentials)) from error
    except requests.RequestException as error:
        raise DataError(
            f"no connection to Kaggle ({_cause(error)}): try again with a network{no_credentials}"
        ) from error
    except (DataCorruptionError, zipfile.BadZipFile, ValueError) as error:
        # kagglehub keeps a complete download that it cannot unpack, and would not download it again.
        cached = Path(get_cache_folder(), "datasets", *handle.split("/")[:2])
        raise DataError(
            f"the download of {handle} from Kaggle is damaged ({_one_line(error)}): remove {cached} and try again"
        ) from error
    return _data_in(folder if out is None else _copy(folder, out))


def _http_error(handle: str, status: int, no_credentials: str) -> str:
    page = f"https://www.kaggle.com/datasets/{handle}"
    if status in (401, 403) and no_credentials:
        return f"Kaggle offers {handle} to registered users only ({status}){no_credentials}"
    if status in (401, 403):
        return (
            f"Kaggle rejects your credentials for {handle} ({status}): check whether they are still valid, and "
            f"whether {page} asks for consent"
        )
    if status == 404:
        return f"Kaggle has no data set {handle}: see {page}, or give another with --handle OWNER/NAME{no_credentials}"
    return f"Kaggle answered {status or 'with an error'} for {handle}: try again later{no_credentials}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _cause(error: BaseException) -> str:
    """The operating system's message, which requests and urllib3 wrap several times."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, OSError) and current.strerror:
            return current.strerror
        current = current.__cause__ or current.__context__
    return type(error).__name__


def _copy(folder: Path, out: Path) -> Path:
    """Copy a folder so that `out` is complete or absent."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def _data_in(folder: Path) -> Path:
    tables = list(folder.rglob("fer2013.csv"))
    return tables[0] if len(tables) == 1 else folder
