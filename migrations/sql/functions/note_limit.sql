CREATE FUNCTION recon_store.note_limit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO recon_store.limit_changes (change, login, gateway, account, reason)
            VALUES ('removed', OLD.login, OLD.gateway, OLD.account, nullif(current_setting('recon.reason', true), ''));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF EXISTS (SELECT FROM recon_store.unlimited_tables()) THEN
            RAISE EXCEPTION 'limits hold on no table yet: `recon limits` turns them on'
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        INSERT INTO recon_store.limit_changes (change, login, gateway, account, reason)
            VALUES ('added', NEW.login, NEW.gateway, NEW.account, nullif(current_setting('recon.reason', true), ''));
    END IF;
    -- The badge by which policies know a limited login.
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format('GRANT SELECT ON recon_store.limited TO %I', NEW.login);
    END IF;
    IF TG_OP <> 'INSERT' AND NOT EXISTS (SELECT FROM recon_store.limits AS l WHERE l.login = OLD.login)
       AND to_regrole(quote_ident(OLD.login)) IS NOT NULL THEN
        EXECUTE format('REVOKE SELECT ON recon_store.limited FROM %I', OLD.login);
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION recon_store.note_limit IS
    'Keeps each change of a limit with who made it, gives the badge to who is limited, and refuses a limit that would not hold';

REVOKE ALL ON FUNCTION recon_store.note_limit FROM PUBLIC;
