-- The machinery that all services share: the write buffer's drain, events on their way out, idempotency keys, long work.
-- Rows of the shared tables belong to the service that wrote them, and no service sees another's.

-- How far each partition's log is saved. Global, one row a partition; the epoch fences a processor that lost its lease.
CREATE TABLE drain_watermarks (
    service text NOT NULL CHECK (service IN (
        'auth', 'dashboard', 'quiz', 'homework', 'attendance', 'fee', 'inventory', 'bus-route', 'calendar', 'report')),
    partition integer NOT NULL CHECK (partition >= 0),
    layout text,
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    holder text,
    lease_until timestamptz,
    halted text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, partition)
);
COMMENT ON COLUMN drain_watermarks.layout IS 'the buffer whose writes are counted: layout version, partitions, and an id that Redis gets when it is empty';
COMMENT ON COLUMN drain_watermarks.halted IS 'why this partition stands still until an operator has looked; null when it runs';
COMMENT ON COLUMN drain_watermarks.epoch IS 'goes up with each holder; a write under an older epoch is refused';
COMMENT ON COLUMN drain_watermarks.seq IS 'everything up to here is in PostgreSQL';
INSERT INTO drain_watermarks (service, partition)
    SELECT service, partition
    FROM unnest(ARRAY['auth', 'dashboard', 'quiz', 'homework', 'attendance', 'fee', 'inventory', 'bus-route', 'calendar', 'report']) AS service,
         generate_series(0, 63) AS partition;
GRANT SELECT ON drain_watermarks TO
    schools24_auth, schools24_dashboard, schools24_quiz, schools24_homework, schools24_attendance, schools24_fee,
    schools24_inventory, schools24_bus_route, schools24_calendar, schools24_report;
GRANT SELECT, INSERT, UPDATE ON drain_watermarks TO schools24_batch;

-- Acknowledged writes that could not be saved. What couldn't be decoded may not even name its school, or name one that does
-- not exist, so school_id is neither required nor a foreign key, and only the batch processor and the owner may look.
CREATE TABLE dead_letters (
    id uuid NOT NULL PRIMARY KEY,
    school_id uuid,
    service text NOT NULL,
    partition integer NOT NULL,
    seq bigint NOT NULL,
    entity text,
    row_id uuid,
    row_version integer,
    operation text,
    reason text NOT NULL,
    sqlstate text,
    payload jsonb,
    raw bytea,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolved_by text,
    CHECK ((state = 'open') = (resolved_at IS NULL))
);
CREATE INDEX dead_letters_place ON dead_letters (service, partition) WHERE state = 'open';
CREATE INDEX dead_letters_open ON dead_letters (service, created_at) WHERE state = 'open';
ALTER TABLE dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY batch ON dead_letters TO schools24_batch USING (true) WITH CHECK (true);
CREATE POLICY owner ON dead_letters FOR SELECT TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE ON dead_letters TO schools24_batch;

-- Events of rows that are committed here rather than buffered: written in the row's transaction, sent by the batch processor.
CREATE TABLE outbox (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    school_id uuid NOT NULL REFERENCES schools,
    service text NOT NULL DEFAULT current_service(),
    event jsonb NOT NULL CHECK (jsonb_typeof(event) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    PRIMARY KEY (school_id, id)
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;

-- The first answer to a request, given again when the request is repeated.
CREATE TABLE idempotency_keys (
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    route text NOT NULL CHECK (char_length(route) BETWEEN 1 AND 255),
    key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    service text NOT NULL DEFAULT current_service(),
    fingerprint bytea NOT NULL,
    status integer NOT NULL CHECK (status BETWEEN 100 AND 599),
    headers jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(headers) = 'object'),
    body bytea NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (school_id, user_id, route, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- Work that takes longer than a request.
CREATE TABLE jobs (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    service text NOT NULL DEFAULT current_service(),
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 64),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    input jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    error text,
    requested_by uuid REFERENCES users,
    -- One job per thing to do, whoever asks and however often.
    dedupe_key text,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    holder text,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, kind, dedupe_key),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE INDEX jobs_waiting ON jobs (school_id, service, created_at) WHERE status IN ('queued', 'running');

-- Like adopt_tenant_table, but every service writes, and only its own rows.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['outbox', 'idempotency_keys', 'jobs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (school_id = (SELECT current_school()) AND service = current_service())'
            ' WITH CHECK (school_id = current_school() AND service = current_service())', name);
        EXECUTE format('GRANT SELECT, INSERT%s ON %I TO schools24_auth, schools24_dashboard, schools24_quiz, schools24_homework,'
            ' schools24_attendance, schools24_fee, schools24_inventory, schools24_bus_route, schools24_calendar, schools24_report',
            -- What was said can't be unsaid: services only add to the outbox.
            CASE name WHEN 'outbox' THEN '' ELSE ', UPDATE, DELETE' END, name);
    END LOOP;
END
$$;
CREATE POLICY batch ON outbox TO schools24_batch USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE, DELETE ON outbox TO schools24_batch;
-- The batch processor also clears away keys that have expired, in all schools.
CREATE POLICY batch ON idempotency_keys TO schools24_batch USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON idempotency_keys TO schools24_batch;
