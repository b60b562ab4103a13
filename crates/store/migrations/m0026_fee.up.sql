-- Fee: concessions of a class, events of providers that somebody has settled, invoices whose money went back, optional heads that are charged once.

-- A class's concession is for whoever sits in it.
ALTER TABLE concessions
    ADD COLUMN class_id uuid,
    ADD CONSTRAINT concessions_class FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    DROP CONSTRAINT concessions_kind_check,
    ADD CONSTRAINT concessions_kind_check CHECK (kind IN ('student', 'category', 'class', 'sibling', 'staff')),
    ADD CONSTRAINT concessions_names_its_class CHECK ((kind = 'class') = (class_id IS NOT NULL));

-- What a provider told and nobody could enter is settled by a person, once, who says why.
ALTER TABLE provider_events
    ADD COLUMN resolved_at timestamptz,
    ADD COLUMN resolved_by uuid REFERENCES users,
    ADD COLUMN resolution text CHECK (char_length(resolution) BETWEEN 1 AND 1000),
    ADD CONSTRAINT provider_events_resolved_by_somebody CHECK (num_nonnulls(resolved_at, resolved_by, resolution) IN (0, 3)),
    ADD CONSTRAINT provider_events_applied_or_resolved CHECK (applied_at IS NULL OR resolved_at IS NULL);
CREATE INDEX provider_events_received ON provider_events (school_id, received_at, id);
CREATE INDEX provider_events_open ON provider_events (school_id, received_at, id) WHERE applied_at IS NULL AND resolved_at IS NULL;

-- What was told stays word for word, and what became of it stays as it was entered or settled.
CREATE FUNCTION provider_event_is_final() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.provider, OLD.event_id, OLD.kind, OLD.payload, OLD.received_at)
        IS NOT DISTINCT FROM (NEW.provider, NEW.event_id, NEW.kind, NEW.payload, NEW.received_at)
        AND (num_nonnulls(OLD.applied_at, OLD.resolved_at) = 0 OR (OLD.outcome, OLD.applied_at, OLD.resolved_at, OLD.resolved_by, OLD.resolution)
            IS NOT DISTINCT FROM (NEW.outcome, NEW.applied_at, NEW.resolved_at, NEW.resolved_by, NEW.resolution)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'event % of a provider is final', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_event_is_final', TABLE = 'provider_events';
END
$$;
CREATE TRIGGER provider_event_is_final BEFORE UPDATE OR DELETE ON provider_events FOR EACH ROW EXECUTE FUNCTION provider_event_is_final();

-- Whether an invoice was taken back and the money that was paid for it given back. Each payment must have given back as much as it had paid of this invoice, and
-- of those that were cancelled before it; what pays another invoice by now need not come back a second time. A cheque that bounced never brought any.
CREATE FUNCTION invoice_is_given_back(school uuid, invoice uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (
        SELECT coalesce(bool_and(back.amount >= least(own.amount, p.amount_minor) AND back.amount >= least(freed.amount, p.amount_minor - p.allocated_minor)), false)
        FROM invoices i
        JOIN LATERAL (
            SELECT a.payment_id, sum(a.released_minor) AS amount FROM payment_allocations a WHERE a.school_id = i.school_id AND a.invoice_id = i.id GROUP BY a.payment_id
        ) own ON true
        JOIN payments p ON p.school_id = i.school_id AND p.id = own.payment_id AND p.status = 'captured'
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(r.amount_minor), 0) AS amount FROM refunds r WHERE r.school_id = p.school_id AND r.payment_id = p.id AND r.status = 'succeeded'
        ) back
        CROSS JOIN LATERAL (
            SELECT sum(a.released_minor) AS amount FROM payment_allocations a JOIN invoices c ON c.school_id = a.school_id AND c.id = a.invoice_id
            WHERE a.school_id = p.school_id AND a.payment_id = p.id AND c.status = 'cancelled' AND (c.cancelled_at, c.id) <= (i.cancelled_at, i.id)
        ) freed
        WHERE i.school_id = school AND i.id = invoice AND i.status = 'cancelled'
    );
CREATE INDEX refunds_made ON refunds (school_id, created_at, id);

-- An optional head of an instalment, such as a trip, is charged to a student once, unless the invoice was cancelled. Whoever charges it holds the student's lock.
CREATE INDEX invoice_lines_item ON invoice_lines (school_id, fee_item_id) WHERE fee_item_id IS NOT NULL;
CREATE FUNCTION optional_item_once() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    student uuid;
BEGIN
    SELECT i.student_id INTO student FROM fee_items f JOIN invoices i ON i.school_id = f.school_id AND i.id = NEW.invoice_id
        WHERE f.school_id = NEW.school_id AND f.id = NEW.fee_item_id AND f.is_optional;
    IF FOUND THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(concat(NEW.school_id, student), 17));
        IF EXISTS (
            SELECT FROM invoice_lines l JOIN invoices i ON i.school_id = l.school_id AND i.id = l.invoice_id
            WHERE l.school_id = NEW.school_id AND l.fee_item_id = NEW.fee_item_id AND l.kind = 'fee' AND l.id <> NEW.id
              AND i.student_id = student AND i.status <> 'cancelled'
        ) THEN
            RAISE EXCEPTION 'fee item % was charged to the student already', NEW.fee_item_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'optional_item_once', TABLE = 'invoice_lines';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER optional_item_once AFTER INSERT OR UPDATE OF fee_item_id, invoice_id ON invoice_lines
    FOR EACH ROW WHEN (NEW.fee_item_id IS NOT NULL AND NEW.kind = 'fee') EXECUTE FUNCTION optional_item_once();
