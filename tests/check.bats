# `chord check`: what holds, what does not, and that a counterexample is one.

setup() {
    bin=$(cd "${BIN:-bin}" && pwd)
    cd "$BATS_TEST_DIRNAME/.."
    out=$BATS_TEST_TMPDIR/violation.scn
}

# The replay breaks invariant $1 with its last event, and not before; the
# monitor says so in words.
breaks_at_the_end() {
    steps=$(sed -n 's/^at step \([0-9]*\) .*/\1/p' "$out" | tail -n 1)
    run "$bin/chord" monitor "$out" --step "$steps" --dump 80x24
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -ge 20 ]
    [[ "$output" == *"broken now: $1"* ]]
    run "$bin/chord" monitor "$out" --step $((steps - 1)) --dump 80x24
    [ "$status" -eq 0 ]
    [[ "$output" != *"broken now: $1"* ]]
}

@test "check: the corrected protocol is exhausted at four ids, restarts and all" {
    run timeout 300 "$bin/chord" check
    [ "$status" -eq 0 ]
    [[ "$output" == *"no violation in "*" states (exhausted)"* ]]
}

@test "check: the corrected protocol is exhausted at five ids" {
    run timeout 300 "$bin/chord" check labs/chord/five.scn --set variant=corrected
    [ "$status" -eq 0 ]
    [[ "$output" == *"(exhausted)"* ]]
}

@test "check: the published protocol loses its ring for good; the replay shows it" {
    run timeout 300 "$bin/chord" check --set variant=original --out "$out"
    [ "$status" -eq 1 ]
    [[ "$output" == *"violated: exactly one ring"* ]]
    run "$bin/chord" sim "$out" --quiet
    [ "$status" -eq 1 ]
    run "$bin/chord" show "$out" invariants
    [ "$status" -eq 1 ]
    breaks_at_the_end "exactly one ring"
}

@test "check: ... and from one node with five ids, none used twice" {
    run timeout 300 "$bin/chord" check labs/chord/five.scn --out "$out"
    [ "$status" -eq 1 ]
    [[ "$output" == *"violated: exactly one ring"* ]]
    breaks_at_the_end "exactly one ring"
    echo "run until 1h" >>"$out" # for good
    run "$bin/chord" show "$out" invariants
    [ "$status" -eq 1 ]
}

@test "check: one late message makes the published ring loopy, for good" {
    case $bin in *asan*) skip "the plain build does this" ;; esac
    run timeout 300 "$bin/chord" check labs/chord/loopy.scn \
        --find ordered-ring --out "$out" --quiet
    [ "$status" -eq 1 ]
    [[ "$output" == *"violated: ordered ring: "*"more than once"* ]]
    [[ "$output" == *"its last message is late"* ]]
    # The replay: 1 -> 4 -> 3 -> 1, and an hour of maintenance changes nothing.
    echo "run until 1h" >>"$out"
    for pair in "n1 n4" "n4 n3" "n3 n1"; do
        run "$bin/chord" show "$out" successor "${pair% *}" 1
        [ "$output" = "${pair#* }" ]
    done
    run "$bin/chord" show "$out" invariants
    [ "$status" -eq 1 ]
    [[ "$output" == *"round the circle more than once"* ]]
    breaks_at_the_end "ordered ring"
}

@test "check: ... and the corrected one is exhausted there, whatever is late" {
    case $bin in *asan*) skip "the plain build does this" ;; esac
    run timeout 300 "$bin/chord" check labs/chord/loopy.scn \
        --set variant=corrected --quiet
    [ "$status" -eq 0 ]
    [[ "$output" == *"no violation in "*" states (exhausted)"* ]]
    # Without a late message the published one is only ever split, not loopy.
    run timeout 300 "$bin/chord" check labs/chord/five.scn --find ordered-ring
    [ "$status" -eq 0 ]
    [[ "$output" == *"(exhausted)"* ]]
}

@test "check: what it cannot do is said" {
    run "$bin/chord" check --find loopy
    [ "$status" -eq 2 ]
    [[ "$output" == *"unknown invariant 'loopy', expected one of: "* ]]
    run "$bin/chord" check --trace x.pcapng
    [ "$status" -eq 2 ]
}

@test "check: below its base of r + 1 nodes the corrected protocol fails too" {
    run timeout 300 "$bin/chord" check --unsafe --out "$out"
    [ "$status" -eq 1 ]
    [[ "$output" == *"violated: exactly one ring"*"does not heal it"* ]]
    breaks_at_the_end "exactly one ring"
}

@test "check: message by message, the published ring is lost for a while" {
    run timeout 300 "$bin/chord" check labs/chord/message.scn --strict \
        --find exactly-one-ring --out "$out"
    [ "$status" -eq 1 ]
    [[ "$output" == *"violated: exactly one ring: there is no ring"* ]]
    [[ "$output" != *"does not heal it"* ]]
    breaks_at_the_end "exactly one ring"
}

@test "check: a bound that was hit is said" {
    sed 's/depth 100/depth 4/' labs/chord/tiny.scn >"$out"
    run "$bin/chord" check "$out"
    [ "$status" -eq 0 ]
    [[ "$output" == *"(incomplete: the bound on depth was hit)"* ]]
}

@test "check: without 'warm' there is nothing to explore" {
    grep -v '^warm' labs/chord/tiny.scn >"$out"
    run "$bin/chord" check "$out"
    [ "$status" -eq 2 ]
    [[ "$output" == *"expected 'warm'"* ]]
}

@test "check: progress every three seconds; Ctrl-C prints what was explored" {
    sed 's/grain operation/grain message/' labs/chord/tiny.scn >"$out"
    run timeout --signal=INT 4 "$bin/chord" check "$out"
    [[ "$output" == *" states, depth "*" states, "*" transitions, depth "* ]]
    [[ "$output" == *"no violation in "*" states (incomplete: interrupted)"* ]]
}
