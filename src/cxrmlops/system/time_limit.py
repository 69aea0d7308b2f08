"""Work that may hang: asked for an answer, and left behind when none comes in time."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Output = TypeVar("Output")


class Asked(Generic[Output]):
    """Work that runs in a thread of its own; the program does not wait for it to end.

    A thread cannot be stopped. One that hangs ends with the program, or whenever what
    it waits for answers; meant for short questions to services, not for writing.
    """

    def __init__(self, work: Callable[[], Output]) -> None:
        """Begin the work."""
        self._work = work
        self._output: list[Output] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def answer(self, seconds: float) -> Output:
        """Return what the work gives, or raise what it raises.

        Args:
            seconds: to wait from now on, at most.

        Raises:
            TimeoutError: it is not done by then.
        """
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        if not self._output:
            raise TimeoutError
        return self._output[0]

    def _run(self) -> None:
        try:
            self._output.append(self._work())
        except BaseException as error:  # noqa: BLE001  told to whoever asked
            self._error = error
