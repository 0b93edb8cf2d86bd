"""``hardware``: what this machine is, and which build of llama.cpp serves on it."""

from __future__ import annotations

from native_host.cli.asking import ask
from native_host.cli.options import Json
from native_host.cli.terminal import session
from native_host.cli.words import size


def hardware(json_output: Json = False) -> None:
    """Show processor, memory and CPU variant."""
    with session(as_json=json_output) as terminal:
        result = ask(terminal, "hardware")
        if terminal.as_json:
            terminal.json(result)
            return
        cpu, memory = result["cpu"], result["memory"]
        cores = f"{cpu['physical_cores']} cores, {cpu['logical_cores']} threads"
        terminal.fields(
            [
                ("processor", f"{cpu['brand']} ({cpu['vendor']}, {cpu['generation']})"),
                ("cores", cores),
                ("features", " ".join(cpu["features"])),
                ("memory", f"{size(memory['available_bytes'])} of {size(memory['total_bytes'])} are free"),
                ("CPU variant", cpu["variant"]),
            ]
        )
        for fallback in cpu["fallbacks"]:
            terminal.say(f"{fallback['variant']} was tried and does not run: {fallback['reason']}", "yellow")
        terminal.say()
        rows = ((it["name"], "yes" if it["supported"] else "no", it["reason"]) for it in cpu["variants"])
        terminal.table(("VARIANT", "RUNS HERE", "WHY NOT"), rows)
