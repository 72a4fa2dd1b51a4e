-- @projection articles version 1
-- @topics     orders
-- @envelope   id=$.event_id type=$.event_type time=$.produced_at

-- What make bench counts: several articles an event, 5,000 in all, each a hot row.

-- @schema
CREATE TABLE sku_demand (sku text PRIMARY KEY, qty bigint NOT NULL);

-- @on order.created each $.data.items
INSERT INTO sku_demand (sku, qty) VALUES ($item.sku, $item.qty)
ON CONFLICT (sku) DO UPDATE SET qty = sku_demand.qty + excluded.qty;

