-- Whoever only waits takes no lock, so one that stands by holds up no append. The gateway's row puts the taking of a
-- recorder's lease in order with appends: what the former holder began has committed before, or is refused after.
CREATE FUNCTION recon_store.take_lease(
    p_gateway text, p_purpose text, p_writer uuid, p_instance text,
    OUT taken boolean, OUT term bigint, OUT instance text, OUT login text, OUT taken_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_held recon_store.held_leases;
BEGIN
    IF p_purpose IS NULL OR p_purpose NOT IN ('record', 'rebuild', 'what-if') THEN
        RAISE EXCEPTION 'there is no lease for %', p_purpose USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT h.* INTO v_held FROM recon_store.held_leases AS h
        WHERE h.gateway = p_gateway AND h.purpose = p_purpose AND (h.writer, h.login) <> (p_writer, session_user);
    IF v_held.term IS NULL THEN
        IF p_purpose = 'record' THEN
            INSERT INTO recon_store.log_gateways (gateway) VALUES (p_gateway) ON CONFLICT DO NOTHING;
            PERFORM 1 FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway FOR NO KEY UPDATE;
        END IF;
        INSERT INTO recon_store.leases (gateway, purpose, term, writer, login, instance)
            VALUES (p_gateway, p_purpose, 0, p_writer, session_user, p_instance) ON CONFLICT DO NOTHING;
        PERFORM 1 FROM recon_store.leases AS l WHERE l.gateway = p_gateway AND l.purpose = p_purpose FOR UPDATE;
        -- A transaction sees the sessions as they were at its first look, unless it drops that.
        PERFORM pg_stat_clear_snapshot();
        SELECT h.* INTO v_held FROM recon_store.held_leases AS h
            WHERE h.gateway = p_gateway AND h.purpose = p_purpose AND (h.writer, h.login) <> (p_writer, session_user);
    END IF;
    taken := v_held.term IS NULL;
    IF NOT taken THEN
        term := v_held.term;
        instance := v_held.instance;
        login := v_held.login;
        taken_at := v_held.taken_at;
        RETURN;
    END IF;
    term := nextval('recon_store.lease_terms');
    instance := p_instance;
    login := session_user;
    taken_at := clock_timestamp();
    UPDATE recon_store.leases AS l
        SET term = take_lease.term, writer = p_writer, pid = pg_backend_pid(), login = take_lease.login,
            instance = p_instance, taken_at = take_lease.taken_at
        WHERE l.gateway = p_gateway AND l.purpose = p_purpose;
    -- The term comes before the gateway's name, which Postgres may cut.
    PERFORM set_config('application_name', format('recon lease %s to %s %s', term, p_purpose, p_gateway), false);
    PERFORM pg_stat_clear_snapshot();
    IF NOT EXISTS (SELECT FROM recon_store.held_leases AS h
                   WHERE h.gateway = p_gateway AND h.purpose = p_purpose AND h.term = take_lease.term) THEN
        RAISE EXCEPTION 'the server does not show this session, so nobody would know who holds the lease of gateway %',
            p_gateway USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.take_lease IS
    'Takes a gateway''s lease for a purpose if no living session of another writer holds it, and binds it to this '
    'session; otherwise tells who holds it';

REVOKE ALL ON FUNCTION recon_store.take_lease FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.take_lease TO recon_service;
