"""Programs in a terminal of their own, and who of their children is left."""

import os
import pty
import secrets
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

MARK = "CXR_TEST_TERMINAL"


class Terminal:
    """A program in the foreground of a terminal, as a person starts it."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        self._token, self.said, self.code = secrets.token_hex(8), "", None
        surroundings = {**env, MARK: self._token}
        self.number, self._screen = pty.fork()
        if self.number == 0:
            os.chdir(cwd)
            os.execvpe(command[0], list(command), surroundings)

    def read_until(self, words: str, *, seconds: float) -> None:
        """Wait until the program has said these words."""
        until = time.monotonic() + seconds
        while words not in self.said:
            assert time.monotonic() < until, f"'{words}' was not said: {self.said}"
            assert self._read(), f"it ended: {self.said}"

    def press_ctrl_c(self) -> None:
        """Send SIGINT to the foreground, by the terminal."""
        os.write(self._screen, b"\x03")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to this one process."""
        os.kill(self.number, number)

    def wait(self, *, seconds: float) -> int:
        """Wait for the end; give what a shell would call its code."""
        until = time.monotonic() + seconds
        while (done := os.waitpid(self.number, os.WNOHANG))[0] == 0:
            assert time.monotonic() < until, f"it goes on: {self.said}"
            self._read()
        while self._read():
            pass
        code = os.waitstatus_to_exitcode(done[1])
        return 128 - code if code < 0 else code

    def survivors(self) -> list[str]:
        """Name the processes that carry this terminal's mark and live."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={self._token}".encode() in (
                    (folder / "environ").read_bytes().split(b"\0")
                )
                if marked:
                    words = (folder / "cmdline").read_bytes()
                    found.append(words.replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def wait_until_alone(self, *, seconds: float) -> None:
        """Wait until nothing is left."""
        until = time.monotonic() + seconds
        while left := self.survivors():
            assert time.monotonic() < until, left
            time.sleep(0.05)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], 0.1)
        if not ready:
            return self.code is None and bool(Path(f"/proc/{self.number}").exists())
        try:
            came = os.read(self._screen, 65536)
        except OSError:  # Linux: nobody has the terminal open any more
            return False
        self.said += came.decode(errors="replace").replace("\r\n", "\n")
        return bool(came)
