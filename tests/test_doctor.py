import json
import platform
import re

import numpy as np
import pytest

from tinyunet.engine import machine as doctor
from tinyunet.engine.gpu import diagnose_gpu, installed_version


@pytest.fixture(scope="module")
def here():
    return doctor.diagnose_system()


def machine(**changes):
    """A diagnosis of a machine with 4 usable cores on which nothing is wrong."""
    found = {
        "versions": {"tinyunet": "1", "python": "3.12", "numpy": "2.0", "torch": None},
        "platform": "Linux",
        "cpu": {"model": "A processor", "cores": 8, "usable": 4},
        "threads": 4,
        "memory_gb": 16.0,
        "blas": [{"name": "openblas", "version": "0.3", "threads": 4, "kernel": "Haswell"}],
        "variables": {},
        "sgemm_gflops": 123.4,
        "gpu": {"cupy": None, "usable": False, "name": "", "reason": "CuPy is not installed"},
        "hints": [],
    }
    return {**found, **changes}


def openblas(**changes):
    return [{**machine()["blas"][0], **changes}]


# ---- this machine ----


def test_diagnosis_of_this_machine(here):
    assert here["versions"]["numpy"] == np.__version__
    assert here["versions"]["python"] == platform.python_version()
    assert 1 <= here["cpu"]["usable"] <= here["cpu"]["cores"]
    assert here["cpu"]["model"]
    assert here["threads"] >= 1
    assert here["sgemm_gflops"] > 0
    assert json.loads(json.dumps(here)) == here


def test_gpu_is_usable_or_says_why_not(here):
    gpu = here["gpu"]
    assert bool(gpu["name"]) == gpu["usable"]
    assert bool(gpu["reason"]) != gpu["usable"]
    if gpu["cupy"] is None and not gpu["usable"]:
        assert "pip install" in gpu["reason"]


def test_any_failure_of_the_gpu_is_reported_and_not_raised(monkeypatch):
    def broken(x):
        raise OSError("libcuda.so: wrong driver")

    monkeypatch.setattr("tinyunet.engine.gpu.to_gpu", broken)
    gpu = diagnose_gpu()
    assert not gpu["usable"]
    assert gpu["reason"] == "libcuda.so: wrong driver"


def test_a_gpu_is_described(device):
    if device == "cpu":
        pytest.skip("needs a GPU or its double")
    gpu = diagnose_gpu()
    assert gpu["usable"], gpu["reason"]
    assert gpu["memory_gb"] > 1
    assert all(re.fullmatch(r"1\d\.\d", gpu[version]) for version in ("cuda", "driver"))
    assert json.loads(json.dumps(gpu)) == gpu


def test_products_are_timed_on_every_device(device):
    assert 0 < doctor.sgemm_gflops(64, 0.01, device) < np.inf


def test_scipys_own_blas_is_left_out(monkeypatch):
    common = {"user_api": "blas", "internal_api": "openblas", "architecture": "Zen"}
    folders = {"numpy.libs": 4, "scipy.libs": 2, "lib": 3}
    loaded = [
        {**common, "filepath": f"/scipy-course/env/{folder}/libscipy_openblas.so",
         "version": None, "num_threads": threads} for folder, threads in folders.items()
    ]  # fmt: skip
    loaded.append({"user_api": "openmp", "filepath": "/lib/libgomp.so", "num_threads": 7})
    monkeypatch.setattr(doctor, "threadpool_info", lambda: loaded)
    assert [library["threads"] for library in doctor.diagnose_blas()] == [4, 3]
    expected = {"name": "openblas", "version": "", "threads": 4, "kernel": "Zen"}
    assert doctor.diagnose_blas()[0] == expected


def test_package_that_is_not_installed_has_no_version():
    assert installed_version("no-such-package-as-this") is None


def test_report_has_everything(here):
    report = doctor.format_report(here)
    for expected in (np.__version__, here["cpu"]["model"], "GFLOP/s", "GPU", "memory"):
        assert expected in report


def test_container_limits_count(monkeypatch):
    files = {"/sys/fs/cgroup/cpu.max": "100000 100000\n", "/sys/fs/cgroup/memory.max": "2000000\n"}
    monkeypatch.setattr(doctor, "_read", lambda path: files.get(path, ""))
    assert doctor._usable_cores() == 1
    assert doctor.memory_gb() in (0.002, None)
    files["/sys/fs/cgroup/cpu.max"] = files["/sys/fs/cgroup/memory.max"] = "max 100000\n"
    free = doctor._usable_cores(), doctor.memory_gb()
    files.clear()
    assert (doctor._usable_cores(), doctor.memory_gb()) == free
    assert free[1] is None or free[1] > 0.1


def test_cpu_model_is_found_in_what_linux_says(monkeypatch):
    lines = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: A Processor @ 3 GHz\nflags\t: fpu\n"
    monkeypatch.setattr(doctor, "_read", lambda path: lines)
    assert doctor.cpu_model() == "A Processor @ 3 GHz"


def test_wrong_number_of_threads_is_refused(monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="many"):
        doctor.diagnose_system()


def test_variables_that_are_set_are_found(monkeypatch):
    for name in doctor.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert doctor.diagnose_system()["variables"] == {}
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    found = doctor.diagnose_system()
    assert found["variables"] == {"OPENBLAS_L2_SIZE": "1"}
    assert any("OPENBLAS_L2_SIZE=1" in hint for hint in found["hints"])


# ---- hints ----


def test_no_hints_where_nothing_is_wrong():
    assert doctor.hints(machine()) == []


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"OMP_NUM_THREADS": "1"}, "OMP_NUM_THREADS=1"),
        ({"OMP_NUM_THREADS": "9", "OPENBLAS_NUM_THREADS": "1"}, "OPENBLAS_NUM_THREADS=1"),
    ],
)
def test_too_few_threads_name_the_cause(variables, cause):
    (hint,) = doctor.hints(machine(blas=openblas(threads=1), variables=variables))
    assert f"uses 1 of 4 usable cores because {cause}" in hint


def test_a_variable_of_another_library_is_no_cause():
    found = machine(blas=openblas(threads=1), variables={"MKL_NUM_THREADS": "1"})
    assert doctor.hints(found) == []


def test_too_many_threads():
    blas, own = doctor.hints(machine(blas=openblas(threads=64), threads=8))
    assert "64 threads" in blas
    assert "OPENBLAS_NUM_THREADS=4" in blas
    assert "8 threads" in own
    assert "TINYUNET_NUM_THREADS=4" in own


def test_generic_kernels_are_pointed_out_unless_someone_chose_them():
    (hint,) = doctor.hints(machine(blas=openblas(kernel="Prescott")))
    assert "Prescott" in hint
    chosen = machine(blas=openblas(kernel="Prescott"), variables={"OPENBLAS_CORETYPE": "prescott"})
    (hint,) = doctor.hints(chosen)
    assert "OPENBLAS_CORETYPE=prescott" in hint


def test_unknown_blas():
    (hint,) = doctor.hints(machine(blas=[]))
    assert "Accelerate" in hint


# ---- the report ----


def test_report_of_a_machine_without_gpu():
    report = doctor.format_report(machine(hints=["Do this."], variables={"OMP_NUM_THREADS": "4"}))
    for expected in (
        "A processor, 4 of 8 cores usable", "16.0 GB", 'openblas 0.3, 4 threads, "Haswell"',
        "123 GFLOP/s", "none: CuPy is not installed", "OMP_NUM_THREADS=4", "hint      Do this.",
    ):  # fmt: skip
        assert expected in report
    assert "torch" not in report


def test_report_of_a_machine_with_gpu():
    gpu = {
        "cupy": "14.0", "usable": True, "name": "A card", "reason": "",
        "memory_gb": 8.04, "cuda": "12.9", "driver": "13.0",
    }  # fmt: skip
    report = doctor.format_report(machine(gpu=gpu, memory_gb=None))
    assert "A card, 8.0 GB, CuPy 14.0 for CUDA 12.9, driver for CUDA up to 13.0" in report
    assert "memory    unknown" in report
