"""What is set for the processor before native libraries are loaded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from models.processor import cuts_byte_products, one_thread_for_blas, prefer_wide_vectors

NAME = "CT2_FORCE_CPU_ISA"
WIDE = "flags : fpu avx2 avx512f avx512bw avx512_vnni avx512_bf16\n"


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Set first, so that whatever the test makes of it is undone.
    monkeypatch.setenv(NAME, "unset")
    monkeypatch.delenv(NAME)
    return tmp_path / "cpuinfo"


def chosen(cpuinfo: Path) -> str | None:

    prefer_wide_vectors(cpuinfo)
    return os.environ.get(NAME)


def test_wide_vectors_where_they_cost_no_clock(cpuinfo: Path) -> None:
    cpuinfo.write_text(WIDE)
    assert chosen(cpuinfo) == "AVX512"


@pytest.mark.parametrize("missing", ["avx512_vnni", "avx512_bf16", "avx512f"])
def test_not_on_older_processors(cpuinfo: Path, missing: str) -> None:
    cpuinfo.write_text(WIDE.replace(missing, ""))
    assert chosen(cpuinfo) is None


def test_not_where_nothing_is_known(cpuinfo: Path) -> None:
    assert chosen(cpuinfo) is None


def test_an_operators_choice_stands(cpuinfo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo.write_text(WIDE)
    monkeypatch.setenv(NAME, "AVX2")
    assert chosen(cpuinfo) == "AVX2"


@pytest.mark.parametrize(
    ("flags", "cuts"),
    [
        (WIDE, False),
        ("flags : fpu avx2 avx_vnni\n", False),
        ("flags : fpu avx2\n", True),
        ("flags : fpu avx2 avx512f avx512bw\n", True),
        ("Features : fp asimd asimddp\n", False),
    ],
)
def test_processors_that_cut_byte_products(cpuinfo: Path, flags: str, cuts: bool) -> None:
    cpuinfo.write_text(flags)
    assert cuts_byte_products(cpuinfo) is cuts


def test_matrix_products_stay_in_one_thread() -> None:
    np.ones((4, 4)) @ np.ones((4, 4))
    one_thread_for_blas()
    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    assert blas
    assert {each["num_threads"] for each in blas} == {1}
