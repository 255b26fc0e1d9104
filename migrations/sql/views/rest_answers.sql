CREATE VIEW recon.rest_answers AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    m.message ->> 'run' AS run,
    m.message -> 'request' ->> 'what' AS question,
    m.message -> 'request' ->> 'order' AS order_key,
    recon_store.moment_of(m.message -> 'request' ->> 'from_us') AS from_at,
    recon_store.moment_of(m.message -> 'request' ->> 'until_us') AS until_at,
    recon_store.whole_of(m.message ->> 'attempts') AS attempts,
    recon_store.whole_of(m.message ->> 'status') AS status,
    m.message ->> 'problem' AS problem,
    recon_store.whole_of(m.message ->> 'took_us') * interval '1 microsecond' AS took,
    m.message -> 'body' AS body,
    m.message ->> 'text' AS text
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'rest.answer';

COMMENT ON VIEW recon.rest_answers IS 'Each question to the EMS over REST with its answer';
COMMENT ON COLUMN recon.rest_answers.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.rest_answers.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.rest_answers.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.rest_answers.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.rest_answers.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.rest_answers.run IS 'The run that asked, as in catch_up_runs';
COMMENT ON COLUMN recon.rest_answers.question IS
    'What was asked for, such as orders, balances, positions, status or history';
COMMENT ON COLUMN recon.rest_answers.order_key IS 'The order that was asked for; null: none';
COMMENT ON COLUMN recon.rest_answers.from_at IS 'Begin of the time that was asked for, UTC; null: no history';
COMMENT ON COLUMN recon.rest_answers.until_at IS 'End of that time, UTC; null: no history';
COMMENT ON COLUMN recon.rest_answers.attempts IS 'How often it was asked';
COMMENT ON COLUMN recon.rest_answers.status IS 'HTTP status of the last attempt; null: no answer came';
COMMENT ON COLUMN recon.rest_answers.problem IS 'Why the question has no answer; null: it has one';
COMMENT ON COLUMN recon.rest_answers.took IS 'How long the last attempt took';
COMMENT ON COLUMN recon.rest_answers.body IS 'The answer as JSON, as it came; null: none';
COMMENT ON COLUMN recon.rest_answers.text IS 'The beginning of an answer that is no JSON; null: it is JSON';

GRANT SELECT ON recon.rest_answers TO recon_analyst, recon_service, recon_operator;
