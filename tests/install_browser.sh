#!/usr/bin/env bash
# The page is tested in a real browser: Chromium, from the distribution's packages when it is not there yet.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then echo "browser: $(command -v "$name")"; exit 0; fi
done
if ! command -v apt-get >/dev/null; then
  echo "no Chromium found: install Chromium or Google Chrome, then run make test again" >&2
  exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null
command -v chromium
