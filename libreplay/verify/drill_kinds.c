/*
 * drill_kinds.c - which mode sees which corruption; the only place where it is said
 *
 * In the SQL (drill_sql.c fills it in): @t the table, @c the column, @d the next one, @S the schema and a point,
 * @p the projection's name, @is "of the wanted type", @ne "is another than", @new another value for a key,
 * @cols all columns, @vals the same with @new for @c, @row{...} one row of which this holds, @part{...} one
 * partition of the ledger. A statement must touch a row to count.
 */
#include "verify/drill_impl.h"

const char *const ev_drill_modes[EV_DRILL_MODES] = { "rows", "counts", "checks", "log", "against" };

#define SET_IF(value, cond) "UPDATE @t SET @c = " value " WHERE @row{(" value ") @ne @c AND " cond "}"
#define SET(value) SET_IF(value, "@is")
#define BOTH(sql) sql, sql
#define LEDGER(set, cond) BOTH("UPDATE @Sev_ledger SET " set " WHERE projection = @p AND @part{" cond "}")
#define MANY "projection = coalesce((SELECT rows_key FROM @Sev_rows WHERE projection = @p), @p)"
/* the id seen last, which is in every window of @dedupe */
#define SEEN                                                                                             \
	"(projection, scope, id) IN (SELECT projection, scope, id FROM @Sev_seen WHERE " MANY " "        \
	"ORDER BY first_ms DESC, scope, id LIMIT 1)"
#define EXCHANGED                                                                                        \
	"UPDATE @t SET @c = CASE WHEN @c = (SELECT min(@c) FROM @t) THEN (SELECT max(@c) FROM @t) ELSE " \
	"(SELECT min(@c) FROM @t) END WHERE (SELECT min(@c) FROM @t) <> (SELECT max(@c) FROM @t) AND "   \
	"(@row{@c = (SELECT min(@c) FROM @t)} OR @row{@c = (SELECT max(@c) FROM @t)})"

#define RECORD(what, sees, word) { what, "~~~" sees, EV_DRILL_RECORD, EV_DRILL_ANY, BOTH(word) }
#define VALUE(what, class, ...) { what, "+-~--", EV_DRILL_VALUE, class, __VA_ARGS__ }

const struct ev_drill_kind ev_drill_kinds[] = {
	/* rows */
	{ "a row is deleted", "+-~--", EV_DRILL_TABLE, EV_DRILL_ANY, BOTH("DELETE FROM @t WHERE @row{1 = 1}") },
	{ "a row is added", "+-~--", EV_DRILL_KEY, EV_DRILL_ANY,
	  BOTH("INSERT INTO @t (@cols) SELECT @vals FROM @t WHERE @row{1 = 1}") },
	{ "a row is there twice", "+-~--", EV_DRILL_TABLE, EV_DRILL_ANY,
	  BOTH("INSERT INTO @t (@cols) SELECT @cols FROM @t WHERE @row{1 = 1}") },
	{ "a row is there three times", "+-~--", EV_DRILL_TABLE, EV_DRILL_ANY,
	  BOTH("INSERT INTO @t (@cols) SELECT @cols FROM @t WHERE @row{1 = 1} UNION ALL "
	       "SELECT @cols FROM @t WHERE @row{1 = 1}") },
	{ "a row has another key", "+-~--", EV_DRILL_KEY, EV_DRILL_ANY,
	  BOTH("UPDATE @t SET @c = @new WHERE @row{1 = 1}") },
	{ "all rows of a table are gone", "+-~--", EV_DRILL_TABLE, EV_DRILL_ANY, BOTH("DELETE FROM @t") },
	VALUE("two rows have each other's value", EV_DRILL_ANY, EXCHANGED, EXCHANGED),

	/* numbers */
	VALUE("an integer is off by one", EV_DRILL_INTEGER, BOTH(SET("@c + 1"))),
	VALUE("the sign of an integer", EV_DRILL_INTEGER, BOTH(SET("-@c"))),
	VALUE("the highest digit of an integer", EV_DRILL_INTEGER, BOTH(SET("@c + 1000000000000000000"))),
	VALUE("a real is off by a unit in the last place", EV_DRILL_REAL,
	      BOTH(SET("@c * (1 + 2.220446049250313e-16)"))),
	VALUE("the sign of zero", EV_DRILL_REAL, NULL, "UPDATE @t SET @c = '-0' WHERE @row{@c = 0}"),
	VALUE("NaN for a real", EV_DRILL_REAL, NULL, SET("'NaN'::float8")),
	VALUE("a decimal is off by its last digit", EV_DRILL_DECIMAL, NULL,
	      SET_IF("@c + power(10::numeric, -scale(@c))", "@c <> 'NaN'")),
	VALUE("the 12th digit of a decimal", EV_DRILL_DECIMAL, NULL, SET("@c + 0.000000000001")),

	/* NULL and what looks like it */
	VALUE("NULL for a value", EV_DRILL_ANY, BOTH("UPDATE @t SET @c = NULL WHERE @row{@c IS NOT NULL}")),
	VALUE("'NULL' for NULL", EV_DRILL_TEXT, BOTH("UPDATE @t SET @c = 'NULL' WHERE @row{@c IS NULL}")),
	VALUE("an empty text for NULL", EV_DRILL_TEXT, BOTH("UPDATE @t SET @c = '' WHERE @row{@c IS NULL}")),
	VALUE("NULL for an empty text", EV_DRILL_TEXT, BOTH("UPDATE @t SET @c = NULL WHERE @row{@c = ''}")),
	VALUE("0 for NULL", EV_DRILL_INTEGER, BOTH("UPDATE @t SET @c = 0 WHERE @row{@c IS NULL}")),

	/* texts that a collation, a person or a join of texts takes for the same */
	VALUE("a trailing space", EV_DRILL_TEXT, BOTH(SET("@c || ' '"))),
	VALUE("capitals", EV_DRILL_TEXT, BOTH(SET("upper(@c)"))),
	VALUE("a character that nobody sees", EV_DRILL_TEXT, SET("@c || char(8203)"), SET("@c || chr(8203)")),
	VALUE("another normal form", EV_DRILL_TEXT, SET("replace(@c, char(233), 'e' || char(769))"),
	      SET("replace(@c, chr(233), 'e' || chr(769))")),
	VALUE("a character moves to the next column", EV_DRILL_TEXT,
	      "UPDATE @t SET @c = @c || substr(@d, 1, 1), @d = substr(@d, 2) WHERE @row{@is AND typeof(@d) = 'text' "
	      "AND length(@d) > 0}",
	      "UPDATE @t SET @c = @c || substr(@d, 1, 1), @d = substr(@d, 2) WHERE @row{length(@d) > 0 AND @is}"),
	VALUE("two columns are swapped", EV_DRILL_ANY,
	      BOTH("UPDATE @t SET @c = @d, @d = @c WHERE @row{@c <> @d}")),

	/* other types */
	VALUE("bytes for the same text", EV_DRILL_TEXT, SET("CAST(@c AS blob)"), NULL),
	VALUE("a byte more", EV_DRILL_BYTES, SET("CAST(CAST(@c AS text) || char(1) AS blob)"),
	      SET("@c || '\\x00'::bytea")),
	VALUE("a boolean is turned", EV_DRILL_BOOLEAN, NULL, SET("NOT @c")),
	VALUE("a time is off by a microsecond", EV_DRILL_TIME, NULL, SET("@c + interval '1 microsecond'")),
	VALUE("a time is off by a time zone", EV_DRILL_TIME, NULL, SET("@c + interval '1 hour'")),
	VALUE("a time as text has another zone", EV_DRILL_TEXT,
	      BOTH(SET_IF("replace(@c, 'Z', '+01:00')", "@c LIKE '____-__-__T%Z'"))),
	VALUE("JSON is wrapped", EV_DRILL_JSON, NULL,
	      "UPDATE @t SET @c = jsonb_build_array(@c) WHERE @row{@is}"),

	/* tables */
	{ "a table is gone", "+-!--", EV_DRILL_TABLE, EV_DRILL_ANY, BOTH("!DROP TABLE @t") },
	{ "a column is added", "+-~--", EV_DRILL_TABLE, EV_DRILL_ANY,
	  BOTH("!ALTER TABLE @t ADD COLUMN ev_drill integer") },
	{ "a column has another name", "+-!--", EV_DRILL_VALUE, EV_DRILL_ANY,
	  BOTH("!ALTER TABLE @t RENAME COLUMN @c TO ev_drill") },
	{ "a column has another type", "+-!--", EV_DRILL_VALUE, EV_DRILL_INTEGER, NULL,
	  "!ALTER TABLE @t ALTER COLUMN @c TYPE text USING @c::text" },

	/* events */
	{ "an event was skipped", "+-~--", EV_DRILL_EVENT, EV_DRILL_ANY, BOTH("skip") },
	{ "an event was applied twice", "+-~--", EV_DRILL_EVENT, EV_DRILL_ANY, BOTH("twice") },
	{ "two events of a key were swapped", "+-~--", EV_DRILL_EVENT, EV_DRILL_ANY, BOTH("swap") },

	/* the ledger */
	{ "the position is one too far", "++---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("next_offset = next_offset + 1, invisible = invisible + 1", "next_offset = last_offset + 1") },
	{ "the position is one too early", "++---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("next_offset = next_offset - 1, applied = applied - 1", "next_offset = last_offset + 1") },
	{ "a count is wrong, and the ledger does not add up", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("applied = applied - 1", "applied > 0") },
	{ "two counts are wrong, and the ledger adds up", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("applied = applied - 1, ignored = ignored + 1", "applied > 0") },
	{ "a record is said to be a hole", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("applied = applied - 1, invisible = invisible + 1", "applied > 0") },
	/* as after compaction, where the rows may be the same */
	{ "a hole is said to be a record", "~~---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("applied = applied + 1, invisible = invisible - 1", "invisible > 0") },
	{ "the last record is another", "++---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("last_hash = last_hash + 1", "last_offset >= 0") },
	/* nothing but the ledger says where a view began, and its first event may have left no trace */
	{ "the view began later", "~~---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  LEDGER("begin_offset = begin_offset + 1, applied = applied - 1", "applied > 0") },
	{ "a partition is not in the ledger", "~~---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("DELETE FROM @Sev_ledger WHERE projection = @p AND @part{applied > 0}") },
	{ "dead letters are gone", "~+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("DELETE FROM @Sev_dead WHERE " MANY) },
	{ "a dead letter is said to be dropped", "~+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("UPDATE @Sev_dead SET state = 'dropped' WHERE " MANY " AND state = 'dead'") },

	/* the ids that @dedupe has seen, which the next records are judged by */
	{ "an id that was seen is gone", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("DELETE FROM @Sev_seen WHERE " SEEN) },
	{ "an id is there that was never seen", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("INSERT INTO @Sev_seen (projection, scope, id, first_ms, topic, partition, record_offset) SELECT "
	       "projection, scope, id || '~', first_ms, topic, partition, record_offset FROM @Sev_seen WHERE " SEEN) },
	{ "an id was seen at another time", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("UPDATE @Sev_seen SET first_ms = first_ms + 1 WHERE " SEEN) },
	{ "the watermark of ids is another", "-+---", EV_DRILL_LEDGER, EV_DRILL_ANY,
	  BOTH("UPDATE @Sev_projection SET watermark = watermark + 1 WHERE name = @p AND watermark IS NOT NULL") },

	/* the log, which a copy of is damaged (drill_record.c): first what a log shows by itself */
	RECORD("a record is lost, and its offset is a hole", "++", "hole"),
	RECORD("a record is there twice, with one id", "++", "double id"),
	RECORD("a number in a key's sequence is lost", "++", "gap"),
	RECORD("a number in a key's sequence comes twice", "++", "double number"),
	RECORD("two records of a key are out of order", "++", "late"),
	/* then what shows beside the original */
	RECORD("a record is lost, and no offset tells", "~+", "left out"),
	RECORD("the last record of a partition is lost", "-+", "short"),
	RECORD("a record is there twice", "~+", "twice"),
	RECORD("two records of a partition are out of order", "~+", "swap"),
	RECORD("a record is added", "-+", "extra"),
	RECORD("a record is in another partition", "~+", "partition"),
	RECORD("a record has another key", "~+", "key"),
	RECORD("a blank more in a value", "-+", "value"),
	RECORD("an empty value for a null one", "-+", "empty"),
	RECORD("a header more", "-+", "header"),
	RECORD("a timestamp is off by a millisecond", "-+", "time"),

	/* what changes nothing, and must not be seen */
	{ "nothing, but rows lie in another order", "-----", EV_DRILL_TABLE, EV_DRILL_ANY,
	  NULL, "!CREATE TABLE @Sev_drill AS TABLE @t; DELETE FROM @t; INSERT INTO @t SELECT * FROM @Sev_drill ORDER "
		"BY ev_drill.*::text DESC; DROP TABLE @Sev_drill" },
	{ "nothing, but 1.10 for 1.1", "-----", EV_DRILL_VALUE, EV_DRILL_DECIMAL, NULL,
	  "UPDATE @t SET @c = (@c::text || '0')::numeric WHERE @row{scale(@c) > 0}" },
	{ "nothing, but the file is written anew", "-----", EV_DRILL_TABLE, EV_DRILL_ANY, "!VACUUM; REINDEX", NULL },
};
const size_t ev_drill_nkinds = sizeof(ev_drill_kinds) / sizeof(*ev_drill_kinds);
