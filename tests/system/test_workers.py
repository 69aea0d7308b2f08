import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from cxrmlops.system.errors import ResourceError
from cxrmlops.system.workers import WorkerLimits, map_isolated, worker_count

pytestmark = pytest.mark.integration


def double(number):
    return 2 * number


def threads_of_blas(_number):
    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info()]


def die_on_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep_on_one(number):
    if number == 1:
        time.sleep(60)
    return number


def compute_on_one(number):
    while number == 1:  # as a decoder does that follows a loop in its file
        pass
    return number


def wait_two_seconds(number):
    time.sleep(2)
    return number


def core_limit(_):
    return resource.getrlimit(resource.RLIMIT_CORE)


def fail_on_two(number):
    if number == 2:
        raise RecursionError("too deep")
    return number


def full_disk(number):
    raise ResourceError("no disk space left")


def eat_memory(number):
    return len(bytearray(number))


def run(function, inputs, *, workers=2, ahead=3, **limits):
    return list(
        map_isolated(
            function,
            inputs,
            workers=workers,
            ahead=ahead,
            limits=WorkerLimits(**limits),
        )
    )


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_the_order_of_the_inputs(workers):
    done = run(double, range(20), workers=workers)

    assert [d.output for d in done] == [2 * n for n in range(20)]


def test_no_input_gives_no_result():
    assert run(double, []) == []


def test_an_input_that_kills_its_worker_costs_only_itself():
    done = run(die_on_three, range(8))

    assert [d.output for d in done] == [0, 1, 2, None, 4, 5, 6, 7]
    assert "crashed" in done[3].why


@pytest.mark.parametrize("hang", [sleep_on_one, compute_on_one])
def test_an_input_that_never_ends_is_ended(hang):
    done = run(hang, range(3), seconds=1, patience=2)

    assert [d.output for d in done] == [0, None, 2]
    assert "1 s" in done[1].why


def test_a_busy_machine_is_no_reason_to_end_a_worker():
    (done,) = run(wait_two_seconds, [7], seconds=1)

    assert done.output == 7


def test_a_crash_leaves_no_dump_of_an_image_behind():
    (done,) = run(core_limit, [0])

    assert done.output == (0, 0)


def test_an_unexpected_error_is_told_by_its_kind_only():
    done = run(fail_on_two, range(4))

    assert [d.output for d in done] == [0, 1, None, 3]
    assert done[2].why == "RecursionError"


def test_a_worker_cannot_take_more_memory_than_allowed():
    (done,) = run(eat_memory, [8 * 2**30], bytes=4 * 2**30)

    assert done.why == "MemoryError"


def test_products_of_matrices_take_one_thread_of_a_worker(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")  # as a person may have asked for
    results = list(map_isolated(threads_of_blas, [1], workers=1, ahead=1))
    assert results[0].output == [1]


def test_a_full_disk_stops_the_run():
    with pytest.raises(ResourceError, match="disk space"):
        run(full_disk, range(4))


def test_inputs_are_taken_no_faster_than_results():
    taken = []

    def inputs():
        for number in range(50):
            taken.append(number)
            yield number

    results = map_isolated(double, inputs(), workers=1, ahead=4)
    next(results)

    assert len(taken) <= 5
    results.close()


def test_the_number_of_workers_can_be_set(monkeypatch):
    monkeypatch.setenv("CXR_WORKERS", "3")

    assert worker_count() == 3


def modules(_):
    return sorted(name for name in sys.modules if "." not in name)


def test_a_worker_does_not_load_the_program_that_started_it(tmp_path):
    program = tmp_path / "heavy.py"
    program.write_text(
        "import heavy_library\n"
        "from cxrmlops.system.workers import map_isolated\n"
        "from tests.system.test_workers import modules\n"
        "if __name__ == '__main__':\n"
        "    (done,) = map_isolated(modules, [0], workers=1, ahead=1)\n"
        "    print('heavy_library' in done.output, len(done.output) > 9)\n"
    )
    (tmp_path / "heavy_library.py").write_text("")
    path = os.pathsep.join([str(tmp_path), *sys.path])

    said = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.split() == ["False", "True"]
