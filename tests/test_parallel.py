"""Work on threads: every item once, errors, BLAS limited and given back, sums that never change."""

import collections
import gc
import os
import random
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import cupy_double
import numpy as np
import pytest
from helpers import upstream, within
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

import tinyunet as tu
from tinyunet.convolution import im2col, transposed
from tinyunet.convolution.winograd import blocked
from tinyunet.engine import blas as blas_limit
from tinyunet.engine import elementwise, memory
from tinyunet.engine import threads as parallel
from tinyunet.engine.threads import bands, each, num_threads, one_blas_thread, total
from tinyunet.layers import pool

LONG = 20  # seconds after which something hangs


@pytest.fixture
def threads(monkeypatch):
    """Say how many threads work at once; they are new ones."""
    monkeypatch.setattr(parallel, "_executor", None)
    return lambda n: monkeypatch.setenv("TINYUNET_NUM_THREADS", str(n))


several_threads = pytest.mark.parametrize("n", [1, 2, 3, 8])

# ---------------------------------------------------------------------- how many threads


def test_as_many_threads_as_the_user_says(threads):
    threads(3)
    assert num_threads() == 3
    threads(64)
    assert num_threads() == 64


@pytest.mark.parametrize("unset", [True, False], ids=["not set", "empty"])
def test_otherwise_as_many_as_the_usable_cores(unset, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "")
    if unset:
        monkeypatch.delenv("TINYUNET_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert num_threads() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # not on a Mac, nor on Windows
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert num_threads() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert num_threads() == 1


@pytest.mark.parametrize("bad", ["0", "-1", "2.5", "many", " 2", "2,3", "²"])
def test_what_is_no_number_of_threads(bad, threads):
    threads(bad)
    message = f"TINYUNET_NUM_THREADS must be a whole number from 1, got '{bad}'"
    with pytest.raises(ValueError, match=message):
        num_threads()
    with pytest.raises(ValueError, match=message):
        each(print, range(3))


# ---------------------------------------------------------------------- each


@several_threads
@pytest.mark.parametrize("items", [0, 1, 2, 5, 200])
def test_every_item_comes_once(items, n, threads):
    threads(n)
    seen = []
    each(seen.append, iter(range(items)))
    assert sorted(seen) == list(range(items))


@pytest.mark.parametrize("n", [2, 3, 8])
def test_so_many_threads_work_at_once(n, threads):
    threads(n)
    together = threading.Barrier(n)
    each(lambda item: together.wait(LONG), range(n))  # raises unless n threads are there


def test_two_threads_begin_at_both_ends(threads):
    # so that the images of a layer's input that a thread reads are mostly those that it wrote
    threads(2)
    together, first = threading.Barrier(2), {}

    def work(item):
        if threading.current_thread() not in first:
            first[threading.current_thread()] = item
            together.wait(LONG)

    each(work, range(9))
    assert first.pop(threading.current_thread()) == 0
    assert list(first.values()) == [8]


def test_little_work_is_not_shared_out(threads):
    threads(4)
    workers = set()

    def work(item):
        workers.add(threading.current_thread())
        time.sleep(0.005)  # long enough for others to come

    each(work, range(9), np, parallel.LEAST_SHARED - 1)
    assert workers == {threading.current_thread()}
    each(work, range(9), np, parallel.LEAST_SHARED)
    assert len(workers) > 1
    assert total(lambda i: (np.array(i),), range(9), np, 0) == (36,)


@pytest.mark.parametrize("bad", [0, 8])
def test_an_index_error_of_the_work_is_no_end(bad, threads):
    threads(2)
    with pytest.raises(IndexError, match="list index out of range"):
        each(lambda item: [0][item == bad], range(9))


def test_one_thread_is_the_caller(threads):
    threads(1)
    workers = []
    each(lambda item: workers.append(threading.current_thread()), range(5))
    assert workers == [threading.current_thread()] * 5


@pytest.mark.parametrize("culprit", ["caller", "helper"])
def test_an_exception_comes_after_all_have_stopped_and_nobody_begins_more(culprit, threads):
    threads(2)
    caller = threading.current_thread()
    together, broken = threading.Barrier(2), threading.Event()
    begun, ended = [], []

    def work(item):
        begun.append(item)
        together.wait(LONG)
        if (threading.current_thread() is caller) == (culprit == "caller"):
            broken.set()
            raise KeyError(item)
        broken.wait(LONG)
        time.sleep(0.1)  # long enough for whoever would begin the next item
        ended.append(item)

    with pytest.raises(KeyError) as error:
        each(work, range(20))
    assert sorted(begun) == [0, 19]
    assert [*ended, *error.value.args] in ([0, 19], [19, 0])


@several_threads
def test_where_all_fail_one_exception_comes(n, threads):
    threads(n)

    def work(item):
        raise KeyError(item)

    with pytest.raises(KeyError):
        each(work, range(20))


@several_threads
def test_threads_work_on_after_an_exception(n, threads):
    threads(n)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            each(lambda item: 1 // (item - 3), range(10))
    together = threading.Barrier(n)
    each(lambda item: together.wait(LONG), range(n))


@several_threads
def test_each_inside_each(n, threads):
    threads(n)
    together = threading.Barrier(n)
    seen = []

    def outer(i):
        together.wait(LONG)  # so that every thread of the pool is busy when more are asked for
        each(lambda j: each(lambda k: seen.append((i, j, k)), range(3)), range(4))

    within(LONG, lambda: each(outer, range(n)))
    assert sorted(seen) == sorted(np.ndindex(n, 4, 3))


@several_threads
def test_an_exception_in_each_inside_each(n, threads):
    threads(n)

    def outer(i):
        each(lambda j: 1 // (i + j - 7), range(4))

    with pytest.raises(ZeroDivisionError):
        within(LONG, lambda: each(outer, range(5)))


def test_several_callers_at_once(threads):
    threads(3)
    seen = [[] for _ in range(6)]
    with ThreadPoolExecutor(6) as callers:
        for mine in seen:
            callers.submit(each, mine.append, range(100))
    assert [sorted(mine) for mine in seen] == [list(range(100))] * 6


def test_for_a_gpu_items_come_one_after_the_other(threads):
    threads(4)
    seen = []

    def work(item):
        seen.append((item, threading.current_thread()))
        time.sleep(0.002)  # time enough for others to come in
        if item == 10:
            raise KeyError("enough")

    with cupy_double.installed() as xp, pytest.raises(KeyError, match="enough"):
        each(work, range(20), xp)
    assert seen == [(item, threading.current_thread()) for item in range(11)]


class Work:
    """Work that can be seen to be forgotten."""

    def __call__(self, item):
        pass


@pytest.mark.parametrize("n", [1, 4])
def test_work_is_forgotten_when_it_is_done(n, threads):
    threads(n)
    work = Work()
    each(work, range(8))
    reference = weakref.ref(work)
    del work
    for _ in range(100):  # a thread that was late still holds it, but not for long
        if reference() is None:
            break
        time.sleep(0.05)
    assert reference() is None


FORK = """
import os, threading
from tinyunet.engine.threads import each
both = threading.Barrier(2)
each(lambda item: both.wait(10), range(2))
child = os.fork()
if child == 0:
    each(lambda item: both.wait(10), range(2))
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
def test_a_forked_process_starts_threads_of_its_own():
    # As multiprocessing does on Linux: the child has the parent's memory, but not its threads.
    done = subprocess.run(
        [sys.executable, "-c", FORK], timeout=2 * LONG, capture_output=True, text=True,
        env={**os.environ, "TINYUNET_NUM_THREADS": "2"}, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "7", done.stderr


# ---------------------------------------------------------------------- where threads cannot start


@pytest.fixture
def startable(monkeypatch):
    """Say how many more of tinyunet's threads can start: in a browser none, elsewhere some."""
    monkeypatch.setattr(parallel, "_executor", None)
    start, left, tries = threading.Thread.start, [], []

    def limited(thread):
        if thread.name.startswith("tinyunet"):
            tries.append(thread.name)
            if not left:
                raise RuntimeError("can't start new thread")
            left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    yield lambda count: left.extend(range(count))
    assert tries, "nobody tried to start a thread"


some_start = pytest.mark.parametrize("count", [0, 1, 2])


@some_start
def test_all_works_where_threads_cannot_start(count, startable, threads):
    threads(4)
    startable(count)

    def several_times():
        for _ in range(3):
            seen = []
            each(seen.append, range(50))
            assert sorted(seen) == list(range(50))
            assert total(lambda i: (np.array([i, 1]),), range(50))[0].tolist() == [1225, 50]

    within(LONG, several_times)


@some_start
def test_each_inside_each_where_threads_cannot_start(count, startable, threads):
    threads(4)
    startable(count)
    seen = []

    def outer(i):
        each(lambda j: seen.append((i, j)), range(5))

    within(LONG, lambda: each(outer, range(6)))
    assert sorted(seen) == sorted(np.ndindex(6, 5))


@some_start
def test_exceptions_where_threads_cannot_start(count, startable, threads):
    threads(4)
    startable(count)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            within(LONG, lambda: each(lambda item: 1 // (item - 30), range(50)))


def test_work_is_forgotten_where_threads_cannot_start(startable, threads):
    # It must not wait for ever in the queue of a pool without threads, with all its arrays.
    threads(4)
    startable(0)
    work = Work()
    reference = weakref.ref(work)
    each(work, range(8))
    del work
    gc.collect()
    assert reference() is None


def test_threads_start_when_they_can_again(startable, threads):
    threads(3)
    startable(1)
    within(LONG, lambda: each(Work(), range(50)))
    startable(2)
    together = threading.Barrier(3)
    each(lambda item: together.wait(LONG), range(3))


# ---------------------------------------------------------------------- BLAS


def blas():
    """The number of threads of every BLAS library."""
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


@pytest.fixture
def fresh(monkeypatch):
    """A limit that looks for BLAS libraries now: other tests may have loaded more of them."""
    if not blas():
        pytest.skip("threadpoolctl knows no BLAS library here")
    monkeypatch.setattr(blas_limit, "_blas", blas_limit._BlasLimit())
    before = blas()
    yield
    assert blas() == before


@several_threads
def test_blas_has_one_thread_while_work_runs(n, threads, fresh):
    threads(n)
    found = []
    with threadpool_limits(3, user_api="blas"):
        each(lambda item: found.append(blas()), range(6))
    assert all(set(counts) == {1} for counts in found)
    assert len(found) == 6


@pytest.mark.parametrize("users", [None, 1, 2, 3])
def test_afterwards_blas_is_as_the_user_had_it(users, fresh):
    with threadpool_limits(users, user_api="blas"):
        before = blas()
        with one_blas_thread():
            assert set(blas()) == {1}
        assert blas() == before


def test_it_is_as_the_user_has_it_now_and_not_as_at_first(fresh):
    for users in (3, 2, 3):
        with threadpool_limits(users, user_api="blas"):
            before = blas()
            each(Work(), range(4))
            assert blas() == before


@several_threads
def test_after_an_exception_blas_is_as_the_user_had_it(n, threads, fresh):
    threads(n)
    with threadpool_limits(3, user_api="blas"):
        before = blas()
        with pytest.raises(ZeroDivisionError):
            each(lambda item: 1 // (item - 3), range(6))
        assert blas() == before
        with pytest.raises(KeyError), one_blas_thread():
            raise KeyError
        assert blas() == before


def test_blas_is_limited_whichever_thread_limited_it_before(threads, fresh):
    # threadpoolctl 3.8 lets nobody else limit OpenBLAS while the first to do so lives.
    threads(2)
    found = []
    each(Work(), range(4))
    before = blas()
    within(LONG, lambda: each(lambda item: found.append(blas()), range(4)))
    assert all(set(counts) == {1} for counts in found)
    assert len(found) == 4
    assert blas() == before


def test_the_user_can_limit_blas_on_any_thread_afterwards(fresh):
    each(Work(), range(4))

    def limited():
        with threadpool_limits(3, user_api="blas"):
            return blas()

    before = blas()
    assert set(within(LONG, limited)) == {3}
    assert blas() == before


def test_limits_inside_limits(fresh):
    with threadpool_limits(3, user_api="blas"):
        before = blas()
        with one_blas_thread():
            with one_blas_thread():
                each(Work(), range(4))
                assert set(blas()) == {1}
            assert set(blas()) == {1}
        assert blas() == before


@pytest.mark.parametrize("first_out", ["a", "b"])
def test_limits_that_overlap_last_until_the_last_leaves(first_out, fresh):
    a_in, b_in, one_out = threading.Event(), threading.Event(), threading.Event()
    found = []

    def stay(name):
        if name == first_out:
            b_in.wait(LONG)
        else:
            one_out.wait(LONG)
            found.append(blas())

    def a():
        with one_blas_thread():
            a_in.set()
            stay("a")
        one_out.set()

    def b():
        a_in.wait(LONG)
        with one_blas_thread():
            b_in.set()
            stay("b")
        one_out.set()

    with threadpool_limits(3, user_api="blas"), ThreadPoolExecutor(2) as two:
        before = blas()
        for done in [two.submit(a), two.submit(b)]:
            done.result(LONG)
        assert set(found[0]) == {1}
        assert blas() == before


def test_many_overlapping_limits_on_many_threads(fresh):
    def often():
        for _ in range(30):
            with one_blas_thread():
                time.sleep(random.random() / 5000)

    with threadpool_limits(3, user_api="blas"), ThreadPoolExecutor(8) as many:
        before = blas()
        for done in [many.submit(often) for _ in range(8)]:
            done.result(LONG)
        assert blas() == before


def test_blas_libraries_are_looked_for_once(fresh, monkeypatch):
    made = []

    def look():
        made.append(ThreadpoolController())
        return made[-1]

    monkeypatch.setattr(blas_limit, "ThreadpoolController", look)
    for _ in range(5):
        each(Work(), range(4))
    assert len(made) == 1


# ---------------------------------------------------------------------- total


@several_threads
@pytest.mark.parametrize("items", [1, 2, 7, 40])
def test_total_is_the_sum(items, n, threads):
    threads(n)
    found = total(lambda i: (np.array([i, i * i, 1]),), iter(range(items)))
    assert len(found) == 1
    assert found[0].tolist() == [sum(range(items)), sum(i * i for i in range(items)), items]


@several_threads
def test_total_of_several_arrays(n, threads):
    threads(n)
    shapes_and_types = [((2, 3), "float32"), ((), "float64"), ((4,), "int64")]

    def parts(i):
        return tuple(np.full(shape, i, dtype) for shape, dtype in shapes_and_types)

    found = total(parts, range(10))
    for array, (shape, dtype) in zip(found, shapes_and_types, strict=True):
        np.testing.assert_array_equal(array, np.full(shape, 45, dtype))
        assert array.dtype == dtype


NUMBERS = np.random.default_rng(0).standard_normal((40, 30)).astype("float32")


@pytest.mark.parametrize("n", [2, 3, 5])
def test_total_never_depends_on_who_is_faster(n, threads):
    threads(n)
    assert (NUMBERS.cumsum(0)[-1] != NUMBERS[::-1].cumsum(0)[-1]).any()  # the order does matter

    def late(i):
        time.sleep(random.random() / 2000)
        return (NUMBERS[i],)

    results = {total(late, range(40))[0].tobytes() for _ in range(8)}
    assert len(results) == 1


@several_threads
def test_what_work_returns_may_be_scratch_memory(n, threads):
    threads(n)
    returned = []

    def work(i):
        array = memory.scratch("test of total", (100,), "float64")
        array[:] = i
        returned.append(array)
        return (array,)

    for items in (1, 2, 30):
        (found,) = total(work, range(items))
        assert (found == sum(range(items))).all()
        assert not any(np.shares_memory(found, array) for array in returned)


def test_what_work_returns_is_not_changed(threads):
    threads(2)
    arrays = [np.full(3, i) for i in range(9)]
    total(lambda i: (arrays[i],), range(9))
    assert [array.tolist() for array in arrays] == [[i] * 3 for i in range(9)]


@several_threads
def test_total_inside_total(n, threads):
    threads(n)
    together, first = threading.Barrier(n), {group * 8 // n for group in range(n)}

    def outer(i):
        if i in first:  # of what one thread adds up
            together.wait(LONG)
        return total(lambda j: (np.array(10 * i + j),), range(5))

    assert within(LONG, lambda: total(outer, range(8)))[0] == 5 * 280 + 8 * 10


def test_an_exception_in_total(threads):
    threads(3)
    with pytest.raises(ZeroDivisionError):
        total(lambda i: (np.array(1 // (i - 5)),), range(9))


def test_total_on_every_device(xp):
    found = total(lambda i: (xp.full(3, i), xp.ones((2, 2))), range(10), xp)
    assert all(tu.array_module(array) is xp for array in found)
    assert tu.to_cpu(found[0]).tolist() == [45] * 3
    assert tu.to_cpu(found[1]).tolist() == [[10, 10]] * 2


# ---------------------------------------------------------------------- bands

sides = st.integers(1, 40)


@given(
    n=st.integers(0, 6), height=sides, rest=st.lists(sides, max_size=2), size=st.integers(1, 5000)
)
def test_bands_hold_every_row_once(n, height, rest, size):
    row = int(np.prod(rest))
    times = np.zeros((n, height), int)
    for band in bands((n, height, *rest), size=size):
        times[band] += 1
        images, rows = (side.stop - side.start for side in band)
        assert images >= 1
        assert rows >= 1
        assert band[0].stop <= n
        assert band[1].stop <= height
        assert images * rows * row <= size or images == rows == 1
        assert images == 1 or rows == height
    assert (times == 1).all()


def test_bands_are_as_large_as_they_may_be():
    assert len(bands((8, 10, 10, 10), size=4000)) == 2
    assert len(bands((1, 12, 10, 10), size=400)) == 3
    assert bands((3, 4, 5), size=10**6) == [(slice(0, 3), slice(0, 4))]


def test_a_gpu_gets_everything_in_one_band():
    with cupy_double.installed() as xp:
        assert bands((7, 300, 200, 64), xp, 10) == [(slice(0, 7), slice(0, 300))]


# ---------------------------------------------------------------------- training


def trained_parameters():
    rng = np.random.default_rng(3)
    model = tu.UNet(1, 2, base_channels=8, depth=2, padding="same", seed=4)
    loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(model, 1e-2)
    for _ in range(3):
        x = rng.standard_normal((4, 64, 64, 1)).astype("float32")
        labels = rng.integers(0, 2, (4, 64, 64))
        loss(model(x), labels)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
    return {name: array.tobytes() for name, array in model.named_parameters()}


@pytest.mark.parametrize("n", [2, 3])
def test_training_repeats_to_the_last_bit(n, threads, monkeypatch):
    threads(n)
    workers = collections.Counter()

    def late(work, items, xp=np, *numbers):
        def slow(item):
            workers[threading.current_thread().name] += 1
            if random.random() < 0.1:
                time.sleep(0.001)  # so that the threads' turns differ from run to run
            work(item)

        each(slow, items, xp, *numbers)

    expected = trained_parameters()
    monkeypatch.setattr(parallel, "each", late)  # total's, where the order matters
    assert trained_parameters() == expected
    assert len(workers) >= 2


# ---------------------------------------------------------------------- who writes what


@pytest.fixture
def writers(monkeypatch):
    """Run the jobs of `each` one by one, and see that no two of them write to the same numbers.

    On threads such jobs would spoil each other's results, but rarely, and never the same way.
    """
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "4")
    made, jobs = [], []

    def empty(xp, shape, dtype):
        made.append(np.full(shape, np.nan, dtype))
        return made[-1]

    def alone(work, items, xp=np, numbers=0):
        arrays = list(made)  # those there are when the work begins
        taken = [np.zeros(array.shape, bool) for array in arrays]
        for item in items:
            before = [array.copy() for array in arrays]
            work(item)
            for array, old, seen in zip(arrays, before, taken, strict=True):
                written = ~((array == old) | (np.isnan(array) & np.isnan(old)))
                assert not (written & seen).any(), "two jobs write to the same numbers"
                seen |= written
        jobs.append(len(items))

    for module in (im2col, blocked, pool, transposed):
        monkeypatch.setattr(module, "empty", empty)
    for module in (im2col, blocked, elementwise, parallel):
        monkeypatch.setattr(module, "each", alone)
    monkeypatch.setattr(im2col, "BAND", 300)
    monkeypatch.setattr(pool, "BAND", 100)
    return jobs


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: tu.Conv2d(2, 3, 3, padding=1, algorithm="im2col"), (3, 12, 10, 2)),
        (lambda: tu.Conv2d(2, 3, (4, 1), stride=(2, 1), algorithm="im2col"), (3, 12, 10, 2)),
        (lambda: tu.Conv2d(2, 3, (2, 1), dilation=3, algorithm="im2col"), (3, 12, 10, 2)),
        (lambda: tu.Conv2d(2, 3, (2, 1), stride=2, algorithm="im2col"), (3, 12, 10, 2)),
        (lambda: tu.Conv2d(2, 3, (1, 3), stride=2, algorithm="im2col"), (3, 12, 11, 2)),
        (lambda: tu.Conv2d(9, 8, 3, padding=1, algorithm="winograd"), (2, 90, 60, 9)),
        (lambda: tu.Conv2d(128, 256, 3, padding=1, algorithm="winograd"), (2, 12, 11, 128)),
        (lambda: tu.ConvTranspose2d(3, 4, 2, stride=2), (2, 9, 10, 3)),
        (lambda: tu.ConvTranspose2d(3, 4, 3, stride=2), (3, 9, 10, 3)),
        (lambda: tu.MaxPool2d(2), (2, 20, 12, 3)),
    ],
    ids=[
        "overlapping rows",
        "overlapping rows, stride",
        "interleaved rows",
        "rows side by side",
        "overlapping columns only",
        "tiles",
        "slices of channels",
        "up-convolution",
        "overlapping up-convolution",
        "pooling",
    ],
)
def test_no_two_jobs_write_to_the_same_numbers(layer, shape, writers):
    layer = layer()
    dy = upstream(layer(np.random.default_rng(0).standard_normal(shape).astype("float32")))
    dx = layer.backward(dy)
    assert not np.isnan(dx).any()
    assert sum(jobs > 1 for jobs in writers) >= 2, "with one job at a time there is nothing to see"


def test_helpers_heed_what_the_caller_said_of_numerical_warnings(monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "2")
    met = threading.Barrier(2, timeout=20)  # so one item is the helper's

    def overflow(array):
        met.wait()
        np.multiply(array, 1e300, out=array)

    with np.errstate(over="ignore"):
        each(overflow, [np.full(3, 1e300), np.full(3, 1e300)])
    with pytest.raises(RuntimeWarning, match="overflow"), np.errstate(over="warn"):
        each(overflow, [np.full(3, 1e300), np.full(3, 1e300)])
