-- What every other migration stands on: whose rows are meant, and how a table is put under that rule.
-- The roles themselves are made by `migrate::ensure_roles`, because they belong to the cluster, not to this database.

-- Equality of uuid and text within EXCLUDE constraints. A trusted extension: the database's owner may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- The school of the current transaction; NULL when none is set, and NULL equals no row's school.
-- Anything but a UUID raises an error, which fails closed too.
CREATE FUNCTION current_school() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.current_school', true), '')::uuid;

-- The user who is logging in, before a school is known.
CREATE FUNCTION current_login_user() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.current_user', true), '')::uuid;

-- The service whose role this is: 'bus-route' for schools24_bus_route. Tables that all services share keep their rows apart by it.
CREATE FUNCTION current_service() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN replace(substr(current_user::text, 11), '_', '-');

-- Puts a table under the tenant rule and hands out its privileges:
--   writer       the owning service's role, which alone may insert, update and delete;
--   buffered     the batch processor may write it too, for all schools;
--   private      no other service may read it (otherwise all ten may);
--   append_only  nobody may update or delete.
-- Policies compare with (SELECT current_school()) rather than the bare function: the planner evaluates a stable function to guess
-- how many rows match, so that a plan made for a school without rows, and then kept by its connection, would scan a large
-- school's rows one by one. A sub-select is not guessed at.
CREATE PROCEDURE adopt_tenant_table(
    target regclass,
    writer text,
    buffered boolean DEFAULT false,
    private boolean DEFAULT false,
    append_only boolean DEFAULT false
) LANGUAGE plpgsql AS $$
DECLARE
    -- As text at once: a regclass prints itself quoted where that is needed.
    name text := target::text;
    verbs text := CASE WHEN append_only THEN 'SELECT, INSERT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
        'CREATE POLICY tenant ON %s USING (school_id = (SELECT current_school())) WITH CHECK (school_id = current_school())', name);
    EXECUTE format('GRANT %s ON %s TO %I', verbs, name, writer);
    IF NOT private THEN
        EXECUTE format(
            'GRANT SELECT ON %s TO schools24_auth, schools24_dashboard, schools24_quiz, schools24_homework,'
            ' schools24_attendance, schools24_fee, schools24_inventory, schools24_bus_route, schools24_calendar,'
            ' schools24_report', name);
    END IF;
    IF buffered THEN
        EXECUTE format('CREATE POLICY batch ON %s TO schools24_batch USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT %s ON %s TO schools24_batch', verbs, name);
    END IF;
END
$$;
