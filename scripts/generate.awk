# scripts/generate.awk - the event streams of scripts/generate: -v kind= -v count= -v seed=
#
# Deterministic: a generator of our own (Park-Miller), because rand() differs between awks. The clock of
# the stream runs on with every event; what a record carries lags behind it by up to half a second, so
# that timestamps within a partition are nearly but not quite sorted. What builds on an earlier event
# comes at least a second after it, so that a merge by timestamp keeps cause before effect.

function random(n) { # 0 .. n-1
	state = (state * 16807) % 2147483647
	return int(state / 2147483647 * n)
}

function iso(ms,    day, era, doe, yoe, doy, mp, d, m, y, s) {
	day = int(ms / 86400000); s = ms - day * 86400000
	day += 719468; era = int(day / 146097); doe = day - era * 146097
	yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
	doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100))
	mp = int((5 * doy + 2) / 153); d = doy - int((153 * mp + 2) / 5) + 1
	m = mp < 10 ? mp + 3 : mp - 9; y = yoe + era * 400 + (m <= 2)
	return sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", y, m, d, int(s / 3600000),
		int(s / 60000) % 60, int(s / 1000) % 60, s % 1000)
}

function money(cents) { return sprintf("%d.%02d", int(cents / 100), cents % 100) }

# The record of this event; key "" writes null.
function record(topic, partition, key, value,    at) {
	at = topic "/" partition
	printf "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d,\"timestamp\":%.0f,\"key\":%s,\"headers\":[],\"value\":%s}\n",
		topic, partition, offset[at]++, stamp, key == "" ? "null" : "\"" key "\"", value
}

function envelope(type) {
	return sprintf("\"event_id\":\"%s-%d\",\"event_type\":\"%s\",\"produced_at\":\"%s\"", kind, n, type, iso(stamp))
}

# One of the live things 1..live that was last touched a second ago or longer, or 0.
function old(    i, id) {
	if (live == 0)
		return 0
	id = alive[i = 1 + random(live)]
	if (touched[id] + 1000 > now)
		return 0
	slot = i
	touched[id] = now
	return id
}

function born(id) { alive[++live] = id; touched[id] = now }
function gone() { alive[slot] = alive[live--] }

function order_created(id,    items, i, nitems, cents, qty, total, sku) {
	nitems = 1 + random(4)
	sku = random(200)
	for (i = 0; i < nitems; i++) {
		qty = 1 + random(3); cents = 199 + random(9800); total += qty * cents
		items = items (i ? "," : "") sprintf("{\"sku\":\"sku-%03d\",\"qty\":%d,\"price\":%s}",
			(sku + 37 * i) % 200, qty, money(cents))
	}
	due[id] = total
	record("orders", id % 4, "o-" id, "{" envelope("order.created") sprintf(",\"data\":{\"orderId\":\"o-%d\",\"customerId\":\"c-%d\",\"total\":%s,\"items\":[%s]}}",
		id, random(300), money(total), items))
}

function orders(    dice, id, amount) {
	dice = random(100)
	id = dice < 55 ? 0 : old()
	if (id == 0) {
		born(++ids)
		order_created(ids)
	} else if (dice < 88 && due[id] > 0) {
		amount = random(4) ? due[id] : int(due[id] / 2)
		due[id] -= amount
		record("payments", id % 2, "o-" id, "{" envelope("payment.completed") sprintf(",\"data\":{\"orderId\":\"o-%d\",\"amount\":%s}}", id, money(amount)))
	} else if (dice < 93) {
		record("orders", id % 4, "o-" id, "{" envelope("order.shipped") sprintf(",\"data\":{\"orderId\":\"o-%d\"}}", id))
	} else {
		gone()
		if (dice < 98)
			record("orders", id % 4, "o-" id, "{" envelope("order.deleted") sprintf(",\"data\":{\"orderId\":\"o-%d\"}}", id))
		else
			record("orders", id % 4, "o-" id, "null")
	}
}

function tags(    i, text) {
	for (i = 0; i < 6; i++)
		if (random(3) == 0)
			text = text (text == "" ? "" : ",") "\"" tag[i] "\""
	return "[" text "]"
}

function datasets(    dice, id, what, data) {
	dice = random(100)
	id = dice < 35 ? 0 : old()
	if (id == 0) {
		born(id = ++ids)
		what = "created"
		data = sprintf(",\"name\":\"%s %d\",\"owner\":\"%s\",\"region\":%s,\"sizeBytes\":%d,\"tags\":%s", title[random(5)], id,
			owner[random(4)], random(4) ? "\"" region[random(4)] "\"" : "null", random(90000000), tags())
	} else if (dice < 93) {
		what = "updated"
		data = random(3) ? sprintf(",\"sizeBytes\":%d", random(90000000)) : ",\"tags\":" tags()
	} else {
		what = "deleted"
		gone()
	}
	record("datasets", id % 3, "ds-" id, sprintf("{\"eventId\":\"datasets-%d\",\"type\":\"dataset.%s\",\"timestamp\":%.0f,\"data\":{\"datasetId\":\"ds-%d\"%s}}",
		n, what, stamp, id, data))
}

function sensors(    s, late, value) {
	if (n > 1 && random(100) == 0) { # a device that heard no answer sends again
		record("readings", again_at, "s-" again_key, again)
		return
	}
	s = random(24)
	late = random(50) ? 0 : random(180000)
	value = (int(now / 1000) + 397 * s) % 2000 # a triangle of 2000 s, each sensor at its own phase
	value = 1200 + 60 * s + (value < 1000 ? value : 2000 - value) + random(40)
	again_at = s % 3; again_key = s
	again = sprintf("{\"specversion\":\"1.0\",\"id\":\"readings-%d\",\"source\":\"/plant/%d\",\"type\":\"reading.taken\",\"time\":\"%s\",\"data\":{\"sensor\":\"s-%d\",\"celsius\":%s}}",
		n, s % 3, iso(stamp - late), s, money(value))
	record("readings", again_at, "s-" s, again)
}

function sessions(    u) {
	u = random(400)
	if (random(12) == 0)
		visit[u]++
	record("pageviews", u % 4, "u-" u, "{" envelope("page.viewed") sprintf(",\"data\":{\"userId\":\"u-%d\",\"sessionId\":\"u-%d.%d\",\"page\":\"%s\",\"ms\":%d}}",
		u, u, visit[u], page[int(random(8) * random(8) / 8)], 20 + random(900)))
}

BEGIN {
	state = (seed * 7919 + 12345) % 2147483646 + 1
	for (n = 0; n < 5; n++)
		random(2)
	now = 1763632800000 # 2025-11-20T10:00:00Z
	split("", offset)
	n = split("hourly,daily,wind,solar,load,prices", list, ","); while (n) { tag[n - 1] = list[n]; n-- }
	n = split("Wind onshore,Überschuss,Solar,Last,Prix spot", list, ","); while (n) { title[n - 1] = list[n]; n-- }
	n = split("grid,markets,meteo,research", list, ","); while (n) { owner[n - 1] = list[n]; n-- }
	n = split("DE,FR,NL,AT", list, ","); while (n) { region[n - 1] = list[n]; n-- }
	n = split("/,/shop,/blog,/docs,/about,/cart,/help,/jobs", list, ","); while (n) { page[n - 1] = list[n]; n-- }
	step = kind == "sessions" ? 20000 : kind == "sensors" ? 800 : 1500
	for (n = 1; n <= count; n++) {
		now += 1 + random(step)
		stamp = now - random(500)
		if (kind == "orders") orders()
		else if (kind == "datasets") datasets()
		else if (kind == "sensors") sensors()
		else sessions()
	}
}
