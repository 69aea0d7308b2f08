"""A lease is renewed from a thread of its own while the work goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def renewed(name: str, renew: Callable[[], None], *, seconds: float) -> Iterator[None]:
    """Call `renew` three times in the life of a lease while the block works.

    Args:
        name: of the thread.
        renew: gives the lease another life; must not raise.
        seconds: that a lease lives.
    """
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(seconds / 3):
            renew()

    thread = threading.Thread(target=go_on, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
