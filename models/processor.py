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
    if {"avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"} <= _flags(cpuinfo):
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


def cuts_byte_products(cpuinfo: Path = CPUINFO) -> bool:
    """Say whether sums of byte products may be cut off.

    x86 processors before VNNI add two products of a byte and a signed byte in 16 bits, where they do not
    always fit. ONNX Runtime computes so there; YAMNet then hears shots with 0.45 that others hear with 0.78.
    """
    flags = _flags(cpuinfo)
    return "avx2" in flags and not flags & {"avx512_vnni", "avx_vnni"}


def _flags(cpuinfo: Path) -> set[str]:
    """Return what the processor can do; nothing where that is not known."""
    try:
        return set(cpuinfo.read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return set()


def one_thread_for_blas() -> None:
    """Keep numpy's matrix products in the thread that asks: ours are small, and BLAS would wake a thread per
    core for each, which then spin beside the recogniser's.
    """
    threadpool_limits(1, user_api="blas")
