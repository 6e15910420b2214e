#!/usr/bin/env bash
# Runs fuzz targets one after the other, each for so many seconds: `fuzz/run.sh [SECONDS] [TARGET...]`, all for 600 s.
#
# What each target has found before is its corpus; the captures of the project and what they export to are its seeds. It
# stops at the first failure, which libFuzzer leaves in fuzz/artifacts/TARGET with the command that shows it.
# Needs cargo-fuzz (`cargo install --locked cargo-fuzz`), and the built command for the seeds of the imports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_EACH=${1:-600}
shift || true
# No input of ours is larger than this, and no answer may need so much memory.
readonly SECONDS_EACH MAX_LEN=65536 RSS_MB=1024 TIMEOUT_S=20

targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

# The small captures, and each as every format that can be imported.
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
