# The real program in a real terminal, driven key by key through tmux.
bats_require_minimum_version 1.5.0

setup() {
    command -v tmux >/dev/null || skip "no tmux"
    script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
    chord=$(realpath "${BIN:-bin}/chord")
    socket=p2plab-$BATS_TEST_NUMBER-$$
}

teardown() {
    tmux -L "$socket" kill-server 2>/dev/null || true
}

t() { tmux -L "$socket" "$@"; }

# open COLUMNS ROWS COMMAND: a terminal that runs it, then says how it ended.
# Frames are ASCII in the C locale.  Ctrl-C reaches the shell, too, and by way
# of timeout the program a second time, when it may be just about to end.
open() {
    t -f /dev/null new-session -d -x "$1" -y "$2" \
        "trap : INT; cd '$PWD'; LC_ALL=C timeout --foreground 600 $3; echo ended \$?; sleep 60"
}

# wait_for PATTERN: until the screen shows it, 20 s at most.
wait_for() {
    for _ in $(seq 400); do
        t capture-pane -p >"$BATS_TEST_TMPDIR/screen"
        grep -qE -e "$1" "$BATS_TEST_TMPDIR/screen" && return 0
        sleep 0.05
    done
    echo "wanted: $1; the screen:"
    cat "$BATS_TEST_TMPDIR/screen"
    return 1
}

# press KEYS, as --keys has them.
press() {
    local keys=$1
    while [ -n "$keys" ]; do
        case $keys in
        '<lt>'*) t send-keys -l '<' && keys=${keys#<lt>} ;;
        '<PageUp>'*) t send-keys PPage && keys=${keys#<PageUp>} ;;
        '<PageDown>'*) t send-keys NPage && keys=${keys#<PageDown>} ;;
        '<Esc>'*) t send-keys Escape && keys=${keys#<Esc>} && sleep 0.04 ;;
        '<'[A-Z]*'>'*)
            local name=${keys#<}
            name=${name%%>*}
            keys=${keys#*>}
            t send-keys "${name/BS/BSpace}"
            ;;
        *)
            t send-keys -l -- "${keys:0:1}"
            keys=${keys:1}
            ;;
        esac
    done
}

every_key() {
    open "$1" "$2" "sh -c 'while :; do $chord monitor; echo again; done'"
    while IFS=$'\t' read -r key keys wanted; do
        case $key in '#'* | '') continue ;; esac
        keys=${keys//@TMP@/$BATS_TEST_TMPDIR}
        wait_for 'follows it'
        press "$keys"
        wait_for "$wanted" || {
            echo "key $key: pressed $keys"
            return 1
        }
        # Out of whatever is open, and out of the program: it starts again.
        press '<Esc><Esc><Esc><Esc>qy'
    done <tests/monitor_keys.txt
}

@test "tmux: every key does what the table says, at 80x24" {
    every_key 80 24
}

@test "tmux: every key does what the table says, at 160x48" {
    every_key 160 48
}

@test "tmux: a resize keeps step, selection and pane" {
    open 80 24 "$chord monitor"
    press '>>2'
    wait_for 'FIND_SUCC  n80'
    t resize-window -x 160 -y 48
    wait_for '^-- messages -.*-- decode'
    wait_for '^> .*key 42 hops 1'
    t resize-window -x 50 -y 15
    wait_for '^-- decode -+$'
    t resize-window -x 30 -y 8
    wait_for 'needs 40x12'
    press '....'
    t resize-window -x 80 -y 24
    wait_for '2 DECODE'
    wait_for 'FIND_SUCC  n80'
}

@test "tmux: q asks once on the base screen; y ends with exit 0" {
    open 80 24 "$chord monitor"
    wait_for 'follows it'
    press '?q'
    wait_for '1 MESSAGES'
    press 'qn'
    wait_for 'nothing was done'
    press 'qy'
    wait_for '^ended 0'
}

@test "tmux: Ctrl-C ends with exit 130 and gives the terminal back" {
    open 80 24 "$chord monitor"
    wait_for 'follows it'
    t send-keys C-c
    wait_for '^ended 130'
}

@test "tmux: a long run shows progress and any key stops it" {
    cat >"$BATS_TEST_TMPDIR/long.scn" <<'END'
seed 7
set bits 20
nodes 2000 prefix=p every 0ms
warm
after 1s p7 lookup 42
run until 1h
END
    open 80 24 "$chord monitor $BATS_TEST_TMPDIR/long.scn"
    wait_for 't=(0.999|1.000) '
    t send-keys End
    wait_for 'any key stops here'
    press 'x'
    wait_for 'step [0-9]+ .*PAUSED'
    press 'qy'
    wait_for '^ended 0'
}

@test "tmux: End and Home work in a terminal that goes by another name" {
    open 80 24 "env TERM=xterm $chord monitor" # tmux sends what screens do
    wait_for 'follows it'
    t send-keys End
    wait_for 'PAUSED at the end'
    t send-keys Home
    wait_for 'step 0'
    press 'qy'
    wait_for '^ended 0'
}

@test "tmux: real nodes are LIVE, the record is REPLAY, End is LIVE again" {
    open 80 24 "$chord live labs/chord/lecture.scn --monitor"
    wait_for '3 hops, owner n45'
    wait_for 'LIVE'
    press ','
    wait_for 'REPLAY'
    press '<End>'
    wait_for 'LIVE$'
    press 'qy'
    wait_for '^ended 0'
}

@test "tmux: one real node shows itself and whom it knows" {
    open 80 24 "$chord node --listen 127.0.0.1:0 --set bits=7 --monitor"
    wait_for 'LIVE'
    wait_for '^-- ring, 1 node '
    press 'qy'
    wait_for '^ended 0'
}

@test "tmux: a worksheet beside the picture, with a hint, an answer and a resume" {
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    sheet="env XDG_STATE_HOME=$XDG_STATE_HOME $chord lab 1 --student anna"
    open 80 24 "$sheet"
    wait_for 'Chord 1: who owns a key'
    press 'z'
    wait_for '5 LAB'
    press 'a<Enter>a<Enter>a<Enter>a<Enter>'
    wait_for 'Which node owns key'
    press 'Ha17<Enter>'
    wait_for 'does not count'
    press 'n99<Enter>' # the prompt is open still, or again
    wait_for '2 tries left|1 try left'
    wait_for 'answer:'
    press '<Esc>'
    wait_for 'Enter, then the answer'
    press '9' # as who forgets Enter
    wait_for '9 is no key here; Enter begins an answer'
    press ':check<Enter>' # a page, over the question
    wait_for 'q close'
    press '<Enter>'
    wait_for '2 tries left|1 try left'
    ! grep -q 'q close\|answer:' "$BATS_TEST_TMPDIR/screen" || false
    press ':answer an answer that goes on beyond the right edge of this narrow pane, and-its-end<Enter>'
    wait_for 'answer:' # the prompt is open again
    grep -q 'and-its-end$' "$BATS_TEST_TMPDIR/screen"
    press '<Esc>'
    wait_for 'Enter, then the answer'
    press '2'
    wait_for '2 DECODE'
    ! grep -q 'then the answer' "$BATS_TEST_TMPDIR/screen" || false
    press 'q'
    wait_for 'quit'
    press 'y'
    wait_for 'ended 0'
    t kill-server
    socket=$socket-again # the old server may take a moment to go
    open 160 48 "$sheet"
    wait_for 'Welcome back, anna'
    wait_for 'Q1, 2 points'
    grep -q ' hint Q1 ' "$XDG_STATE_HOME/p2plab/chord-join/journal"
}

@test "tmux: a worksheet is read on while 'more' stands there, and ends when asked to" {
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    kelips=$(dirname "$chord")/kelips
    sheet="env XDG_STATE_HOME=$XDG_STATE_HOME $kelips lab 3 --student w2"
    open 80 24 "$sheet"
    wait_for ' Q1, 2 points'
    wait_for ' more$'
    wait_for '^ Enter: read on'
    press '<Enter>'
    wait_for '^ Enter, then the answer'
    press 'qqy' # the whole screen is closed first
    wait_for 'ended 0'
    for _ in $(seq 20); do printf 'skip\n'; done |
        XDG_STATE_HOME=$XDG_STATE_HOME "$kelips" lab 3 --line --student w2
    t kill-server
    socket=$socket-again # the old server may take a moment to go
    open 80 24 "$sheet"
    wait_for '`go Q1` goes back to it'
    wait_for '^ The end.  Enter'
    press '<Enter>go Q1<Enter>:help<Enter>' # a page, over the question
    wait_for 'q close'
    press 'a999<Enter>'
    wait_for 'tries left|does not count'
    press '<Esc>ago Q9<Enter>'
    wait_for 'no open question of that name'
    press '<Esc>qqy'
    wait_for 'ended 0'
}

@test "tmux: a resumed worksheet shows the run that its question is about" {
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    napster=$(dirname "$chord")/napster
    printf 'skip\n\n\n\n\n' | "$napster" lab 3 --line --student bob
    open 80 24 "env XDG_STATE_HOME=$XDG_STATE_HOME $napster lab 3 --student bob"
    wait_for 'Q2, 2 points'
    wait_for 'napster . back .' # not the sheet's first, 'down'
    press 'z' # the picture beside it: the question stays in sight
    wait_for '^-- users'
    wait_for 'Q2, 2 points'
    wait_for '^ Enter, then the answer'
}

@test "tmux: a sheet of several programs opens the monitor of the one it is at" {
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    lab="$(dirname "$chord")/lab run labs/capstone/1-search.md --student bob"
    printf 'skip\n%.0s' 1 2 3 4 5 | $lab --line
    open 80 24 "env XDG_STATE_HOME=$XDG_STATE_HOME $lab"
    wait_for 'predict>'
    press 'n2<Enter>'
    wait_for 'watch>'
    press '<Enter>'
    wait_for '^ gnutella . flat .*PAUSED' # not the sheet's first, napster
}

@test "tmux: a fact longer than a line is broken between names" {
    open 40 20 "$chord show labs/chord/lecture.scn ids; $chord show labs/chord/lecture.scn node n80"
    wait_for "ended 0"
    [ "$(sed -n 1,2p "$BATS_TEST_TMPDIR/screen")" = "n16=16 n32=32 n45=45 n80=80 n96=96
n112=112" ]
    grep -q "^f6 *16 *n16" "$BATS_TEST_TMPDIR/screen"
}
