#!/usr/bin/env bash
# Prints anew the table of all backends of this folder, as Markdown; arguments go to tests/benchmarks/compare_backends.py.
# Trains first what is not trained yet (`nmt run` reuses what is done). For the speeds, nothing else should be running.
set -euo pipefail
cd "$(dirname "$0")/../.."
recipes=()
for recipe in recipes/multi30k_en_de/*.yaml; do
    [[ $recipe == *_refined.yaml ]] || recipes+=("$recipe") # a refined model is no other backend
done

export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
nmt=(nmt)
command -v nmt > /dev/null || nmt=(python -m nmt)
for recipe in "${recipes[@]}"; do
    "${nmt[@]}" run "$recipe" >&2
done
exec python tests/benchmarks/compare_backends.py "${recipes[@]}" "$@"
