"""``tabagent_model`` called directly, in a child so that its memory can be told. Also that child's program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from benchmarks.workload import Answer


class InProcess:
    """The rate that everything else is held against."""

    def __init__(self, model: Path, cpu_variant: str = "") -> None:
        self.name = "tabagent_model, in process"
        self._model = model
        self._environ = {**os.environ, **({"TABAGENT_CPU_VARIANT": cpu_variant} if cpu_variant else {})}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the child, which loads the model."""
        command = [sys.executable, "-m", "benchmarks.in_process", str(self._model)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environ
        )

    def ask(self, text: str, max_tokens: int) -> Answer:
        """The child measures; the pipe is not part of it."""
        requests, answers = self._pipes()
        requests.write(json.dumps({"text": text, "max_tokens": max_tokens}) + "\n")
        requests.flush()
        return Answer(**json.loads(answers.readline()))

    def pids(self) -> Iterable[int]:
        """The child."""
        assert self._process is not None
        return [self._process.pid]

    def stop(self) -> None:
        """End the child."""
        requests, answers = self._pipes()
        requests.close()
        answers.close()
        assert self._process is not None
        self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout


def main() -> None:
    """Answer lines of JSON with lines of JSON."""
    import tabagent_model  # noqa: PLC0415  # the parent must not load it

    library = tabagent_model.get_optimal_binary("libllama.so")
    with tabagent_model.PyModel() as model:
        model.load(library, sys.argv[1])
        for line in sys.stdin:
            request = json.loads(line)
            began = time.perf_counter()
            tokens = model.tokenize(request["text"], add_special=True)
            first = 0.0
            stream = model.stream(tokens, max_tokens=request["max_tokens"], temperature=0.0)
            for _piece in stream:
                first = first or time.perf_counter() - began
            total = time.perf_counter() - began
            answer = {
                "first_token_s": first or total,
                "total_s": total,
                "prompt_tokens": stream.completion.prompt_tokens,
                "completion_tokens": stream.completion.completion_tokens,
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
