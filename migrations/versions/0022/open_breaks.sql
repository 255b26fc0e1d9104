CREATE VIEW recon.open_breaks AS
SELECT b.*
FROM recon.breaks AS b
WHERE b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted');

COMMENT ON VIEW recon.open_breaks IS 'The breaks that are open now, whoever works on them';
COMMENT ON COLUMN recon.open_breaks.id IS
    'The break''s identity: a hash of gateway, unit and origin, the same on every rebuild';
COMMENT ON COLUMN recon.open_breaks.case_id IS 'The case: breaks of one common cause, which alerts and people act on';
COMMENT ON COLUMN recon.open_breaks.gateway IS 'The gateway';
COMMENT ON COLUMN recon.open_breaks.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.open_breaks.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon.open_breaks.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon.open_breaks.cause IS 'The surest cause that fits; unexplained: none does, see tried';
COMMENT ON COLUMN recon.open_breaks.certainty IS
    'exact: the arithmetic, a fact or a person leaves no other reading; inferred: within stated limits; candidate: '
    'one reading of several';
COMMENT ON COLUMN recon.open_breaks.state IS
    'open, assigned, investigating, proposed, accepted: it owns a part of the drift; explained: by a fact; '
    'resolved: by an approved proposal; cleared: by later data';
COMMENT ON COLUMN recon.open_breaks.amount IS
    'The step, reported minus expected, in the unit itself, signed; while part of it is explained, what is left';
COMMENT ON COLUMN recon.open_breaks.amount_usd IS
    'The step at the last rate reported, in USD, signed; null: no rate is known (not zero)';
COMMENT ON COLUMN recon.open_breaks.opened_at IS 'Log time at which it opened';
COMMENT ON COLUMN recon.open_breaks.closed_at IS 'Log time at which it was over; null: it is not';
COMMENT ON COLUMN recon.open_breaks.after_seq IS 'It arose after this log position …';
COMMENT ON COLUMN recon.open_breaks.until_seq IS '… and up to this one';
COMMENT ON COLUMN recon.open_breaks.occurrences IS 'How often it opened: 1, or more where it recurred';
COMMENT ON COLUMN recon.open_breaks.note IS 'What is known of the circumstances, in words';
COMMENT ON COLUMN recon.open_breaks.candidates IS 'Every amount that fits the reports so far, as a JSON list of text';
COMMENT ON COLUMN recon.open_breaks.owns_residual IS
    'Whether the amount is part of the unit''s drift (a contradiction inside a report is not)';
COMMENT ON COLUMN recon.open_breaks.offset_by IS 'The break of the opposite step that cancels it; null: none';
COMMENT ON COLUMN recon.open_breaks.rules_version IS 'The version of the rules that named the cause';
COMMENT ON COLUMN recon.open_breaks.assignee IS
    'Who is to look after it, as the person who assigned it wrote; null: nobody';
COMMENT ON COLUMN recon.open_breaks.origin_at IS 'Log time of the first report that shows it; its age counts from here';
COMMENT ON COLUMN recon.open_breaks.evidence IS
    'What the cause rests on, as a JSON list of {text, seq, amount}; seq is a log position or null. The last item has '
    'also path: both reports, the fills between, and what each other reading would have cost; a contradiction has none';
COMMENT ON COLUMN recon.open_breaks.tried IS 'The causes that were considered, as a JSON list of {cause, fits, why}';
COMMENT ON COLUMN recon.open_breaks.proposal IS
    'What is proposed, or was approved, as JSON {digest, cause, entry, evidence, login, authenticated, seq}; with '
    'until_us (microseconds since 1970) it is to be accepted until that log time, up to a drift of entry; null: '
    'nothing';
COMMENT ON COLUMN recon.open_breaks.accepted_until IS 'Log time until which it is accepted; null: it is not';
COMMENT ON COLUMN recon.open_breaks.accepted_amount IS
    'The drift up to which it is accepted, not negative; null: it is not';
COMMENT ON COLUMN recon.open_breaks.severity IS
    'info, low, medium, high or critical, as of its latest step; null: not judged';
COMMENT ON COLUMN recon.open_breaks.explained_amount IS
    'What entries explain of it since it last opened, signed like amount; 0: nothing. While it is open, amount is '
    'what is left';
COMMENT ON COLUMN recon.open_breaks.gap IS
    'The stretches between after_seq and until_seq in which the account was not observed or not caught up with: '
    'from which log position until which, their log times in UTC, why, and what catching up came to, in words; '
    'null: it was observed all the time';

GRANT SELECT ON recon.open_breaks TO recon_analyst, recon_service, recon_operator;
