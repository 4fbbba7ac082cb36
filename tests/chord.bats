# What Chord must show (protocols/chord.md 7), by its commands.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    chord=${BIN:-bin}/chord
    labs=labs/chord
}

shows() {
    local wanted=$1
    shift
    run "$chord" show "$@"
    [ "$output" = "$wanted" ] || { echo "show $*: $output"; false; }
}

@test "chord: the facts of the lecture's ring" {
    shows "96 96 96 96 96 112 16" $labs/lecture.scn fingers n80
    shows "n80 n16 n32 n45" $labs/lecture.scn path n80 42
    shows "n45" $labs/lecture.scn owner 42
    shows "1.7995" $labs/lecture.scn mean-hops
    shows "4" $labs/lecture.scn max-hops
    shows "n80 n96 n112 n16 n32 n45" $labs/lecture.scn path-by-successors n80 42
    shows "n32 n45" $labs/lecture.scn affected-by-join 40
    shows "36 40" $labs/lecture.scn keys-moved 40 0..124/4
    shows "n32[0] n32[1] n32[2] n32[3]" $labs/lecture.scn fingers-changed 40
}

@test "chord: a recursive lookup costs a message a hop, and the answer" {
    shows "4" $labs/lecture.scn cost n80 lookup 42
    shows "0" $labs/lecture.scn cost n45 lookup 42
    run "$chord" show $labs/lecture.scn cost n80 lookup 42 --set mode=iterative
    [ "$output" = 6 ] # a question and an answer to each of three nodes
}

@test "chord: every example of a fact works" {
    "$chord" show --help | grep -o '([a-z-]* *[^)]*)' | tr -d '()' | sort -u |
        while read -r fact; do
            # shellcheck disable=SC2086
            "$chord" show $labs/lecture.scn $fact >/dev/null || {
                echo "fails: $fact"
                exit 1
            }
        done
}

@test "chord: n40 joins message by message, as published" {
    "$chord" sim $labs/join40.scn --json |
        grep -E '"kind":"message"' |
        sed -n 's/.*"time":\([0-9.]*\),"from":"\(n[0-9]*\)","to":"\(n[0-9]*\)","message":"\([A-Z_]*\)".*"key":40.*/\2 \3 \4/p' |
        head -4 >"$BATS_TEST_TMPDIR/find"
    diff - "$BATS_TEST_TMPDIR/find" <<'EOF'
n40 n80 FIND_SUCC
n80 n16 FIND_SUCC
n16 n32 FIND_SUCC
n32 n40 FOUND
EOF
    # n40 tells n45, which hands over 34 and 38; n32 learns of it, and tells n40.
    "$chord" sim $labs/join40.scn --json |
        sed -n 's/.*"from":"\(n[0-9]*\)","to":"\(n[0-9]*\)","message":"\([A-Z_]*\)".*/\1 \2 \3/p' |
        grep -nE '^(n40 n45 NOTIFY|n45 n40 TRANSFER|n32 n40 NOTIFY)$' |
        sort -t: -k2 -u | sort -n | cut -d: -f2 >"$BATS_TEST_TMPDIR/rest"
    diff - "$BATS_TEST_TMPDIR/rest" <<'EOF'
n40 n45 NOTIFY
n45 n40 TRANSFER
n32 n40 NOTIFY
EOF
}

@test "chord: after the join exactly four entries of old nodes have changed" {
    for n in n16 n32 n45 n80 n96 n112; do
        for run in "$labs/ring.scn" "$labs/join40.scn"; do
            "$chord" show "$run" fingers $n | tr ' ' '\n' \
                >"$BATS_TEST_TMPDIR/$(basename "$run")"
        done
        diff "$BATS_TEST_TMPDIR/ring.scn" "$BATS_TEST_TMPDIR/join40.scn" |
            grep '^>' | sed "s/^/$n /" || true
    done >"$BATS_TEST_TMPDIR/changed"
    [ "$(sort "$BATS_TEST_TMPDIR/changed" | uniq -c | xargs)" = "4 n32 > 40" ]
    shows "45 45 45 80 80 80 112" $labs/join40.scn fingers n40
}

@test "chord: the quizzes' failures" {
    shows "n1[7] n12[7] n123[0] n123[1] n123[2] n123[3] n123[4] n123[5] n123[6] n456[8]" \
        $labs/quiz9.scn fingers-to n234
    shows "n123" $labs/quiz9.scn owner 120
    run "$chord" show $labs/quiz8.scn fingers-to n45
    [ -z "$output" ] # repaired
    run "$chord" show $labs/quiz8.scn fingers-to n45 --at 2s
    [ "$(tr ' ' '\n' <<<"$output" | sed 's/\[.*//' | sort -u | xargs)" = "n234 n32" ]
}

@test "chord: original, corrected, lecture join, both modes and rules settle" {
    for set in variant=original variant=corrected join=lecture mode=iterative \
        rule=paper placement=lecture vnodes=3 successors=1 replicas=0; do
        run "$chord" sim $labs/paper3.scn --quiet --set $set
        case $set in
        vnodes=3) ;; # ids of virtual nodes are hashed: other owners
        *) [ "$status" -eq 0 ] || { echo "$set: $output"; false; } ;;
        esac
    done
}

@test "chord: an id that is taken is refused" {
    cat >"$BATS_TEST_TMPDIR/twin.scn" <<'EOF'
set bits 3
set vnodes 6
node n0
run until 30s
EOF
    # Six virtual nodes on eight points collide; the run goes on without one.
    run "$chord" sim "$BATS_TEST_TMPDIR/twin.scn"
    [ "$status" -eq 0 ]
    [[ "$output" == *"is taken by another"* ]]
}

@test "chord: a newcomer whose contact is down waits for it" {
    cat >"$BATS_TEST_TMPDIR/wait.scn" <<'EOF'
set bits 7
node n16 id=16
node n32 id=32 join=n16
warm
at 1s vanish n16
at 2s node n45 id=45 join=n16
at 10s restart n16
run until quiet
expect invariants
EOF
    run "$chord" sim "$BATS_TEST_TMPDIR/wait.scn" --quiet
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "chord: sixty seeded runs with faults end well" {
    run tests/sweep 60 2 1 chord
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}

# Virtual nodes of three hosts stood on a second ring, whose members the first
# one's fingers knew: no lookup led out of it.
@test "chord: two rings that share hosts become one" {
    run tests/sweep 1 1 472 chord
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}
