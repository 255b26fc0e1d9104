CREATE VIEW recon.catch_up_runs AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    substr(e.kind, 10) AS event,
    m.message ->> 'run' AS run,
    m.message ->> 'why' AS why,
    m.message -> 'accounts' AS accounts,
    recon_store.whole_of(m.message ->> 'questions') AS questions,
    recon_store.whole_of(m.message ->> 'unanswered') AS unanswered,
    CASE m.message ->> 'given_up' WHEN 'true' THEN true WHEN 'false' THEN false END AS given_up,
    recon_store.number_of(m.message ->> 'seconds') AS seconds,
    m.message -> 'still_open' AS still_open
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind IN ('catch_up.begun', 'catch_up.ended');

COMMENT ON VIEW recon.catch_up_runs IS
    'Runs of questions over REST, after a gap or to cross-check: when one began and ended';
COMMENT ON COLUMN recon.catch_up_runs.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.catch_up_runs.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.catch_up_runs.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.catch_up_runs.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.catch_up_runs.event IS 'begun or ended';
COMMENT ON COLUMN recon.catch_up_runs.run IS 'The run''s own name; rest_answers has it too';
COMMENT ON COLUMN recon.catch_up_runs.why IS 'Why it was asked: gap, open questions, second look or cross-check';
COMMENT ON COLUMN recon.catch_up_runs.accounts IS
    'The accounts, each with the log position at which its gap ended, as JSON';
COMMENT ON COLUMN recon.catch_up_runs.questions IS 'How many questions were asked; null: it begins';
COMMENT ON COLUMN recon.catch_up_runs.unanswered IS 'How many of them got no answer; null: it begins';
COMMENT ON COLUMN recon.catch_up_runs.given_up IS 'Whether it was given up before its end; null: it begins';
COMMENT ON COLUMN recon.catch_up_runs.seconds IS 'How long it took; null: it begins';
COMMENT ON COLUMN recon.catch_up_runs.still_open IS 'What stays open, by account, as JSON; null: it begins';

GRANT SELECT ON recon.catch_up_runs TO recon_analyst, recon_service, recon_operator;
