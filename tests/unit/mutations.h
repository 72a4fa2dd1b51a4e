/* mutations.h - what mutate_test.c does to a view: SQL for both stores */
#ifndef EV_MUTATIONS_H
#define EV_MUTATIONS_H

/*
 * Corruptions in SQL; %1 and %2 are keys of two rows of t, %r a real just beside that of row %1. What a dialect cannot
 * do is NULL.
 */
static const struct corruption {
	const char *what, *sqlite, *postgres; /* postgres NULL: the same */
} corruptions[] = {
	{ "a row is dropped", "DELETE FROM t WHERE k = %1", NULL },
	{ "a row of a key of two columns is dropped", "DELETE FROM p WHERE x = %1", NULL },
	{ "a row is doubled where there is no key",
	  "INSERT INTO l SELECT s, i FROM l LIMIT 1", NULL },
	{ "it is there three times",
	  "INSERT INTO l SELECT s, i FROM (SELECT s, i FROM l LIMIT 1) a, (SELECT 1 UNION ALL SELECT 2) b", NULL },
	{ "one of two equal rows is dropped",
	  "DELETE FROM l WHERE rowid = (SELECT max(rowid) FROM l)",
	  "DELETE FROM l WHERE ctid = (SELECT max(ctid) FROM l)" },
	{ "two keys have each other's values",
	  "UPDATE t SET s = (SELECT x.s FROM t x WHERE x.k <> t.k AND x.k IN (%1, %2)), "
	  "i = (SELECT x.i FROM t x WHERE x.k <> t.k AND x.k IN (%1, %2)) WHERE k IN (%1, %2) AND %1 <> %2", NULL },
	{ "a bit of an integer", "UPDATE t SET i = i + 1 WHERE k = %1", NULL },
	{ "the highest digit of an integer", "UPDATE t SET i = i + 1000000000000000000 WHERE k = %1", NULL },
	{ "the sign of an integer", "UPDATE t SET i = -i WHERE k = %1", NULL },
	{ "a real by one unit in the last place", "UPDATE t SET r = %r WHERE k = %1", NULL },
	{ "the sign of zero", NULL, "UPDATE t SET r = '-0' WHERE k = %1 AND r = 0" },
	{ "NaN", NULL, "UPDATE t SET r = 'NaN' WHERE k = %1" },
	{ "the 12th digit of a decimal", "UPDATE t SET d = d + 0.1 WHERE k = %1",
	  "UPDATE t SET d = d + 0.000000000001 WHERE k = %1" },
	{ "NULL for an empty text", "UPDATE t SET s = NULL WHERE s = ''", NULL },
	{ "an empty text for NULL", "UPDATE t SET s = '' WHERE s IS NULL", NULL },
	{ "'NULL' for NULL", "UPDATE t SET s = 'NULL' WHERE s IS NULL", NULL },
	{ "'<null>' for NULL", "UPDATE t SET s = '<null>' WHERE s IS NULL", NULL },
	{ "a separator moves", "UPDATE t SET s = s || '|', u = substr(u, 2) WHERE k = %1", NULL },
	{ "a text moves to the next column", "UPDATE t SET s = u, u = s WHERE k = %1", NULL },
	{ "a trailing space", "UPDATE t SET s = s || ' ' WHERE k = %1", NULL },
	{ "a trailing space is cut", "UPDATE t SET s = rtrim(s) WHERE s LIKE '%% '", NULL },
	{ "capitals", "UPDATE t SET u = upper(u) WHERE k = %1", NULL },
	{ "another normal form",
	  "UPDATE t SET s = 'e' || char(769) WHERE s = char(233)",
	  "UPDATE t SET s = 'e' || chr(769) WHERE s = chr(233)" },
	{ "a byte of bytes", "UPDATE t SET b = x'00' || b WHERE b IS NOT NULL",
	  "UPDATE t SET b = '\\x00'::bytea || b WHERE b IS NOT NULL" },
	{ "text for bytes", "UPDATE t SET b = CAST(b AS text) WHERE b IS NOT NULL", "SELECT 1" },
	{ "another time zone", "UPDATE t SET w = replace(w, 'Z', '+01:00')",
	  "UPDATE t SET w = w + interval '1 hour' WHERE k = %1" },
	{ "a millisecond", "UPDATE t SET w = replace(w, '0Z', '1Z')",
	  "UPDATE t SET w = w + interval '1 ms' WHERE k = %1" },
	{ "a row before the first", "INSERT INTO t (k) VALUES ('')", NULL },
	{ "a row behind the last", "INSERT INTO t (k) VALUES ('zzzz')", NULL },
	{ "a row with the largest key", "INSERT INTO p VALUES ('k0', 9223372036854775807, 1)", NULL },
	{ "the key of a row", "UPDATE t SET k = k || '\n' WHERE k = %1", NULL },
	{ "all rows are gone", "DELETE FROM t", NULL },
	{ "the position is one too far",
	  "UPDATE ev_ledger SET next_offset = next_offset + 1, invisible = invisible + 1", NULL },
	{ "the position is one too early",
	  "UPDATE ev_ledger SET next_offset = next_offset - 1, applied = applied - 1", NULL },
	{ "the ledger does not balance", "UPDATE ev_ledger SET applied = applied + 1", NULL },
	{ "the ledger balances and is wrong",
	  "UPDATE ev_ledger SET applied = applied + 1, ignored = ignored - 1", NULL },
	{ "a hole is said to be a record",
	  "UPDATE ev_ledger SET applied = applied + 1, invisible = invisible - 1", NULL },
	{ "the last record's hash", "UPDATE ev_ledger SET last_hash = last_hash + 1", NULL },
	{ "where the view began", "UPDATE ev_ledger SET begin_offset = begin_offset + 1, applied = applied - 1", NULL },
	{ "a partition of the ledger", "DELETE FROM ev_ledger WHERE topic = 'a' AND partition = 0", NULL },
	{ "the time of the last record", "UPDATE ev_ledger SET last_timestamp = last_timestamp + 1", NULL },
	{ "an id that was seen is forgotten", "DELETE FROM ev_seen WHERE id = (SELECT min(id) FROM ev_seen)", NULL },
	{ "all ids are forgotten", "DELETE FROM ev_seen", NULL },
	{ "an id is seen that never was",
	  "INSERT INTO ev_seen SELECT projection, scope, id || 'x', first_ms, topic, partition, record_offset "
	  "FROM ev_seen ORDER BY id LIMIT 1", NULL },
	{ "an id by a space", "UPDATE ev_seen SET id = id || ' ' WHERE id = (SELECT max(id) FROM ev_seen)", NULL },
	{ "the scope of an id",
	  "UPDATE ev_seen SET scope = scope || 'x' WHERE id = (SELECT min(id) FROM ev_seen)", NULL },
	{ "where an id was first seen",
	  "UPDATE ev_seen SET record_offset = record_offset + 1 WHERE id = (SELECT max(id) FROM ev_seen)", NULL },
	{ "in which partition", "UPDATE ev_seen SET partition = 1 - partition WHERE id = (SELECT min(id) FROM ev_seen)",
	  NULL },
	{ "when an id was first seen",
	  "UPDATE ev_seen SET first_ms = first_ms - 1 WHERE id = (SELECT max(id) FROM ev_seen)", NULL },
	{ "the watermark", "UPDATE ev_projection SET watermark = watermark + 1", NULL },
	{ "dead letters are gone", "DELETE FROM ev_dead", NULL },
	{ "a dead letter is said to be dropped", "UPDATE ev_dead SET state = 'dropped'", NULL },
};
#define NCORRUPTIONS (sizeof(corruptions) / sizeof(*corruptions))

#endif
