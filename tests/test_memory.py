"""Memory that is used again: never while anybody can still see it, whatever the collector does."""

import ctypes
import gc
import os
import pickle
import random
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import run, within
from layer_cases import CASES

import tinyunet as tu
from tinyunet.engine import memory
from tinyunet.engine.memory import HostPool, row, scratch

LONG = 20  # seconds after which something hangs
UNIT = 1024  # bytes: the smallest block of the pools here


@pytest.fixture
def pool():
    return HostPool(smallest=UNIT)


def address(array):
    return array.__array_interface__["data"][0]


def owner(array):
    """A weak reference to what owns an array's memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return weakref.ref(array)


# ---------------------------------------------------------------------- scratch memory


def test_a_thread_gets_the_same_memory_for_the_same_name():
    array = scratch("test", (3, 4), "float32")
    assert array.shape == (3, 4)
    for shape in ((12,), (2, 5), (1, 1, 1), (4, 3)):
        assert address(scratch("test", shape, "float32")) == address(array)
        assert scratch("test", shape, "float32").shape == shape


def test_scratch_memory_grows():
    small = scratch("test of growth", (10,), "float32")
    large = scratch("test of growth", (1000,), "float32")
    assert large.shape == (1000,)
    assert not np.shares_memory(small, large)
    assert address(scratch("test of growth", (10,), "float32")) == address(large)


def test_other_names_and_types_have_other_memory():
    arrays = [
        scratch(name, (50,), dtype) for name in ("test a", "test b") for dtype in ("f4", "f8", "i4")
    ]
    assert [array.dtype.str[1:] for array in arrays] == ["f4", "f8", "i4"] * 2
    for i, array in enumerate(arrays):
        array[:] = i
    assert [set(array.tolist()) for array in arrays] == [{i} for i in range(6)]


def test_a_type_may_be_named_in_many_ways():
    array = scratch("test", (3,), "float32")
    for dtype in (np.float32, np.dtype("float32"), "f4", np.dtype("=f4")):
        assert scratch("test", (3,), dtype).dtype == np.float32
        assert address(scratch("test", (3,), dtype)) == address(array)


def test_threads_have_different_memory():
    together = threading.Barrier(4)

    def fill(i):
        array = scratch("test", (1000,), "int64")
        together.wait(LONG)  # all four have theirs
        array[:] = i
        together.wait(LONG)
        return set(array.tolist()), address(array)

    with ThreadPoolExecutor(4) as four:
        found = list(four.map(fill, range(4)))
    assert [numbers for numbers, _ in found] == [{i} for i in range(4)]
    assert len({place for _, place in found}) == 4


def test_large_scratch_memory_is_not_kept(monkeypatch):
    monkeypatch.setattr(memory, "SCRATCH_LIMIT", 4000)
    monkeypatch.setattr(memory, "pool", HostPool(smallest=UNIT))
    first, second = (scratch("test of size", (1001,), "float32") for _ in range(2))
    assert not np.shares_memory(first, second)
    assert memory.pool.free_bytes() == 0
    del first, second
    assert memory.pool.free_bytes() == 2 * 4096
    kept = scratch("test of size", (1000,), "float32")
    assert address(scratch("test of size", (1000,), "float32")) == address(kept)


def test_release_gives_up_the_scratch_memory_of_all_threads():
    made, released = threading.Event(), threading.Event()

    def other():
        mine = owner(scratch("test", (100,), "float32"))
        made.set()
        released.wait(LONG)
        return mine

    here = owner(scratch("test", (100,), "float32"))
    with ThreadPoolExecutor(1) as one:
        there = one.submit(other)
        made.wait(LONG)
        memory.release()
        released.set()
        assert there.result(LONG)() is None
    assert here() is None
    assert scratch("test", (100,), "float32").shape == (100,)


def test_release_leaves_what_is_in_use():
    array = scratch("test", (100,), "float32")
    array[:] = 5
    memory.release()
    scratch("test", (100,), "float32")[:] = 6
    assert (array == 5).all()


def test_scratch_memory_ends_with_its_thread():
    mine = within(LONG, lambda: owner(scratch("test", (100,), "float32")))
    assert mine() is None


@pytest.fixture
def hectic():
    """Threads take turns all the time, so that what can go wrong between them does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_release_while_threads_come_and_go(hectic):
    done = threading.Event()

    def release():
        while not done.is_set():
            memory.release()

    def come_and_go():
        for _ in range(60):
            use = [threading.Thread(target=scratch, args=("test", (9,), "f4")) for _ in range(8)]
            for thread in use:
                thread.start()
            for thread in use:
                thread.join()

    with ThreadPoolExecutor(2) as two:
        releases = [two.submit(release) for _ in range(2)]
        try:
            within(LONG, come_and_go)
        finally:
            done.set()
        for each in releases:
            each.result(LONG)


# ---------------------------------------------------------------------- row


def test_row_repeats_the_channels_for_every_pixel():
    assert row(np.array([1.0, 2, 3]), 2, 3, "float32").tolist() == [1, 2, 3, 1, 2, 3]
    assert row(np.array([4.0, 5, 6]), 1, 3, "float64").tolist() == [4, 5, 6]
    assert row(7, 2, 2, "float32").tolist() == [7] * 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_has_the_type_asked_for(dtype):
    bias = np.array([0.1, 0.2])
    np.testing.assert_array_equal(row(bias, 3, 2, dtype), np.tile(bias, 3).astype(dtype))
    assert row(bias, 3, 2, dtype).dtype == dtype
    assert bias.tolist() == [0.1, 0.2]


# ---------------------------------------------------------------------- the pool


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int64", "uint8", "bool", "complex128", "f4,i2"]
)
@pytest.mark.parametrize("shape", [(5000,), (3, 7, 11, 13), (1, 4096, 1), (0, 9), ()])
def test_arrays_are_as_asked_for(shape, dtype, pool):
    for _ in range(3):  # fresh, and from the pool
        array = pool.empty(shape, dtype)
        assert array.shape == shape
        assert array.dtype == np.dtype(dtype)
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.aligned
        array[...] = np.ones((), dtype)
        assert (array == np.ones((), dtype)).all()


def test_memory_is_used_again(pool):
    array = pool.empty((100, 100), "float32")
    place = address(array)
    del array
    assert pool.free_bytes() == 40 * UNIT
    again = pool.empty((10_000,), "float32")
    assert address(again) == place
    assert pool.free_bytes() == 0


def test_arrays_that_live_have_different_memory(pool):
    arrays = [pool.empty((1000,), "int64") for _ in range(20)]
    for i, array in enumerate(arrays):
        array[:] = i
    assert [set(array.tolist()) for array in arrays] == [{i} for i in range(20)]


HOLDERS = {
    "slice": lambda a: a[5:9],
    "one number": lambda a: a[-1:],
    "strided": lambda a: a[::-7],
    "reshape": lambda a: a.reshape(10, 100),
    "transpose": lambda a: a.reshape(10, 100).T,
    "view of a view": lambda a: a[1:].reshape(9, 111)[2:, ::3].T[4:],
    "other dtype": lambda a: a.view("uint8")[3:],
    "broadcast": lambda a: np.broadcast_to(a, (3, 1000)),
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 5),
    "memoryview": memoryview,
    "memoryview's slice": lambda a: memoryview(a)[4:8],
    "from a buffer": lambda a: np.frombuffer(a, "uint8"),
    "its base": lambda a: a[2:].base,
    "base of its base": lambda a: a.base if a.base.base is None else a.base.base,
    "iterator": lambda a: a.flat,
    "ctypes": lambda a: a.ctypes,
    "ctypes array": lambda a: ctypes.c_char.from_buffer(a),
    "function": lambda a: lambda: a,
}


@pytest.mark.parametrize("name", HOLDERS)
def test_nothing_is_used_again_while_anybody_sees_it(name, pool):
    array = pool.empty((1000,), "float64")
    array[:] = np.arange(1000)
    place = address(array)
    holder = HOLDERS[name](array)
    del array
    assert pool.free_bytes() == 0
    assert address(pool.empty((1000,), "float64")) != place
    memory_there = (ctypes.c_double * 1000).from_address(place)
    for _ in range(5):
        pool.empty((1000,), "float64")[:] = -1
    assert list(memory_there) == list(range(1000))
    before = pool.free_bytes()
    del holder
    assert pool.free_bytes() == before + 8 * UNIT


def test_small_arrays_come_from_numpy(pool):
    small, large = pool.empty((UNIT - 1,), "uint8"), pool.empty((UNIT,), "uint8")
    assert small.base is None
    assert large.base is not None
    del small
    assert pool.free_bytes() == 0
    del large
    assert pool.free_bytes() == UNIT


def units(pool, count):
    return pool.empty((count * UNIT,), "uint8")


@pytest.mark.parametrize(
    ("asked", "reused"),
    [
        (1000, True), (999, True), (int(1000 / memory.SLACK) + 1, True),
        (int(1000 / memory.SLACK) - 1, False), (100, False), (1001, False), (2000, False),
    ],
)  # fmt: skip
def test_a_free_block_may_be_a_little_larger_than_asked_for(asked, reused, pool):
    place = address(units(pool, 1000))
    array = units(pool, asked)
    assert array.size == asked * UNIT
    assert pool.free_bytes() == (0 if reused else 1000 * UNIT)
    assert (address(array) == place) == reused
    del array
    assert pool.free_bytes() == (1000 if reused else 1000 + asked) * UNIT


def test_the_smallest_block_that_suits_is_taken(pool):
    arrays = [units(pool, count) for count in (110, 100, 120, 105)]
    place = address(arrays[3])
    while arrays:
        arrays.pop(0)
    array = units(pool, 102)
    assert address(array) == place


def test_no_more_is_kept_than_the_capacity():
    pool = HostPool(capacity=10 * UNIT, smallest=UNIT)
    arrays = [units(pool, 3) for _ in range(8)]
    assert pool.free_bytes() == 0
    while arrays:
        arrays.pop()
        assert pool.free_bytes() <= 10 * UNIT
    assert pool.free_bytes() == 9 * UNIT
    units(pool, 20)  # too large to be kept at all
    assert pool.free_bytes() == 9 * UNIT
    units(pool, 1)
    assert pool.free_bytes() == 10 * UNIT


def test_release_empties_the_pool_and_leaves_arrays_alone(pool):
    living = units(pool, 7)
    living[:] = 9
    for count in (1, 5, 100):
        units(pool, count)
    assert pool.free_bytes() == 106 * UNIT
    pool.release()
    assert pool.free_bytes() == 0
    others = [units(pool, 7) for _ in range(5)]
    for other in others:
        other[:] = 1
    assert (living == 9).all()
    del living
    assert pool.free_bytes() == 7 * UNIT


def test_the_modules_release_empties_its_pool(monkeypatch):
    monkeypatch.setattr(memory, "pool", HostPool(smallest=UNIT))
    memory.empty(np, (5000,), "float32")
    assert memory.pool.free_bytes() > 0
    memory.release()
    assert memory.pool.free_bytes() == 0


def test_arrays_on_every_device(xp):
    array = memory.empty(xp, (3, 4), "float32")
    assert tu.array_module(array) is xp
    assert array.shape == (3, 4)
    assert array.dtype == "float32"


def test_arrays_outlive_their_pool():
    pool = HostPool(smallest=UNIT)
    array = units(pool, 3)
    array[:] = 4
    del pool
    gc.collect()
    assert (array == 4).all()


# ---------------------------------------------------------------------- the collector and threads


class Ring:
    """An array in a reference cycle: only the garbage collector frees it."""

    def __init__(self, array):
        self.array, self.me = array, self


@pytest.fixture
def eager_collector():
    """Let the garbage collector run at every chance, and count its runs inside the pool."""
    inside = []

    def count(phase, info):
        frame = sys._getframe(1)
        if phase == "stop" and info["collected"] and frame.f_code.co_filename == memory.__file__:
            inside.append(frame.f_code.co_name)

    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # what is there already need not be looked at each time
    gc.callbacks.append(count)
    gc.set_threshold(1, 1, 1)
    yield inside
    gc.set_threshold(*before)
    gc.callbacks.remove(count)
    gc.unfreeze()


def make_rings(pool, seed, rounds=100):
    """Make garbage of all sizes, and keep some arrays for a while; return how many went bad."""
    rng = random.Random(seed)
    living, bad = [], 0
    for number in range(rounds):
        shape = (rng.randint(100, 2000),)
        gc.disable()
        for _ in range(3):
            Ring(units(pool, rng.randint(1, 20)))
        gc.enable()  # the next object that is made sets the collector off, and that is in `empty`
        array = pool.empty(shape, "int64")
        array[:] = 1000 * seed + number
        living.append((array if rng.random() < 0.5 else Ring(array), 1000 * seed + number))
        if len(living) > 15:
            held, expected = living.pop(rng.randrange(15))
            bad += bool((getattr(held, "array", held) != expected).any())
        if number % 20 == 0:
            gc.collect()
    return bad + sum((getattr(held, "array", held) != n).any() for held, n in living)


def test_the_collector_may_run_anywhere(pool, eager_collector):
    assert within(LONG, lambda: make_rings(pool, 1)) == 0
    assert eager_collector, "the collector never freed anything inside the pool"
    gc.collect()
    assert pool.free_bytes() > 0


def test_the_collector_may_run_anywhere_on_many_threads(pool, eager_collector, hectic):
    def many():
        with ThreadPoolExecutor(4) as four:
            return list(four.map(lambda seed: make_rings(pool, seed), range(4)))

    assert within(LONG, many) == [0] * 4


def test_releasing_and_counting_while_others_work(pool, hectic):
    done = threading.Event()

    def release():
        while not done.is_set():
            pool.release()
            assert pool.free_bytes() >= 0

    with ThreadPoolExecutor(3) as three:
        releases = three.submit(release)
        try:
            found = [three.submit(make_rings, pool, seed, 40) for seed in range(2)]
            assert [bad.result(LONG) for bad in found] == [0, 0]
        finally:
            done.set()
        releases.result(LONG)


def test_an_array_may_die_on_another_thread(pool):
    array = units(pool, 5)
    place = address(array)
    arrays = [array]
    del array
    within(LONG, arrays.clear)
    assert address(units(pool, 5)) == place


# ---------------------------------------------------------------------- layers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_layers_next_run_leaves_the_results_of_the_last(case, monkeypatch):
    monkeypatch.setattr(memory, "pool", HostPool(smallest=64))  # for small images too
    layer = case.layer()
    first = run(layer, case.inputs(seed=2))
    arrays = [first.y, *first.dx]
    before = [array.tobytes() for array in arrays]
    for seed in (5, 6):
        run(layer, case.inputs(seed=seed))
    for seed in (7, 8):
        run(case.layer(), case.inputs(seed=seed))
    assert [array.tobytes() for array in arrays] == before


def test_a_networks_next_prediction_leaves_the_last(monkeypatch):
    monkeypatch.setattr(memory, "pool", HostPool(smallest=64))
    model = tu.UNet(1, 2, base_channels=4, depth=2, padding="same")
    images = np.random.default_rng(0).random((4, 2, 16, 16, 1), np.float32)
    predictions = [model.predict(x) for x in images]
    before = [y.tobytes() for y in predictions]
    for x in images[::-1]:
        model.predict(x)
    assert [y.tobytes() for y in predictions] == before
    assert len(set(before)) == 4


# ---------------------------------------------------------------------- huge pages


@pytest.mark.parametrize("size", [1000, memory.HUGE - 1, memory.HUGE, 3 * memory.HUGE + 77])
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "emscripten"])
def test_fresh_memory_has_its_size_wherever_it_lies(size, platform, monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", platform)
    if platform != "linux":
        monkeypatch.delattr(memory.mmap, "mmap")
    block = memory.fresh(size)
    block[:] = 7
    assert block.shape == (size,)
    assert block.dtype == np.uint8
    assert block.flags.writeable


@pytest.mark.skipif(not hasattr(memory.mmap, "MADV_HUGEPAGE"), reason="asked of Linux alone")
@pytest.mark.parametrize("refuses", [False, True])
def test_huge_pages_are_asked_for_where_whole_ones_fit(refuses, monkeypatch):
    asked = []

    class Map(memory.mmap.mmap):
        def madvise(self, *given):
            asked.append(given)
            if refuses:
                raise OSError("Invalid argument")

    monkeypatch.setattr(memory.mmap, "mmap", Map)
    memory.fresh(memory.HUGE - 1)
    assert not asked
    block = memory.fresh(2 * memory.HUGE + 5)
    ((advice, start, length),) = asked
    assert (advice, length) == (memory.mmap.MADV_HUGEPAGE, 2 * memory.HUGE)
    assert 0 <= start < memory.HUGE
    assert block.ctypes.data % memory.HUGE == 0
    block[:] = 7


def test_too_much_memory_is_an_error_of_memory():
    for size in (1 << 60, (1 << 63) - 1):
        with pytest.raises(MemoryError):
            memory.fresh(size)


def test_a_view_outlives_its_block_and_the_pool():
    pool = HostPool()
    view = pool.empty((3, memory.HUGE), "float32")[1:, ::2]
    view[...] = 5
    pool.release()
    del pool
    gc.collect()
    assert (view == 5).all()
    assert (pickle.loads(pickle.dumps(view)) == 5).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_writes_memory_of_its_own():
    block = memory.fresh(2 * memory.HUGE)
    block[:] = 7
    child = os.fork()
    if not child:
        block[:] = 8
        os._exit(0)
    os.waitpid(child, 0)
    assert (block == 7).all()
