-- Which orders are open, and since when did nothing happen to them?
-- why: An order that is open and forgotten can still fill.
-- coverage: coverage: now; in a gap an order may have filled or ended unseen.
SELECT
    o.gateway, o.account, o.symbol, o.side, o.amount_order, o.amount_filled, o.price, o.status, o.updated_at,
    o.order_key, a.state AS coverage
FROM recon.orders AS o
LEFT JOIN recon.accounts AS a ON a.gateway = o.gateway AND a.account = o.account
WHERE o.open
ORDER BY o.updated_at, o.gateway, o.order_key;
