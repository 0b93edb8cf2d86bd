#!/usr/bin/env bash
# Prints the path of a Chromium that takes --load-extension. With --install, installs Debian's where there is none.
set -euo pipefail

find_browser() {
  for name in ${TABAGENT_TEST_BROWSER:-} chromium chromium-browser; do
    if command -v "$name"; then return 0; fi
  done
  return 1
}

find_browser && exit 0
if [[ "${1:-}" == --install ]]; then
  as_root=()
  [[ $(id -u) == 0 ]] || as_root=(sudo -n)
  if command -v apt-get >/dev/null; then
    echo "· Chromium" >&2
    "${as_root[@]}" apt-get update -qq >&2 && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >&2 || true
  fi
  find_browser && exit 0
fi
echo "No Chromium was found. Install it, or name one in TABAGENT_TEST_BROWSER." >&2
# In CI a missing browser is a failure; in a developer's run its tests are skipped, and say so.
[[ "${CI:-}" == true ]] && exit 1 || exit 0
