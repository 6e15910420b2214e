#!/usr/bin/env bash
# Kills a recorder with `kill -9` at a random moment, 1,000 times, or as often as the first argument says. Each trial checks
# that everything recorded up to one flush interval before the kill is in the file, that every closed chunk can be read,
# and that `capture recover` makes a complete capture of the file. CI runs 20 trials. 1,000 trials take about ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CAPTURE_KILL_TRIALS=${1:-1000}
exec cargo test --locked --test it -- --exact --nocapture crash::a_killed_recording_keeps_all_but_the_last_flush_interval
