-- What the harness adds to the database: a log of what is saved, and a rule that PostgreSQL must refuse some rows by.
-- The database is thrown away after the run.

CREATE SCHEMA chaos;
CREATE TABLE chaos.audit (
    number bigserial PRIMARY KEY,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- Who saved it: the batch processor, or a service that took the detour.
    role text NOT NULL DEFAULT current_setting('role'),
    act text NOT NULL,
    source text NOT NULL,
    content jsonb NOT NULL
);
CREATE INDEX ON chaos.audit ((content ->> 'school_id'));

CREATE FUNCTION chaos.audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
BEGIN
    INSERT INTO chaos.audit (act, source, content)
    VALUES (TG_OP, TG_TABLE_NAME, CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) - 'raw' END);
    RETURN NULL;
END
$$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.homework FOR EACH ROW EXECUTE FUNCTION chaos.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.homework_submissions FOR EACH ROW EXECUTE FUNCTION chaos.audit();
CREATE TRIGGER audit AFTER INSERT ON public.dead_letters FOR EACH ROW EXECUTE FUNCTION chaos.audit();

ALTER TABLE public.homework ADD CONSTRAINT chaos_poison CHECK (title NOT LIKE 'Poison%');
ALTER TABLE public.homework_submissions ADD CONSTRAINT chaos_poison CHECK (content NOT LIKE 'Poison%');
