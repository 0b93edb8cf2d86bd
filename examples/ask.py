"""Ask a GGUF model in this process: ``python examples/ask.py MODEL.gguf QUESTION``."""

from __future__ import annotations

import sys

from tabagent_model import PyModel, get_optimal_binary


def main(path: str, question: str) -> None:
    """Print the answer as it is written. The prompt has the form of the models that know ChatML."""
    with PyModel() as model:
        model.load(get_optimal_binary("libllama.so"), path)
        # The question is tokenised by itself, without control tokens: nothing in it can end the turn.
        prompt = [
            *model.tokenize("<|im_start|>user\n", parse_special=True),
            *model.tokenize(question),
            *model.tokenize("<|im_end|>\n<|im_start|>assistant\n", parse_special=True),
        ]
        for text in model.stream(prompt, max_tokens=200, temperature=0):
            sys.stdout.write(text)
            sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
