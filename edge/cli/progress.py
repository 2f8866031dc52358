"""Progress bars on standard error, shown only if it is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

#: Called with what is being done, the amount done, and the total amount.
Step = Callable[[str, int, int], None]


@contextmanager
def progress_steps() -> Iterator[Step]:
    """Show a progress bar whose description changes; yields `callback(description, done, total)`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1)
        yield lambda description, done, total: bar.update(
            task, description=description, completed=done, total=max(total, 1)
        )


@contextmanager
def progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; yields `callback(done, total)`."""
    with progress_steps() as step:
        yield lambda done, total: step(description, done, total)


@contextmanager
def progress_transfers(names: Iterable[str], size_bytes: int) -> Iterator[Callable[[str, str, int], None]]:
    """Show a progress bar for each of several parallel transfers; yields `callback(name, activity, copied_bytes)`.

    Args:
        names: the destinations.
        size_bytes: what each of them receives.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.fields[name]}"), BarColumn(), DownloadColumn(), TextColumn("{task.description}")
    # Without a terminal, every update would be a new line.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {name: bars.add_task("waiting", total=size_bytes, name=name) for name in names}

        def update(name: str, activity: str, copied_bytes: int) -> None:
            bars.update(tasks[name], description=activity, completed=copied_bytes)

        yield update
