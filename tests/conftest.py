"""Fixtures: the modules that arrays come from. And which tests are quick."""

import signal
import sys
from pathlib import Path

import cupy_double
import hypothesis
import numpy as np
import pytest

import tinyunet as tu

# `pytest -m quick`: what another version of Python or of a package would break first. A line is the
# beginning of a test's name, as pytest says it after "tests/".
QUICK = (
    "test_architecture.py",
    "test_project.py",
    # the arithmetic, and what checks it
    "test_contributing.py",
    "test_convolution.py::test_im2col_equals_the_loops",
    "test_layers.py::test_agrees_with_the_naive_twin",
    "test_layers.py::test_dtype_stays[numpy-Conv2d auto",
    "test_layers.py::test_gradients[Conv2d auto",
    "test_layers.py::test_gradients[ConvTranspose2d",
    "test_layers.py::test_gradients[MaxPool2d",
    "test_layers.py::test_gradients[Sequential",
    "test_binary_losses.py",
    "test_loss.py",
    "test_gradcheck.py::test_functions",
    "test_gradcheck.py::test_report",
    "gradcheck/test_measure.py",
    # training and its files
    "test_checkpoint.py",
    "test_training.py::test_without_validation_the_last_model_is_kept",
    # images: fetched, read, made, predicted, measured
    "data/test_fetch.py::test_nuclei_from_an_archive",
    "data/test_folder.py",
    "data/test_synthetic.py::test_shapes_ranges_and_consecutive_instances",
    "data/test_warp.py::test_deformed_agrees_with_the_formula_of_a_smooth_image",
    "data/test_weightmap.py::test_equals_the_definition[",
    "test_labelling.py::test_undoes_separation",
    "metrics/test_cells.py::test_cell_scores_of",
    "metrics/test_partitions.py::test_v_info_agrees_with_scikit_image",
    # pictures, commands, lessons
    "test_paint.py::test_pairs_are_read_from_files_of_all_kinds",
    "test_paint.py::test_a_run_leaves_pictures_scores_and_models",
    "test_plots.py::test_compare",
    "test_plots.py::test_curves_show_losses_and_scores",
    "test_plots.py::test_overlay",
    "test_plots.py::test_saved_picture",
    "test_plots.py::test_weight_map_has_a_colour_bar",
    "test_cli.py::test_help_says_every_command",
    "test_doctor.py::test_report_has_everything",
    "test_lessons.py::test_a_source_becomes_two_notebooks",
    "test_lessons.py::test_a_students_notebook_stops_at_the_first_exercise_and_says_how_to_go_on[05",
)

# Warnings are errors here. These say nothing about us, but something about a system.
WARNINGS = {
    # Apple's BLAS sets flags of floating-point errors that have not happened (numpy/numpy#28687).
    "darwin": "ignore:.* encountered in matmul:RuntimeWarning",
    # Jupyter starts a thread for what the event loop lacks there (jupyter/nbconvert#2186).
    "win32": "ignore:Proactor event loop:RuntimeWarning",
}


def pytest_configure(config):
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # in a shell's background; Ctrl-C is tested
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # On a busy machine an example may take long; no test asserts a time.
    hypothesis.settings.register_profile(
        "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("patient")
    if sys.platform in WARNINGS:
        config.addinivalue_line("filterwarnings", WARNINGS[sys.platform])


def pytest_ignore_collect(collection_path, config):
    """With ``-m quick``, don't spend seconds on reading files that hold no quick test."""
    name = collection_path.relative_to(Path(__file__).parent).as_posix()
    if config.option.markexpr == "quick" and collection_path.suffix == ".py":
        return not any(quick.startswith(name) for quick in QUICK) or None
    return None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(QUICK):
            item.add_marker(pytest.mark.quick)


@pytest.fixture(params=["numpy", "double", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """The array module: NumPy, a strict double of CuPy without a GPU, and CuPy where it runs.

    ``xp.asarray(host_array)`` moves an array to its device. While a test with the double runs,
    ``import cupy`` gives the double, so ``layer.to("gpu")`` and ``tu.to_gpu`` work.
    """
    if request.param == "numpy":
        yield np
    elif request.param == "double":
        with cupy_double.installed() as double:
            yield double
    else:
        if not tu.gpu_available():
            pytest.skip("CuPy finds no GPU here")
        import cupy

        yield cupy


@pytest.fixture
def device(xp):
    """Where the arrays of `xp` are: what ``layer.to`` takes."""
    return "cpu" if xp is np else "gpu"
