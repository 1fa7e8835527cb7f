"""New files that are there complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photalign.io.errors import ImageFileError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name to write to, and rename that file to `path` at the end.

    If the block fails or is interrupted, whatever was written is removed, and an older
    file of that name stays as it was.

    Parameters
    ----------
    path : path-like
        The file to write; if it is a symbolic link, the file that it points to.

    Yields
    ------
    pathlib.Path
        A new name with the same suffix in the same folder. Nothing bears it yet, so the
        file gets the permissions of any new file.

    Raises
    ------
    ImageFileError
        As `check_output`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from photalign.io import replacing
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "warp.txt")
    ...     with replacing(path) as unfinished:
    ...         _ = unfinished.write_text("1 0 0")
    ...     path.read_text()
    '1 0 0'
    """
    check_output(path)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{os.urandom(8).hex()}{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written, without writing it.

    Parameters
    ----------
    path : path-like
        The file to be written or replaced.

    Raises
    ------
    ImageFileError
        If the folder is missing or takes no new file, or if the name belongs to
        something that is no file, such as a folder or a device.

    Examples
    --------
    >>> from photalign.io import check_output
    >>> check_output("no-such-folder/warp.txt")
    Traceback (most recent call last):
    photalign.io.errors.ImageFileError: no-such-folder/warp.txt: expected a folder ...
    """
    import tempfile  # It brings much along, for the few who write files.

    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            kind = "a folder" if target.is_dir() else "a device or a pipe"
            raise ImageFileError(f"{path}: expected a file to write, got {kind}")
        # Only trying tells: the permission bits say nothing about read-only disks,
        # quotas or the superuser.
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except ImageFileError:
        raise
    except OSError as error:
        raise ImageFileError(
            f"{path}: expected a folder that takes new files, "
            f"got {target.parent} ({error.strerror})"
        ) from error
