CREATE FUNCTION recon_store.silence(
    p_until timestamptz, p_reason text, p_name text, p_gateway text, p_account text, p_unit text, p_case text,
    p_cause text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_by jsonb := recon_store.who(left(p_name, 200));
    v_id text;
BEGIN
    IF p_until IS NULL OR p_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'a silence ends in the future, not at %', p_until USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_until > clock_timestamp() + interval '31 days' THEN
        RAISE EXCEPTION 'a silence lasts 31 days at most; accept a break that is to be lived with for longer'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' OR length(p_reason) > 2000 THEN
        RAISE EXCEPTION 'a silence has a reason, of 2000 characters at most' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF coalesce(p_gateway, p_account, p_unit, p_case, p_cause) IS NULL THEN
        RAISE EXCEPTION 'a silence names a gateway, account, unit, case or cause: a silence of everything is blindness'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF greatest(length(p_gateway), length(p_account), length(p_unit), length(p_case), length(p_cause)) > 1000 THEN
        RAISE EXCEPTION 'a name in a silence has 1000 characters at most' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Who is limited silences what is seen as a whole: an account by its gateway and name, or a case.
    IF NOT (recon.sees(p_gateway, p_account) OR p_case IS NOT NULL AND recon_store.sees_case(p_gateway, p_case)) THEN
        RAISE EXCEPTION '% is limited to some accounts: name one of them with its gateway, or a case of theirs alone',
            session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (SELECT count(*) FROM recon_store.silences AS s
        WHERE s.ended_at IS NULL AND s.until > clock_timestamp()) >= 1000 THEN
        RAISE EXCEPTION '1000 silences hold already; end some of them' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    v_id := left(replace(gen_random_uuid()::text, '-', ''), 16);
    INSERT INTO recon_store.silences
        (id, until, login, name, authenticated, reason, gateway, account, unit, case_id, cause)
    VALUES (v_id, p_until, v_by ->> 'login', coalesce(v_by ->> 'name', ''), (v_by ->> 'authenticated')::boolean,
        p_reason, p_gateway, p_account, p_unit, p_case, p_cause);
    RETURN v_id;
END $$;

COMMENT ON FUNCTION recon_store.silence IS
    'Stores what a person asks not to be told of until a time, with who they are; returns its id';

REVOKE ALL ON FUNCTION recon_store.silence FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.silence TO recon_service, recon_operator;
