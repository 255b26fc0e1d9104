CREATE VIEW recon.catch_ups AS
SELECT
    t.gateway,
    t.account,
    t.from_seq,
    t.until_seq,
    t.from_time,
    t.until_time,
    t.until_time - t.from_time AS lasted,
    t.reason,
    t.state,
    t.history,
    CASE t.state
        WHEN 'waiting' THEN CASE WHEN t.until_seq IS NULL THEN 'not back yet' ELSE 'waits to be asked for' END
        WHEN 'running' THEN 'being asked for'
        WHEN 'whole' THEN 'whole' || CASE t.history
            WHEN 'read' THEN ''
            WHEN 'off' THEN ', but orders born and finished inside were not asked for'
            WHEN 'not configured' THEN
                ', but orders born and finished inside cannot be recovered: history is not configured'
            ELSE ', but orders born and finished inside may be missing: history could not be read'
        END
        ELSE CASE jsonb_array_length(t.open)
            WHEN 0 THEN 'not asked for'
            ELSE 'open: ' || (
                SELECT string_agg(q.question, '; ' ORDER BY q.place)
                FROM jsonb_array_elements_text(t.open) WITH ORDINALITY AS q(question, place)
                WHERE q.place <= 3
            ) || CASE
                WHEN jsonb_array_length(t.open) > 3 THEN format(' (and %s more)', jsonb_array_length(t.open) - 3)
                ELSE ''
            END
        END
    END AS outcome,
    t.open AS open_questions,
    t.requests,
    t.orders_settled,
    t.orders_found,
    t.fills_found,
    t.ended_seq,
    e.recorded_at AS ended_at,
    e.recorded_at - t.until_time AS took
FROM recon_store.catch_ups AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
LEFT JOIN recon_store.log_events AS e ON (e.gateway, e.seq) = (t.gateway, t.ended_seq);

COMMENT ON VIEW recon.catch_ups IS 'What every gap hid, and what asking for it over REST came to';
COMMENT ON COLUMN recon.catch_ups.gateway IS 'The gateway';
COMMENT ON COLUMN recon.catch_ups.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.catch_ups.from_seq IS 'First log position of the stretch in which it was not observed';
COMMENT ON COLUMN recon.catch_ups.until_seq IS
    'Log position at which it was heard again; null: it was not yet. Gaps that came before the catch-up had ended '
    'prolong the stretch';
COMMENT ON COLUMN recon.catch_ups.from_time IS 'Log time of its last sign of life before';
COMMENT ON COLUMN recon.catch_ups.until_time IS 'Log time at which it was heard again; null: it was not yet';
COMMENT ON COLUMN recon.catch_ups.lasted IS 'until_time - from_time; null: it is going on';
COMMENT ON COLUMN recon.catch_ups.reason IS 'Why it was not observed';
COMMENT ON COLUMN recon.catch_ups.state IS
    'waiting: the account is not back, or nothing was asked yet; running; whole: every order is accounted for, or a '
    'person settled what was not; open: something is not, or nobody asked';
COMMENT ON COLUMN recon.catch_ups.history IS
    'Whether orders born and finished inside were looked for. off: not to be, by the rules; wanted: not yet; read; '
    'not configured: the gateway keeps no order history; failed: it could not be read';
COMMENT ON COLUMN recon.catch_ups.outcome IS 'What it came to, in words; of many open questions the first';
COMMENT ON COLUMN recon.catch_ups.open_questions IS
    'What is not accounted for, as a JSON list of text; it stays as the last catch-up of the stretch left it';
COMMENT ON COLUMN recon.catch_ups.requests IS 'How many questions over REST were answered or given up';
COMMENT ON COLUMN recon.catch_ups.orders_settled IS 'Orders that were open before, whose end was told';
COMMENT ON COLUMN recon.catch_ups.orders_found IS 'Orders of which nothing was known before';
COMMENT ON COLUMN recon.catch_ups.fills_found IS 'Fills that were booked because of it';
COMMENT ON COLUMN recon.catch_ups.ended_seq IS
    'Log position at which it ended, or was last settled; null: it has not ended';
COMMENT ON COLUMN recon.catch_ups.ended_at IS 'Log time of that; null: it has not ended';
COMMENT ON COLUMN recon.catch_ups.took IS
    'ended_at - until_time: how long the account was not whole after it was back; null: it has not ended';

GRANT SELECT ON recon.catch_ups TO recon_analyst, recon_service, recon_operator;
