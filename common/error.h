/*
 * The errors that functions of common/ return: negative numbers, so that a
 * count of bytes and an error fit one int.  The sentence for people goes
 * into the caller's `struct text *why`.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

enum error {
    ERR_MALFORMED = -1, /* bytes or text that break their format */
    ERR_LIMIT = -2,     /* more than a table or a message may hold */
    ERR_SYSTEM = -3,    /* a file, a socket or memory was refused */
    ERR_USAGE = -4      /* asked for something that does not exist */
};

#endif
