"""Ctrl-C and SIGTERM at any moment: BLAS and handlers are afterwards as they were."""

import contextlib
import os
import signal
import sys
import threading

import pytest
from helpers import within
from threadpoolctl import ThreadpoolController, threadpool_limits

from tinyunet.engine import blas
from tinyunet.engine import threads as parallel
from tinyunet.engine.interrupts import sigterm_is_ctrl_c, uninterrupted
from tinyunet.engine.threads import each, one_blas_thread

FILES = [parallel.__file__, blas.__file__, contextlib.__file__]


def pressed_at(line, work):
    """Run `work` and press Ctrl-C before its n-th line of `FILES`; return how many there were."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            count += 1
            if count == line:
                signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return -1
    finally:
        sys.settrace(before)
    return count


def enter_and_leave():
    with one_blas_thread():
        pass


def nested():
    with one_blas_thread():
        each(str, range(3))


def work_on_threads():
    each(str, range(5))


@pytest.mark.parametrize("fresh", [True, False], ids=["first use", "later"])
@pytest.mark.parametrize("work", [enter_and_leave, nested, work_on_threads])
def test_ctrl_c_at_any_line_leaves_blas_as_it_was(work, fresh, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "2")
    monkeypatch.setattr(blas, "_blas", blas._BlasLimit())
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    if not libraries:
        pytest.skip("threadpoolctl knows no BLAS library here")
    with threadpool_limits(3, user_api="blas"):
        before = [library.num_threads for library in libraries]
        work()
        lines = pressed_at(0, work)
        assert lines > 20
        for line in range(1, lines + 1):
            if fresh:
                blas._blas.libraries = None
            pressed_at(line, work)
            assert [library.num_threads for library in libraries] == before, line
            assert not blas._blas.users
            assert not blas._blas.lock.locked()
        seen = []
        within(20, lambda: each(seen.append, range(20)))
        assert sorted(seen) == list(range(20))


def test_after_ctrl_c_nobody_works_on(monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "2")
    caller, begun, go_on = threading.current_thread(), threading.Barrier(2), threading.Event()
    ended = []

    def work(item):
        if threading.current_thread() is caller:
            begun.wait(20)
            threading.Timer(0.1, go_on.set).start()
            threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()  # while waiting
            return
        begun.wait(20)
        go_on.wait(20)
        ended.append(item)

    with pytest.raises(KeyboardInterrupt):
        each(work, range(2))
    assert len(ended) == 1


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_sigterm_is_ctrl_c_and_afterwards_what_it_was():
    before = handlers()
    with pytest.raises(KeyboardInterrupt), sigterm_is_ctrl_c():
        os.kill(os.getpid(), signal.SIGTERM)
    assert handlers() == before


def test_sigterm_is_not_lost_where_ctrl_c_is_ignored():
    # As it is for what a shell script starts in the background.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with sigterm_is_ctrl_c():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_ignores_sigterm_goes_on_ignoring_it():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with sigterm_is_ctrl_c():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_wait_for_the_end_of_a_step(number):
    before, done = handlers(), []

    def step():
        with uninterrupted():
            signal.raise_signal(number)
            done.append("all")
        done.append("too far")

    with sigterm_is_ctrl_c(), pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["all"]
    assert handlers() == before


def test_a_handler_of_somebody_elses_is_called_once_the_step_is_over():
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            assert came == []
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_no_signal_is_lost_where_the_block_or_a_handler_raises():
    came = []

    def handler(number, frame):
        came.append(number)
        raise LookupError(number)

    def block():
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            raise RuntimeError("can't start new thread")

    before = [signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        with pytest.raises(LookupError):
            block()
        assert came == [signal.SIGTERM, signal.SIGINT]
        assert handlers() == [handler, handler]
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)


def test_ctrl_c_is_not_lost_where_no_thread_starts(monkeypatch):
    def start(thread):
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt):
        parallel._Pool().grow(1)


def test_off_the_main_thread_handlers_stay():
    before = handlers()

    def enter():
        with sigterm_is_ctrl_c(), uninterrupted():
            return handlers()

    assert within(20, enter) == before == handlers()
