/* suggest.h - "did you mean 'x'?" */
#ifndef EV_SUGGEST_H
#define EV_SUGGEST_H

/*
 * The nearest of `words` (NULL-terminated) by an edit distance of at most 2, case aside; borrowed
 * from the list, NULL when none is near.
 */
const char *ev_suggest(const char *word, const char *const *words);

#endif
