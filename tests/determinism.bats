# The same scenario and seed give the same steps, whoever compiled us.

setup() {
    bin=${BIN:-bin}
    cd "$BATS_TEST_DIRNAME/.."
}

@test "every scenario ends in the hash that the repository keeps" {
    tests/hashes "$bin" | diff -u tests/expected/hashes -
}

@test "gcc -O0 and clang -O2 give the same hashes" {
    case ${BUILD:-main} in *asan*) skip "the plain build does this" ;; esac
    make -s CC=gcc OPT=-O0 BUILD=build/gcc-O0 BIN=build/gcc-O0/bin all
    tests/hashes build/gcc-O0/bin | diff -u tests/expected/hashes -
    command -v clang >/dev/null || skip "no clang"
    make -s CC=clang OPT=-O2 BUILD=build/clang BIN=build/clang/bin all
    tests/hashes build/clang/bin | diff -u tests/expected/hashes -
}

@test "another seed gives another hash" {
    a=$("$bin/chord" sim labs/chord/lecture.scn --quiet --json --seed 1 | grep summary)
    b=$("$bin/chord" sim labs/chord/lecture.scn --quiet --json --seed 2 | grep summary)
    [ "${a#*hash}" != "${b#*hash}" ]
}

@test "who watches a run does not change it" {
    a=$("$bin/chord" sim labs/chord/lecture.scn --quiet --json | grep summary)
    b=$("$bin/chord" sim labs/chord/lecture.scn --json | grep summary)
    [ "$a" = "$b" ]
}
