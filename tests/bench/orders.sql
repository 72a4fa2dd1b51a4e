-- @projection orders version 1
-- @topics     orders
-- @envelope   id=$.event_id type=$.event_type time=$.produced_at

-- What make bench rebuilds: orders by their key, and a hot sum of articles. All of it is folded in memory.

-- @schema
CREATE TABLE orders (
  order_id   text PRIMARY KEY,
  customer   text NOT NULL,
  status     text NOT NULL,
  total      bigint NOT NULL,          -- cents
  paid       bigint NOT NULL DEFAULT 0,
  updated_at text NOT NULL
);
CREATE TABLE sku_demand (sku text PRIMARY KEY, qty bigint NOT NULL);

-- @on order.created
INSERT INTO orders (order_id, customer, status, total, updated_at)
VALUES ($.data.orderId, $.data.customerId, 'created', :scaled($.data.total, 2), :time)
ON CONFLICT (order_id) DO NOTHING;

-- @on order.created each $.data.items
INSERT INTO sku_demand (sku, qty) VALUES ($item.sku, $item.qty)
ON CONFLICT (sku) DO UPDATE SET qty = sku_demand.qty + excluded.qty;

-- @on payment.completed must touch
UPDATE orders SET paid = paid + :scaled($.data.amount, 2), updated_at = :time WHERE order_id = $.data.orderId;

-- @on order.shipped
UPDATE orders SET status = 'shipped', updated_at = :time WHERE order_id = $.data.orderId;

-- @on order.deleted
DELETE FROM orders WHERE order_id = $.data.orderId;

-- @on tombstone
DELETE FROM orders WHERE order_id = :key;
