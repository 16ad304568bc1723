#!/bin/sh
# Write requirements.lock and requirements-dev.lock anew: hash-pinned, for every platform, without a URL. Needs uv.
set -eu
cd "$(dirname "$0")/.."
compile() {
  uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
    --override scripts/overrides.txt --no-header --quiet "$@"
}
compile --group build --output-file requirements.lock
compile --group dev --constraint requirements.lock --output-file requirements-dev.lock
