/* The hash of a word: the reference's checked values. */
#include "gnutella/node.h"
#include "tests/unit/test.h"

static uint32_t hash(const char *word, unsigned bits)
{
    return gnutella_qrp_hash((const uint8_t *)word, strlen(word), bits);
}

TEST(the_hash_is_the_reference_s)
{
    CHECK_U64(hash("n", 16), 65003);
    CHECK_U64(hash("nd", 16), 54193);
    CHECK_U64(hash("ndf", 16), 4953);
    CHECK_U64(hash("ndflaleme", 16), 45559);
    CHECK_U64(hash("NDFlaleme", 16), 45559); /* case does not matter */
    CHECK_U64(hash("eb", 13), 6791);
    CHECK_U64(hash("test", 3), 2);
    CHECK_U64(hash("qrp", 3), 7);
}

int main(void)
{
    RUN(the_hash_is_the_reference_s);
    return test_end();
}
