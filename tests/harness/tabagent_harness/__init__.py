"""A native messaging client: starts the real host as a browser does, and speaks frames to it.

with HostProcess() as host:
    for event in host.ask("chat", model="smollm2-135m", messages=[{"role": "user", "content": "Hello"}]):
        print(event)
"""

from tabagent_harness.host_process import HostProcess, default_command, origin

__all__ = ["HostProcess", "default_command", "origin"]
