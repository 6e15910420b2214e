#!/usr/bin/env bash
# Runs fuzz targets one after the other: `fuzz/run.sh [SECONDS] [TARGET...]`. The default is all targets, 600 s for each.
#
# The corpus of a target is the set of inputs that it has found before. The seeds are the captures of the project and their
# exports. The script stops at the first failure. libFuzzer then stores the input in fuzz/artifacts/TARGET and prints the
# command that reproduces the failure. The script needs cargo-fuzz (`cargo install --locked cargo-fuzz`), and the built
# command for the seeds of the imports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_EACH=${1:-600}
shift || true
# Largest input, largest memory, and longest time of one run.
readonly SECONDS_EACH MAX_LEN=65536 RSS_MB=1024 TIMEOUT_S=20

targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

# The seeds: the small captures, and each of them in every format that can be imported.
seeds=fuzz/corpus/seeds
mkdir -p "$seeds"
find captures -name '*.gcap' -size -80k -exec cp {} "$seeds" \;
capture=${CARGO_TARGET_DIR:-target}/release/capture
[ -x "$capture" ] || capture=${CARGO_TARGET_DIR:-target}/debug/capture
for file in "$seeds"/*.gcap; do
  [ -x "$capture" ] || break
  for form in mcap binlog frames; do
    "$capture" --quiet export "$file" "--$form" "${file%.gcap}.$form" --force || true
  done
done

for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target"
  printf '=== %s\n' "$target"
  cargo fuzz run -s none "$target" "fuzz/corpus/$target" "$seeds" -- \
    "-max_total_time=$SECONDS_EACH" "-max_len=$MAX_LEN" "-rss_limit_mb=$RSS_MB" "-timeout=$TIMEOUT_S" -print_final_stats=1
done
echo "${#targets[@]} targets, no failure"
