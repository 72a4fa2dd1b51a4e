-- @projection latency version 1
-- @topics     latency
-- @envelope   id=$.event_id type=$.event_type time=$.produced_at

-- What evlatency watches: orders, and for each partition the last event that was applied.

-- @schema
CREATE TABLE orders (
  order_id   text PRIMARY KEY,
  customer   text NOT NULL,
  total      bigint NOT NULL,          -- cents
  paid       bigint NOT NULL DEFAULT 0,
  updated_at text NOT NULL
);
CREATE TABLE marks (part integer PRIMARY KEY, seq bigint NOT NULL);

-- @on order.created
INSERT INTO orders (order_id, customer, total, updated_at)
VALUES ($.data.orderId, $.data.customerId, :scaled($.data.total, 2), :time)
ON CONFLICT (order_id) DO NOTHING;

-- @on payment.completed
UPDATE orders SET paid = paid + :scaled($.data.amount, 2), updated_at = :time WHERE order_id = $.data.orderId;

-- @on order.deleted
DELETE FROM orders WHERE order_id = $.data.orderId;

-- @on *
INSERT INTO marks (part, seq) VALUES (:partition, $.seq!)
ON CONFLICT (part) DO UPDATE SET seq = excluded.seq;
