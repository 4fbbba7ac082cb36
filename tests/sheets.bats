# Worksheets done from start to end in a real terminal of 80x24, as a student
# does who errs, asks for hints and goes home in the middle.
bats_require_minimum_version 1.5.0

setup() {
    command -v tmux >/dev/null || skip "no tmux"
    script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
    bin=$(realpath "${BIN:-bin}")
    socket=p2plab-sheets-$BATS_TEST_NUMBER-$$
    state=$BATS_TEST_TMPDIR/state
}

teardown() {
    tmux -L "$socket" kill-server 2>/dev/null || true
}

t() { tmux -L "$socket" -f /dev/null "$@"; }

# sit_down PROGRAM N: the student's terminal.
sit_down() {
    t new-session -d -x 80 -y 24 "cd '$PWD'; XDG_STATE_HOME='$state' \
        $bin/$1 lab $2 --student amy --course key; echo ended \$?; sleep 60"
}

send() {
    t send-keys -l -- "$1"
    t send-keys Enter
}

# After a wrong answer the prompt is open again; else `a` opens it.
is_open() { t capture-pane -p | grep -q 'Esc: back$'; }
answer() {
    if is_open; then send "$1"; else send "a$1"; fi
    sleep 0.3
}

# The question that waits for an answer: the last on the screen, if the journal
# has not settled it.
open_question() {
    question=$(grep -oE -- '--- [QR][0-9]+, |^ [QR][0-9]+> ' "$screen" |
        tail -n 1 | tr -dc 'QR0-9')
    [ -n "$question" ] && ! grep -q " done $question " "$journal"
}

# One thing that a student would do, seeing this screen.
act() {
    if grep -q 'q close$' "$screen"; then
        t send-keys q
    elif ! open_question && is_open && grep -q 'Predict: ' "$screen"; then
        send n1 # Enter alone is no guess
    elif ! open_question; then
        t send-keys Enter
    elif [ "$question" = "$3" ] && [ -z "$been_home" ]; then
        been_home=yes
        is_open && t send-keys Escape && sleep 0.3
        send qy
        sleep 0.5
        t kill-server
        socket=$socket-again # the old server may take a moment to go
        sit_down "$1" "$2"
    elif [[ $question = R* ]]; then
        answer "$(printf 'word%d ' {1..45})"
        answer .
    elif [ "$tried" != "$question" ]; then # one that is wrong, then a hint
        tried=$question
        answer n99
        answer 999 # where a number was expected, the first did not count
        answer hint
    else
        answer "${answer[$question]}"
    fi
}

# work PROGRAM N HOME: sheet N; the student goes home at question HOME.
work() {
    local names values i
    local -A answer
    echo amy >"$BATS_TEST_TMPDIR/roster"
    "$bin/lab" key labs/"$1"/"$2"-*.md --course key \
        --roster "$BATS_TEST_TMPDIR/roster" >"$BATS_TEST_TMPDIR/key"
    IFS=, read -ra names < <(sed -n 1p "$BATS_TEST_TMPDIR/key")
    mapfile -t values < <(sed -n 2p "$BATS_TEST_TMPDIR/key" |
        grep -o '"[^"]*"' | tr -d '"')
    for i in "${!values[@]}"; do
        answer[${names[i + 2]}]=${values[i]}
    done
    screen=$BATS_TEST_TMPDIR/screen been_home='' tried='' before=''
    sit_down "$1" "$2"
    for _ in $(seq 2000); do
        sleep 0.1
        t capture-pane -p >"$screen"
        grep -q '^ended' "$screen" && break
        journal=$(echo "$state"/p2plab/*/journal)
        # A screen that has just changed may go on changing.
        now=$(cat "$screen" "$journal" | cksum)
        if [ "$now" != "$before" ] || grep -q 'One moment' "$screen"; then
            before=$now
            continue
        fi
        before=''
        act "$1" "$2" "$3"
    done
    cat "$screen"
    tail -n 3 "$journal"
    grep -q '^ended 0' "$screen"
    for i in "${!answer[@]}"; do
        grep -q " done $i right" "$journal"
    done
    [ "$been_home" = yes ]
    [ "$(grep -c ' answer Q[0-9]* n99\| answer Q[0-9]* 999' "$journal")" -gt 4 ]
    grep -q ' hint Q[0-9]* ' "$journal"
}

@test "sheets: Chord 1 in a terminal, from start to end" {
    work chord 1 Q4
}

@test "sheets: Chord 2 in a terminal, from start to end" {
    work chord 2 Q6
}

@test "sheets: Chord 3 in a terminal, from start to end" {
    work chord 3 Q2
}

@test "sheets: BitTorrent 1 in a terminal, from start to end" {
    work bittorrent 1 Q4
}

@test "sheets: BitTorrent 2 in a terminal, from start to end" {
    work bittorrent 2 Q3
}

@test "sheets: BitTorrent 3 in a terminal, from start to end" {
    work bittorrent 3 Q5
}

@test "sheets: FastTrack 1 in a terminal, from start to end" {
    work fasttrack 1 Q3
}

@test "sheets: FastTrack 2 in a terminal, from start to end" {
    work fasttrack 2 Q4
}

@test "sheets: FastTrack 3 in a terminal, from start to end" {
    work fasttrack 3 Q3
}
