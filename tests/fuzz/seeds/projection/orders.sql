-- @projection orders version 1
-- @topics     orders, payments
-- @envelope   id=$.event_id type=$.event_type time=$.produced_at

-- A shop: orders with their items, what has been paid, and how much of each article is wanted.

-- @schema
CREATE TABLE orders (
  order_id   text PRIMARY KEY,
  customer   text NOT NULL,
  status     text NOT NULL,
  total      integer NOT NULL,          -- cents
  paid       integer NOT NULL DEFAULT 0,
  updated_at text NOT NULL
);
CREATE TABLE order_items (
  order_id   text NOT NULL,
  sku        text NOT NULL,
  qty        integer NOT NULL,
  price      integer NOT NULL,          -- cents
  PRIMARY KEY (order_id, sku)
);
CREATE TABLE sku_demand (sku text PRIMARY KEY, qty integer NOT NULL);

-- @on order.created
INSERT INTO orders (order_id, customer, status, total, updated_at)
VALUES ($.data.orderId!, $.data.customerId, 'created', :scaled($.data.total, 2), :time)
ON CONFLICT (order_id) DO NOTHING;

-- @on order.created each $.data.items
INSERT INTO order_items (order_id, sku, qty, price)
VALUES ($.data.orderId, $item.sku, $item.qty, :scaled($item.price, 2))
ON CONFLICT (order_id, sku) DO UPDATE SET qty = excluded.qty, price = excluded.price;

INSERT INTO sku_demand (sku, qty) VALUES ($item.sku, $item.qty)
ON CONFLICT (sku) DO UPDATE SET qty = sku_demand.qty + excluded.qty;

-- @on payment.completed must touch
UPDATE orders SET paid = paid + :scaled($.data.amount, 2), updated_at = :time,
                  status = CASE WHEN paid + :scaled($.data.amount, 2) >= total
                                THEN 'paid' ELSE status END
WHERE order_id = $.data.orderId;

-- @on order.deleted
DELETE FROM orders WHERE order_id = $.data.orderId;
DELETE FROM order_items WHERE order_id = $.data.orderId;

-- @on tombstone of orders
DELETE FROM orders WHERE order_id = :key;
DELETE FROM order_items WHERE order_id = :key;

-- @check paid never exceeds total
SELECT order_id, paid, total FROM orders WHERE paid > total;

-- @check the items add up to the total
SELECT o.order_id, o.total, sum(i.qty * i.price) AS items
FROM orders o JOIN order_items i ON i.order_id = o.order_id
GROUP BY o.order_id, o.total HAVING sum(i.qty * i.price) <> o.total;

-- @sample biggest customers
SELECT customer, count(*) AS orders, sum(total) / 100 AS total
FROM orders GROUP BY customer ORDER BY total DESC, customer LIMIT 10;

-- @sample orders by status
SELECT status, count(*) AS orders FROM orders GROUP BY status ORDER BY status;

-- @sample most wanted
SELECT sku, qty FROM sku_demand ORDER BY qty DESC, sku LIMIT 10;
