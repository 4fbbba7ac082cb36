# Compare standard input with a saved file of tests/expected; `make expected`
# rewrites them instead.  Read that diff before you commit it.
golden() {
    local file=tests/expected/$1
    if [ "${EXPECTED:-}" = write ]; then
        mkdir -p tests/expected
        cat >"$file"
    else
        diff -u "$file" -
    fi
}
