-- Roles and schemas of the suite. Idempotent; run by a superuser in database "scoreline": by the stack
-- at every start, by the official image when its volume is new. Passwords are set beside it, not here.
--
-- Each service with data has two roles: scoreline_<service>_owner owns its schema and runs its
-- migrations, scoreline_<service> is what the running service connects as. The runtime role may pass
-- into its own schema and do there only what the migrations grant it. No role sees another's schema.
DO $roles$
DECLARE
    service text;
    owner_role text;
    runtime_role text;
    login_role text;
BEGIN
    -- Two starts on one server at once would race between looking and creating.
    PERFORM pg_advisory_xact_lock(hashtext('scoreline roles'));

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    -- Large objects live outside schemas: without this any role could create them.
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;

    FOREACH service IN ARRAY ARRAY['accounts', 'rules', 'scoring', 'ingest', 'notify'] LOOP
        owner_role := format('scoreline_%s_owner', service);
        runtime_role := format('scoreline_%s', service);

        FOREACH login_role IN ARRAY ARRAY[owner_role, runtime_role] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login_role) THEN
                EXECUTE format('CREATE ROLE %I', login_role);
            END IF;
            EXECUTE format(
                'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT',
                login_role
            );
            EXECUTE format('ALTER ROLE %I SET search_path = %I', login_role, service);
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), login_role);
        END LOOP;

        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, owner_role);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', service);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, runtime_role);
    END LOOP;
END
$roles$;
