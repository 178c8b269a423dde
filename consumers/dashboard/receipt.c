#include "consumers/dashboard/receipt.h"

#include <stddef.h>
#include <string.h>

bool receipt_normal(const char *typed, char out[HY_RECEIPT_SIZE]) {
    static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    size_t n = 0;
    for (const char *at = typed; *at; at++) {
        char c = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
        if (c == '-' || c == ' ') continue;
        if (c == 'O') c = '0';
        if (c == 'I' || c == 'L') c = '1';
        if (!strchr(ALPHABET, c) || n >= HY_RECEIPT_SIZE - 1) return false;
        if (n % 5 == 4) out[n++] = '-';
        if (n >= HY_RECEIPT_SIZE - 1) return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n == HY_RECEIPT_SIZE - 1;
}

const char *receipt_state(const char *case_state) {
    static const struct {
        const char *state, *word;
    } WORDS[] = {{"opened", "received"}, {"delivered", "answered"}, {"closed", "closed"}, {"withdrawn", "withdrawn"}};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(WORDS[i].state, case_state) == 0) return WORDS[i].word;
    }
    return "in_progress";
}
