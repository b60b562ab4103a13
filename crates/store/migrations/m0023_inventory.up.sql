-- Inventory, third part: loans in parts, who used things up and what for, what is due anywhere found in one look, and rules that only the service kept before.

-- What is owed can be charged: no more than an invoice can have. Loans that were closed before stay as they are.
ALTER TABLE inventory_loans ADD CONSTRAINT inventory_loans_chargeable CHECK (penalty_minor <= 1000000000000) NOT VALID;

-- A loan of several pieces is split into two, of which each comes back, or is lost, by itself. The whole is over, and owes nothing.
ALTER TABLE inventory_loans
    DROP CONSTRAINT inventory_loans_state_check,
    ADD CONSTRAINT inventory_loans_state_check CHECK (state IN ('open', 'returned', 'lost', 'split')),
    ADD COLUMN split_at timestamptz,
    ADD COLUMN split_of uuid,
    ADD CONSTRAINT inventory_loans_split CHECK ((state = 'split') = (split_at IS NOT NULL)),
    ADD CONSTRAINT inventory_loans_split_owes_nothing CHECK (state <> 'split' OR penalty_minor = 0),
    ADD CONSTRAINT inventory_loans_split_of FOREIGN KEY (school_id, split_of) REFERENCES inventory_loans (school_id, id);
COMMENT ON COLUMN inventory_loans.split_of IS 'the loan of which this is a part';
CREATE INDEX inventory_loans_parts ON inventory_loans (school_id, split_of) WHERE split_of IS NOT NULL;

-- Both parts are there, and together they are the whole.
CREATE FUNCTION loan_is_split_in_two() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    whole uuid := CASE WHEN NEW.state = 'split' THEN NEW.id ELSE NEW.split_of END;
BEGIN
    IF EXISTS (
        SELECT FROM inventory_loans l LEFT JOIN inventory_loans p ON p.school_id = l.school_id AND p.split_of = l.id
        WHERE l.school_id = NEW.school_id AND l.id = whole
        GROUP BY l.id, l.state, l.quantity, l.item_id, l.borrower_user_id
        HAVING l.state <> 'split' OR count(p.id) <> 2 OR sum(p.quantity) <> l.quantity
            OR bool_or((p.item_id, p.borrower_user_id) IS DISTINCT FROM (l.item_id, l.borrower_user_id))
    ) THEN
        RAISE EXCEPTION 'loan % is not split in two', whole
            USING ERRCODE = 'check_violation', CONSTRAINT = 'loan_is_split_in_two', TABLE = 'inventory_loans';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER loan_is_split_in_two AFTER INSERT OR UPDATE ON inventory_loans
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'split' OR NEW.split_of IS NOT NULL) EXECUTE FUNCTION loan_is_split_in_two();

-- Which class used something up, and what for.
ALTER TABLE stock_movements
    ADD COLUMN class_id uuid,
    ADD COLUMN purpose text CHECK (char_length(purpose) BETWEEN 1 AND 200),
    ADD CONSTRAINT stock_movements_class FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    ADD CONSTRAINT stock_movements_of_use CHECK (kind IN ('issue', 'return') OR (class_id IS NULL AND purpose IS NULL));
COMMENT ON COLUMN stock_movements.class_id IS 'the class that used it up, of an issue and of what came back of it';
CREATE INDEX stock_movements_of_class ON stock_movements (school_id, class_id, id) WHERE class_id IS NOT NULL;
CREATE INDEX stock_movements_of_supplier ON stock_movements (school_id, supplier_id, id) WHERE supplier_id IS NOT NULL;
CREATE INDEX stock_movements_time ON stock_movements (school_id, moved_at);

CREATE INDEX inventory_loans_student ON inventory_loans (school_id, student_id) WHERE student_id IS NOT NULL;
CREATE INDEX inventory_reservations_student ON inventory_reservations (school_id, student_id) WHERE student_id IS NOT NULL;
CREATE INDEX inventory_units_location ON inventory_units (school_id, location_id) WHERE location_id IS NOT NULL;
CREATE INDEX inventory_units_holder ON inventory_units (school_id, holder_user_id) WHERE holder_user_id IS NOT NULL;

-- Whoever looks after queues and due days asks once in which schools anything is due, instead of looking into each.
CREATE POLICY batch ON inventory_loans FOR SELECT TO schools24_batch USING (true);
CREATE POLICY batch ON inventory_reservations FOR SELECT TO schools24_batch USING (true);
GRANT SELECT ON inventory_loans, inventory_reservations TO schools24_batch;
CREATE INDEX inventory_loans_untold ON inventory_loans (due_on) WHERE state = 'open' AND (reminded_on IS NULL OR reminded_on <= due_on);
CREATE INDEX inventory_reservations_held_until ON inventory_reservations (held_until) WHERE state = 'ready';
CREATE INDEX inventory_reservations_expiry ON inventory_reservations (expires_on) WHERE state = 'waiting';

-- What is away, lent or to be mended, is open; what is closed has come back: the row and its movements say the same.
CREATE FUNCTION repair_is_moved() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    repair uuid;
BEGIN
    IF TG_TABLE_NAME = 'inventory_repairs' THEN repair := NEW.id; ELSE repair := NEW.repair_id; END IF;
    IF EXISTS (
        SELECT FROM inventory_repairs r
        LEFT JOIN stock_movements m ON m.school_id = r.school_id AND m.repair_id = r.id AND m.item_id = r.item_id AND m.unit_id IS NOT DISTINCT FROM r.unit_id
        WHERE r.school_id = NEW.school_id AND r.id = repair
        GROUP BY r.id, r.state, r.quantity
        HAVING coalesce(sum(m.quantity) FILTER (WHERE m.kind = 'repair'), 0) <> -r.quantity
            OR coalesce(sum(m.quantity) FILTER (WHERE m.kind = 'repair_return'), 0) <> CASE r.state WHEN 'open' THEN 0 ELSE r.quantity END
    ) THEN
        RAISE EXCEPTION 'repair % and its movements disagree', repair
            USING ERRCODE = 'check_violation', CONSTRAINT = 'repair_is_moved', TABLE = 'inventory_repairs';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER repair_is_moved AFTER INSERT OR UPDATE ON inventory_repairs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION repair_is_moved();
CREATE CONSTRAINT TRIGGER repair_is_moved AFTER INSERT ON stock_movements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.repair_id IS NOT NULL) EXECUTE FUNCTION repair_is_moved();

-- What is over stays over: a reservation too, and what was counted for a stock-take that is over.
CREATE OR REPLACE FUNCTION what_is_over_stays_over() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('open', 'counting', 'waiting', 'ready') THEN
        RAISE EXCEPTION '% % is over', TG_TABLE_NAME, OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_over', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER what_is_over_stays_over BEFORE UPDATE ON inventory_reservations FOR EACH ROW EXECUTE FUNCTION what_is_over_stays_over();

CREATE FUNCTION counts_stay_with_their_stock_take() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    take uuid;
    stands text;
    takes uuid[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.stock_take_id] WHEN 'DELETE' THEN ARRAY[OLD.stock_take_id]
        ELSE ARRAY[OLD.stock_take_id, NEW.stock_take_id] END;
    school uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.school_id ELSE NEW.school_id END;
BEGIN
    FOREACH take IN ARRAY takes LOOP
        -- Held: whoever ends the stock-take right now is waited for. One that there is not is refused by the foreign key, another school's by row security.
        SELECT t.state INTO stands FROM inventory_stock_takes t WHERE t.school_id = school AND t.id = take FOR SHARE;
        IF stands <> 'counting' THEN
            RAISE EXCEPTION 'stock-take % is over', take
                USING ERRCODE = 'check_violation', CONSTRAINT = 'inventory_counts_over', TABLE = 'inventory_counts';
        END IF;
    END LOOP;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER counts_stay_with_their_stock_take BEFORE INSERT OR UPDATE OR DELETE ON inventory_counts
    FOR EACH ROW EXECUTE FUNCTION counts_stay_with_their_stock_take();
