# Worksheets: test, tutor, journal, grading, key, handout.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    bin=${BIN:-bin}
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    unset P2PLAB_STUDENT P2PLAB_COURSE
}

# Work through sheet 1 as $1, typing the lines of standard input.
tutor() { "$bin/chord" lab 1 --line --student "$1" --course key; }
journal() { echo "$XDG_STATE_HOME/p2plab/chord-join/journal"; }
# The key of sheet 1 for student $1, a line an answer.
key_of() {
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/roster"
    "$bin/lab" key labs/chord/1-join.md --course key \
        --roster "$BATS_TEST_TMPDIR/roster" | sed -n 2p |
        grep -o '"[^"]*"' | tr -d '"'
}

@test "lab: Chord's worksheets hold what they promise, for 20 students" {
    # Sanitizers make it ten times slower: one student then, and not the third
    # sheet, whose search takes longer than the 20 s that a sheet may take.
    case $bin in
    *asan*) sheets=20 && run "$bin/lab" test labs/chord/[12]*.md --seeds 1 ;;
    *) sheets=30 && run "$bin/lab" test labs/chord/*.md --seeds 20 ;;
    esac
    grep '^not ok\|^# .*:[0-9]*: [^Q]' <<<"$output" || true
    [ "$status" -eq 0 ]
    grep -q "^1..$sheets\$" <<<"$output"
}

# chord_with SED: Chord built anew, its finger.c changed, beside lab.
chord_with() {
    into=$BATS_TEST_TMPDIR/faulty
    mkdir -p "$into"
    sed "$1" chord/finger.c >"$into/finger.c"
    ! cmp -s chord/finger.c "$into/finger.c" || false
    cp "$bin/lab" "$into"
    others=$(find "$BUILD/chord" -name '*.o' ! -name finger.o)
    # shellcheck disable=SC2086  # each a word of its own
    ${CC:-cc} -std=c11 -O1 -I. -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE \
        "$into/finger.c" $others "$BUILD/libcommon.a" \
        -lcrypto -lncursesw -lz -o "$into/chord"
}

@test "lab: one finger computed wrongly, whichever, and the sheets fail" {
    case $bin in *asan*) skip "compiled without sanitizers" ;; esac
    sheet=$BATS_TEST_TMPDIR/2-lookup.md # its part on real sockets takes long
    sed 's/^\$ chord live .*/$ chord show labs\/chord\/lecture.scn ids/' \
        labs/chord/2-lookup.md >"$sheet"
    chord_with 's/\(uint8_t chord_finger_first\)/ \1/'
    run "$into/lab" test "$sheet" --seeds 1
    [ "$status" -eq 0 ]
    for i in 0 1 2 3 4 5 6; do
        for wrong in $((i + 1)) $(((i + 6) % 7)); do
            chord_with "s/return id_add_power(n->id, i, c->bits)/return \
                id_add_power(n->id, i == $i ? $wrong : i, c->bits)/"
            run "$into/lab" test "$sheet" --seeds 1
            echo "finger $i begins at 2^$wrong"
            [ "$status" -eq 1 ]
        done
    done
    # right in the perfect table, and wrong when it is looked up again
    for i in 1 2 3 4 5; do
        chord_with "/^void chord_fix_fingers/,/^}/s/start(c, n, i)/start(c, \
            n, i == $i ? $(((i + 1) % 6)) : i)/"
        run "$into/lab" test "$sheet" --seeds 2
        echo "finger $i is looked up as another"
        [ "$status" -eq 1 ]
    done
}

@test "lab: the capstone's sheets, with runs of several programs" {
    case $bin in *asan*) skip ;; esac
    run "$bin/lab" test labs/capstone/*.md --seeds 20
    grep '^not ok\|^# .*:[0-9]*: [^Q]' <<<"$output" || true
    [ "$status" -eq 0 ]
    grep -q '^1..20$' <<<"$output"
    # each scenario is drawn by the program that it is for
    "$bin/lab" print labs/capstone/1-search.md --student anna >"$BATS_TEST_TMPDIR/page"
    grep -q 'SERVER  users' "$BATS_TEST_TMPDIR/page"
    grep -q 'gnutella monitor @flat' "$BATS_TEST_TMPDIR/page"
    [ "$("$bin/lab" order mean-hops chord pastry kelips)" = "kelips pastry chord" ]
}

@test "lab: test fails, with file and line, where a sheet has gone wrong" {
    bad=$BATS_TEST_TMPDIR/bad.md
    sed 's/^n45$/n46/' labs/chord/1-join.md >"$bad"
    run "$bin/lab" test "$bad" --seeds 1
    [ "$status" -eq 1 ]
    [[ $output == *"not ok 1 - "*"bad.md:19: chord show labs/chord/lecture.scn owner 42: other output"* ]]
    sed 's/^= chord show @ring owner @key/= chord show @ring ids/' \
        labs/chord/1-join.md >"$bad"
    run "$bin/lab" test "$bad" --seeds 1
    [ "$status" -eq 1 ]
    [[ $output == *"not ok 2 - "*"a node's name, such as n7 was expected"* ]]
    # a question whose text gives its answer away, and a constant one
    sed 's/^And which node owns key 63?/It is @give./
         s/^new <- .*/&\ngive <- chord show @ring owner 63/' \
        labs/chord/1-join.md >"$bad"
    run "$bin/lab" test "$bad" --seeds 20
    [ "$status" -eq 1 ]
    [[ $output == *"@give is the answer to Q2"* ]]
}

@test "lab: two students have different rings and answers; one always the same" {
    [ "$(key_of anna)" = "$(key_of anna)" ]
    [ "$(key_of anna)" != "$(key_of bob)" ]
}

@test "lab: a reflection that is too short is counted anew after each line" {
    sheet=$BATS_TEST_TMPDIR/t.md
    printf '%s\n' '# T' 'lab: t' 'minutes: 5' 'seed: 7' 'O1: say why' '' \
        '## 1 Why (5 min)' '```reflect R1 1 min=5w' 'Why?' \
        '# rubric: because' '```' >"$sheet"
    run "$bin/lab" run "$sheet" --line --student x \
        <<<$'.\none two\n.\nthree\n.\nfour five\n.'
    [ "$status" -eq 0 ]
    [[ $output == *"0 of 5 words"*"2 of 5 words"*"3 of 5 words"*"Hand in"* ]]
}

@test "lab: a roster may give a student another seed" {
    printf 'student,seed\nanna,7\n' >"$BATS_TEST_TMPDIR/roster"
    run "$bin/lab" key labs/chord/1-join.md --roster "$BATS_TEST_TMPDIR/roster"
    [[ ${lines[1]} == anna,7,* ]]
    [ "$output" = "$("$bin/lab" key labs/chord/1-join.md --student anna --seed 7)" ]
}

@test "lab: right and wrong answers, hints, skip and resume" {
    mapfile -t answer < <(key_of anna)
    # six runs, a hint, a malformed and two wrong answers, then the right one
    run tutor anna <<<"




hint
17
n99
n98
${answer[0]}"
    [ "$status" -eq 0 ]
    [[ $output == *"Hint: Start at "* ]]
    [[ $output == *"does not count: it should be a node's name"* ]]
    [[ $output == *"tries left)"*"(1 try"*"Right: it is ${answer[0]} (+2)"* ]]
    # back again: three wrong ones bring the answer, no points
    run tutor anna <<<"n99
n98
n97
skip
quit"
    [[ $output == *"Welcome back, anna: 2 of 24 points"* ]]
    [[ $output == *"The answer is: ${answer[1]}"*"No points for this one"* ]]
    run tutor anna <<<"quit"
    [[ $output == *"Welcome back, anna: 2 of 24 points"*"Q4, 2 points"* ]]
}

@test "lab: commands of a handout can be typed in another terminal" {
    tutor anna </dev/null
    run "$bin/chord" show @ring invariants
    [ "$output" = "one ring, ordered, all live nodes on it: yes" ]
    run "$bin/chord" show @nothing invariants
    [ "$status" -eq 2 ]
    [[ $output == "chord: @nothing is no run of your present worksheet"* ]]
}

@test "lab: a journal is of one student" {
    tutor anna </dev/null
    run tutor bob </dev/null
    [ "$status" -eq 2 ]
    [[ $output == *"begun by another student"* ]]
}

@test "lab: a prediction is taken before the event is shown" {
    run "$bin/chord" lab 2 --line --student anna <<<"

skip
skip
skip


skip
skip
n99
quit"
    [[ $output == *"Predict: "*"What will its field"*"It is n"*"Look why."* ]]
    grep -q ' predict block[0-9]* n99$' "$XDG_STATE_HOME"/p2plab/*/journal
}

@test "lab: at a prediction a command runs, and Enter alone is no guess" {
    run "$bin/lab" run labs/capstone/2-dhts.md --line --student anna --course key <<<"skip
skip
skip

hint
chord show @ring owner 0
skip
skip
skip
skip
skip
skip

kelips pastry chord
quit"
    [ "$status" -eq 0 ]
    [[ $output == *"in the monitor ---"*" lookup "*"Predict: "* ]]
    [[ $output == *"Type what you expect"*"no hint here"*"owner 0
  n"*"Q4"* ]]
    [[ $output != *"Look why"* ]]
    # The names of programs are an answer, too.
    [[ $output == *"Right: it is kelips pastry chord"* ]]
    ! grep -q ' predict ' "$XDG_STATE_HOME"/p2plab/*/journal || false
}

@test "lab: a long line of a command is cut at blanks" {
    run "$bin/chord" lab 1 --line --student anna --course key \
        <<<$'\n\n\n\n\nchord show labs/chord/ring64.scn nodes\nquit'
    [ "$status" -eq 0 ]
    awk 'length > 80 { exit 1 }' <<<"$output"
    [ "$(grep -c '^  n[0-9]* n' <<<"$output")" -ge 2 ]
}

# Answer every question of sheet 1 as $1, with the right answers on stdin.
answer_all() {
    mapfile -t a
    tutor "$1" <<<"




${a[0]}
${a[1]}
${a[2]}
${a[3]}
${a[4]}
${a[5]}
${a[6]}
${a[7]}
${a[8]}

${a[9]}



mod N
.
.

${a[10]}
skip"
}

@test "lab: grade judges anew, writes results.json and refuses a changed journal" {
    key_of anna | answer_all anna
    cd "$BATS_TEST_TMPDIR"
    run "$bin/lab" grade "$(journal)" --course key
    [ "$status" -eq 0 ]
    [[ $output == *"# anna, chord-join: 24 of 24 points"* ]]
    grep -q '"score":24' results.json
    grep -q '"tags":\["O1"\],"visibility":"visible"' results.json
    # with another course's key, these are another student's answers
    run "$bin/lab" grade "$(journal)" --course other
    [ "$status" -eq 1 ]
    [[ $output == *"is not this course's"* ]]
    # a line changed, and a line taken out
    sed 's/ answer Q1 n/ answer Q1 m/' "$(journal)" >changed
    run "$bin/lab" grade changed --course key
    [ "$status" -eq 2 ]
    [[ $output == "changed:"*": the hash does not follow"* ]]
    sed 3d "$(journal)" >changed
    run "$bin/lab" grade changed --course key
    [ "$status" -eq 2 ]
}

@test "lab: handouts fit four pages of 80x60, blank and filled in" {
    sheets=(labs/chord/*.md)
    case $bin in *asan*) sheets=(labs/chord/[12]*.md) ;; esac # as above
    for sheet in "${sheets[@]}"; do
        for who in "" "--student anna"; do
            # shellcheck disable=SC2086
            "$bin/lab" print "$sheet" $who >"$BATS_TEST_TMPDIR/page"
            [ "$(tr -cd '\f' <"$BATS_TEST_TMPDIR/page" | wc -c)" -le 3 ]
            awk 'BEGIN { RS = "\f"; FS = "\n" } NF - 1 > 60 { exit 1 }' \
                "$BATS_TEST_TMPDIR/page"
            awk 'length > 80 { exit 1 }' "$BATS_TEST_TMPDIR/page"
        done
        "$bin/lab" print "$sheet" --html | grep -q '@media print'
    done
    case $bin in *asan*) return ;; esac
    # The picture of the ring, on the third's, does not show who owns the song.
    page=$(cat "$BATS_TEST_TMPDIR/page")
    [[ $page == *"-- ring, 10 nodes"* ]]
    [[ $page != *"owner n"[0-9]* ]]
}

@test "lab: export moves the rubrics into a .key file" {
    run "$bin/lab" export labs/chord/1-join.md --out "$BATS_TEST_TMPDIR"
    [ "$status" -eq 0 ]
    run grep -q rubric "$BATS_TEST_TMPDIR/1-join.md"
    [ "$status" -eq 1 ]
    grep -q '^# rubric' "$BATS_TEST_TMPDIR/1-join.key"
    "$bin/lab" test "$BATS_TEST_TMPDIR/1-join.md" --seeds 1
}

@test "lab: ratio and order compute with what programs print" {
    run "$bin/lab" ratio "chord show labs/chord/lecture.scn hops n80 42" \
        "chord show labs/chord/lecture.scn forwards n80 42"
    [ "$output" = 1.500 ]
    run "$bin/lab" ratio "sh -c true" "sh -c true"
    [ "$status" -eq 2 ]
}

@test "lab: a blank in the state folder's name does not part the words" {
    sheet=$BATS_TEST_TMPDIR/ratio.md
    printf '%s\n' '# T' 'lab: blank' 'O1: x' '' '```scenario a' \
        'nodes 3 prefix=n every 1s' 'run until 9s' '```' '```run' \
        '$ lab ratio "chord show @a messages" "chord show @a messages"' \
        '```' >"$sheet"
    export XDG_STATE_HOME="$BATS_TEST_TMPDIR/with blank"
    mkdir "$XDG_STATE_HOME"
    run "$bin/lab" run "$sheet" --line --student s <<<$'\n\n'
    [[ $output == *1.000* ]]
}

@test "lab: a hostile worksheet or journal is refused with file and line" {
    bad=$BATS_TEST_TMPDIR/bad.md
    head=$'# T\nlab: t\nO1: x\n\n'
    for body in '```scenario a'$'\n''include @a' \
        '```run'$'\n''$ chord show ../../x y' $'\033[2J' \
        '```ask Q1 int 99999999999999999999 O1'; do
        printf '%s%s\n```\n' "$head" "$body" >"$bad"
        for verb in test run print; do
            run "$bin/lab" $verb "$bad"
            [ "$status" -eq 2 ]
            [[ $output == "$bad":[56]:* ]]
        done
    done
    head -c 3000000 /dev/zero | tr '\0' x >"$bad"
    run "$bin/lab" test "$bad"
    [ "$status" -eq 2 ]
    printf 'x\n' >"$BATS_TEST_TMPDIR/journal"
    run "$bin/lab" grade "$BATS_TEST_TMPDIR/journal"
    [ "$status" -eq 2 ]
    [[ $output == *"journal:1: this is no line of a journal" ]]
}

@test "lab: what list names is found from anywhere" {
    bin=$(realpath "$bin")
    cd "$BATS_TEST_TMPDIR"
    "$bin/lab" print "$("$bin/lab" list | sed -n '1s/ .*//p')" | grep -q 'BitTorrent 1'
    "$bin/lab" export labs/chord/1-join.md
    [ -s 1-join.key ]
}

@test "lab: labs/README.md names every sheet, and its minutes" {
    "$bin/lab" list | sed -n 's|^labs/\([a-z]*\)/\([0-9]\)-[^ ]* *\([0-9]*\) min.*|\1 lab \2 \3|p' \
        >"$BATS_TEST_TMPDIR/listed"
    grep -v capstone "$BATS_TEST_TMPDIR/listed" >"$BATS_TEST_TMPDIR/sheets"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/sheets")" -ge 21 ]
    for sheet in labs/capstone/*.md; do grep -q "^| .$sheet. |" labs/README.md; done
    sed -n 's/^| `\([a-z]* lab [0-9]\)` |.*| \([0-9]*\) |$/\1 \2/p' labs/README.md |
        sort | diff -u "$BATS_TEST_TMPDIR/sheets" -
}

@test "lab: list, and words that are near" {
    run "$bin/lab" list
    [[ $output == *"labs/chord/1-join.md"*"45 min"* ]]
    ! grep '.\{81\}' <<<"$output" || false
    run "$bin/chord" lab
    [[ $output == *"chord lab 2 "* ]]
    for p in napster gnutella fasttrack bittorrent chord pastry kelips; do
        ! "$bin/$p" lab | grep '.\{81\}' || false
    done
    run "$bin/lab" tset
    [ "$status" -eq 2 ]
    [[ $output == *"did you mean 'test'"* ]]
    run "$bin/chord" lab 9
    [ "$status" -eq 2 ]
}
