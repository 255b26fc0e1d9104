CREATE VIEW recon_exact.breaks AS
SELECT
    t.id,
    t.case_id,
    t.gateway,
    t.account,
    t.unit_kind,
    t.unit,
    t.cause,
    t.certainty,
    t.state,
    t.amount,
    t.amount_usd,
    t.opened_at,
    t.closed_at,
    t.after_seq,
    t.until_seq,
    t.occurrences,
    t.note,
    t.candidates,
    t.owns_residual,
    t.offset_by,
    t.rules_version,
    t.assignee,
    t.origin_at,
    t.evidence,
    t.tried,
    t.proposal,
    t.accepted_until,
    t.accepted_amount,
    t.severity,
    t.explained_amount,
    (
        SELECT format(
            'from event %s, %s, until %s: %s; catching up: %s',
            min(v.from_seq),
            to_char(min(v.from_time) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'),
            CASE
                WHEN bool_or(v.until_seq IS NULL) THEN 'now'
                ELSE format(
                    'event %s, %s',
                    max(v.until_seq),
                    to_char(max(v.until_time) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')
                )
            END,
            coalesce(string_agg(DISTINCT v.reason, ', ') FILTER (WHERE v.state = 'gap'), max(v.reason)),
            string_agg(DISTINCT v.recovery, ', ')
        )
        FROM recon.coverage AS v
        WHERE (v.gateway, v.account) = (t.gateway, t.account)
          AND v.recovery IS NOT NULL
          AND v.from_seq <= t.until_seq
          AND (v.until_seq IS NULL OR v.until_seq > t.after_seq)
          -- Intervals of coverage lie end to end: the break begins in the last one that began before it.
          AND v.from_seq >= coalesce(
              (
                  SELECT x.from_seq
                  FROM recon_store.coverage AS x
                  WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account)
                    AND x.from_seq <= t.after_seq
                  ORDER BY x.from_seq DESC
                  LIMIT 1
              ),
              0
          )
        HAVING count(*) > 0
    ) AS gap
FROM recon_store.breaks AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon_exact.breaks IS 'Steps of drift that no report, cut or race explains, in every state of their life';
COMMENT ON COLUMN recon_exact.breaks.id IS
    'The break''s identity: a hash of gateway, unit and origin, the same on every rebuild';
COMMENT ON COLUMN recon_exact.breaks.case_id IS 'The case: breaks of one common cause, which alerts and people act on';
COMMENT ON COLUMN recon_exact.breaks.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.breaks.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.breaks.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.breaks.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon_exact.breaks.cause IS 'The surest cause that fits; unexplained: none does, see tried';
COMMENT ON COLUMN recon_exact.breaks.certainty IS
    'exact: the arithmetic, a fact or a person leaves no other reading; inferred: within stated limits; candidate: '
    'one reading of several';
COMMENT ON COLUMN recon_exact.breaks.state IS
    'open, assigned, investigating, proposed, accepted: it owns a part of the drift; explained: by a fact; '
    'resolved: by an approved proposal; cleared: by later data';
COMMENT ON COLUMN recon_exact.breaks.amount IS
    'The step, reported minus expected, in the unit itself, signed; while part of it is explained, what is left';
COMMENT ON COLUMN recon_exact.breaks.amount_usd IS
    'The step at the last rate reported, in USD, signed; null: no rate is known (not zero)';
COMMENT ON COLUMN recon_exact.breaks.opened_at IS 'Log time at which it opened';
COMMENT ON COLUMN recon_exact.breaks.closed_at IS 'Log time at which it was over; null: it is not';
COMMENT ON COLUMN recon_exact.breaks.after_seq IS 'It arose after this log position …';
COMMENT ON COLUMN recon_exact.breaks.until_seq IS '… and up to this one';
COMMENT ON COLUMN recon_exact.breaks.occurrences IS 'How often it opened: 1, or more where it recurred';
COMMENT ON COLUMN recon_exact.breaks.note IS 'What is known of the circumstances, in words';
COMMENT ON COLUMN recon_exact.breaks.candidates IS 'Every amount that fits the reports so far, as a JSON list of text';
COMMENT ON COLUMN recon_exact.breaks.owns_residual IS
    'Whether the amount is part of the unit''s drift (a contradiction inside a report is not)';
COMMENT ON COLUMN recon_exact.breaks.offset_by IS 'The break of the opposite step that cancels it; null: none';
COMMENT ON COLUMN recon_exact.breaks.rules_version IS 'The version of the rules that named the cause';
COMMENT ON COLUMN recon_exact.breaks.assignee IS 'Who is to look after it, as the person who assigned it wrote; null: nobody';
COMMENT ON COLUMN recon_exact.breaks.origin_at IS 'Log time of the first report that shows it; its age counts from here';
COMMENT ON COLUMN recon_exact.breaks.evidence IS
    'What the cause rests on, as a JSON list of {text, seq, amount}; seq is a log position or null. The last item has '
    'also path: both reports, the fills between, and what each other reading would have cost; a contradiction has none';
COMMENT ON COLUMN recon_exact.breaks.tried IS 'The causes that were considered, as a JSON list of {cause, fits, why}';
COMMENT ON COLUMN recon_exact.breaks.proposal IS
    'What is proposed, or was approved, as JSON {digest, cause, entry, evidence, login, authenticated, seq}; with '
    'until_us (microseconds since 1970) it is to be accepted until that log time, up to a drift of entry; null: '
    'nothing';
COMMENT ON COLUMN recon_exact.breaks.accepted_until IS 'Log time until which it is accepted; null: it is not';
COMMENT ON COLUMN recon_exact.breaks.accepted_amount IS 'The drift up to which it is accepted, not negative; null: it is not';
COMMENT ON COLUMN recon_exact.breaks.severity IS
    'info, low, medium, high or critical, as of its latest step; null: not judged';
COMMENT ON COLUMN recon_exact.breaks.explained_amount IS
    'What entries explain of it since it last opened, signed like amount; 0: nothing. While it is open, amount is '
    'what is left';
COMMENT ON COLUMN recon_exact.breaks.gap IS
    'The stretches between after_seq and until_seq in which the account was not observed or not caught up with: '
    'from which log position until which, their log times in UTC, why, and what catching up came to, in words; '
    'null: it was observed all the time';

GRANT SELECT ON recon_exact.breaks TO recon_analyst, recon_service, recon_operator;
