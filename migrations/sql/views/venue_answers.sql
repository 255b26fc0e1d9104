CREATE VIEW recon.venue_answers AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    m.message ->> 'venue' AS venue,
    m.message ->> 'what' AS question,
    recon_store.moment_of(m.message ->> 'asked_us') AS asked_at,
    recon_store.moment_of(m.message ->> 'at_us') AS at,
    CASE json_typeof(m.message -> 'amounts') WHEN 'array' THEN json_array_length(m.message -> 'amounts') ELSE 0 END
        AS amounts,
    m.message ->> 'complete' = 'true' AS complete,
    coalesce(recon_store.whole_of(m.message ->> 'trades'), 0) AS trades,
    m.message ->> 'problem' AS problem
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'venue.answer';

COMMENT ON VIEW recon.venue_answers IS
    'Each question that recon asked a venue itself, with how it was answered; source_checks has what came of the amounts';
COMMENT ON COLUMN recon.venue_answers.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.venue_answers.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.venue_answers.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.venue_answers.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.venue_answers.account IS 'The account (EMS exchange_id) that was asked for';
COMMENT ON COLUMN recon.venue_answers.venue IS 'The venue, by its id in the library that asks it, such as kraken';
COMMENT ON COLUMN recon.venue_answers.question IS 'balances, positions or trades';
COMMENT ON COLUMN recon.venue_answers.asked_at IS 'When the question was sent, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.venue_answers.at IS
    'The time that the amounts are of, UTC: midway between question and answer, by the writer''s clock';
COMMENT ON COLUMN recon.venue_answers.amounts IS 'How many amounts it tells; each is judged as in source_checks';
COMMENT ON COLUMN recon.venue_answers.complete IS
    'Whether the venue lists all that it holds, so that what is not listed is zero; null: the event does not say';
COMMENT ON COLUMN recon.venue_answers.trades IS 'How many new trades it tells; each is an event of kind venue.trade';
COMMENT ON COLUMN recon.venue_answers.problem IS 'Why there is no answer, in words; null: there is one';

GRANT SELECT ON recon.venue_answers TO recon_analyst, recon_service, recon_operator;
