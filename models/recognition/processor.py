"""Settings of native libraries for the processor we run on."""

from __future__ import annotations

import os
from pathlib import Path

from threadpoolctl import threadpool_limits

CPUINFO = Path("/proc/cpuinfo")


def prefer_wide_vectors(cpuinfo: Path = CPUINFO) -> None:
    """Make CTranslate2 use AVX-512 on processors that do not slow down for it; an operator's choice stands.

    To be called before its first model is loaded: it chooses its kernels then, once.

    The library keeps to AVX2 unless told, because the first processors with AVX-512 lowered their clock for
    it. Those with VNNI and BF16 (Sapphire Rapids, Zen 4 and later) do not; there it encodes a tenth faster.
    """
    try:
        flags = set(cpuinfo.read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return
    if {"avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"} <= flags:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


def one_thread_for_blas() -> None:
    """Keep numpy's matrix products in the thread that asks: ours are small, and BLAS would wake a thread per
    core for each, which then spin beside the recogniser's.
    """
    threadpool_limits(1, user_api="blas")
