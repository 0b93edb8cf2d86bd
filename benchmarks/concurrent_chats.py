"""Many chats at once over HTTP, against xllamacpp's server: the same file, context, slots, threads and client."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import httpx2

from benchmarks.contender import start
from benchmarks.http_chain import HttpChain
from benchmarks.peer_server import CONTEXT_LENGTH, PeerServer, default_threads
from benchmarks.sse_client import ask
from benchmarks.tables import ratio, table
from benchmarks.whole_chain import MODEL
from benchmarks.workload import Answer, prompt

SLOTS = 16
CHATS = {1: 8, 4: 8, 16: 16}
"""How many at once, and how many in all: whoever has an answer asks the next."""
ANSWER_TOKENS = 48
HEADS = ("at once", "", "tok/s", "ratio", "first token, p50", "ratio", "first token, p95", "ratio")


@dataclass(frozen=True, slots=True)
class _Burst:
    """Tokens written per second by all together, and seconds to the first token."""

    rate: float
    p50: float
    p95: float
    prompt_tokens: int


def measure(model: Path, rounds: int) -> None:
    """Print the table. The servers take turns; ratios are taken within a round, with the peer."""
    threads = default_threads()
    peer = PeerServer(model, threads, SLOTS)
    ours = HttpChain("TabAgent, HTTP", parallel=SLOTS, http_max_concurrent=SLOTS, threads=threads)
    rivals: tuple[PeerServer | HttpChain, ...] = (peer, ours)
    played: dict[tuple[int, str], list[_Burst]] = {(count, rival.name): [] for count in CHATS for rival in rivals}
    with ExitStack() as stack:
        for rival in rivals:
            stack.callback(rival.stop)
            start(rival)
        _check(ours, threads)
        clients = (peer.client, stack.enter_context(ours.new_connections()))
        page = 0
        for number in range(rounds + 1):
            for count, chats in CHATS.items():
                pages = [prompt(page + chat, repeats=1) for chat in range(chats)]
                page += chats
                bursts = [_burst(client, pages, count) for client in clients]
                if len({burst.prompt_tokens for burst in bursts}) > 1:
                    raise RuntimeError(f"they were not asked the same: {bursts}")
                for rival, burst in zip(rivals, bursts, strict=True):
                    played[count, rival.name] += [burst] if number else []  # the first round warms up
    print(
        f"{SLOTS} slots and {CONTEXT_LENGTH} tokens of context for all of them together, {threads} threads, "
        f"answers of up to {ANSWER_TOKENS} tokens; `parallel` and `http_max_concurrent` are {SLOTS}.\n"
    )
    rows = [
        _row(count, rival.name, played[count, rival.name], played[count, peer.name])
        for count in CHATS
        for rival in rivals
    ]
    table(HEADS, rows)


def _check(ours: HttpChain, threads: int) -> None:
    """The model is loaded as the peer's is."""
    info = ours.load()
    loaded = (info["context_length"], info["details"]["parallel"], info["details"]["threads"])
    if loaded != (CONTEXT_LENGTH, SLOTS, threads):
        raise RuntimeError(f"loaded with context, slots and threads {loaded}")


def _burst(client: httpx2.Client, pages: Sequence[str], at_once: int) -> _Burst:
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda page: _chat(client, page), pages))
    seconds = time.perf_counter() - began
    first = [answer.first_token_s for answer in answers]
    written = sum(answer.completion_tokens for answer in answers)
    read = sum(answer.prompt_tokens for answer in answers)
    return _Burst(written / seconds, median(first), quantiles(first, n=20, method="inclusive")[-1], read)


def _chat(client: httpx2.Client, page: str) -> Answer:
    messages = [{"role": "user", "content": page}]
    return ask(client, "/v1/chat/completions", model=MODEL, messages=messages, max_tokens=ANSWER_TOKENS)


def _row(count: int, name: str, ours: Sequence[_Burst], reference: Sequence[_Burst]) -> tuple[str, ...]:
    rates, others = [burst.rate for burst in ours], [burst.rate for burst in reference]
    cells = [str(count), name, f"{median(rates):.1f}", ratio(rates, others)]
    for what in ("p50", "p95"):
        seconds = [getattr(burst, what) for burst in ours]
        cells += [f"{median(seconds):.3f} s", ratio(seconds, [getattr(burst, what) for burst in reference])]
    return tuple(cells)
