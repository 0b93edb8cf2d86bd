"""``make run-browser``: Chromium with the extension and the host registered, in a profile that is thrown away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLAGS = ("--no-first-run", "--no-default-browser-check", "--disable-sync")


def main() -> None:
    """Open the browser and wait until it is closed."""
    found = subprocess.run(
        ["bash", str(ROOT / "tests/e2e/find-browser.sh")], capture_output=True, text=True, check=True
    )
    browser = found.stdout.strip()
    if not browser:
        sys.exit("No Chromium was found; install it and try again.")
    extension = ROOT / "extension" / "dist"
    with tempfile.TemporaryDirectory(prefix="tabagent-browser-") as profile:
        environ = {**os.environ, "TABAGENT_DATA_DIR": str(Path(profile) / "tabagent")}
        tabagent = shutil.which("tabagent", path=str(Path(sys.executable).parent))
        assert tabagent is not None, "this environment has the tabagent command"
        subprocess.run([tabagent, "install", "--profile-dir", profile], env=environ, check=True)
        arguments = [*FLAGS, f"--user-data-dir={profile}", f"--load-extension={extension}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox
        sys.stderr.write("Click TabAgent's icon in the toolbar (the puzzle piece lists it) to open the panel.\n")
        subprocess.run([browser, *arguments, "about:blank"], env=environ, check=False)


if __name__ == "__main__":
    main()
