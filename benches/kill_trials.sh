#!/usr/bin/env bash
# `kill -9` at random moments of a recording, 1,000 times or as often as the first argument says. Each trial proves that
# what was recorded up to one flush interval before the kill is in the file, that every closed chunk reads, and that
# `capture recover` makes a whole capture of it. CI runs 20 of them; 1,000 take about ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CAPTURE_KILL_TRIALS=${1:-1000}
exec cargo test --locked --test it -- --exact --nocapture crash::a_killed_recording_keeps_all_but_the_last_flush_interval
