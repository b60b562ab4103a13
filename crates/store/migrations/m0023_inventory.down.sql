DROP TRIGGER counts_stay_with_their_stock_take ON inventory_counts;
DROP FUNCTION counts_stay_with_their_stock_take();
DROP TRIGGER what_is_over_stays_over ON inventory_reservations;
DROP TRIGGER repair_is_moved ON stock_movements;
DROP TRIGGER repair_is_moved ON inventory_repairs;
DROP FUNCTION repair_is_moved();
DROP TRIGGER loan_is_split_in_two ON inventory_loans;
DROP FUNCTION loan_is_split_in_two();

DROP INDEX inventory_reservations_expiry, inventory_reservations_held_until, inventory_loans_untold;
REVOKE SELECT ON inventory_loans, inventory_reservations FROM schools24_batch;
DROP POLICY batch ON inventory_reservations;
DROP POLICY batch ON inventory_loans;
DROP INDEX inventory_units_holder, inventory_units_location, inventory_reservations_student, inventory_loans_student;

DROP INDEX stock_movements_time, stock_movements_of_supplier, stock_movements_of_class;
ALTER TABLE stock_movements
    DROP CONSTRAINT stock_movements_of_use,
    DROP COLUMN purpose,
    DROP COLUMN class_id;

DROP INDEX inventory_loans_parts;
ALTER TABLE inventory_loans
    DROP CONSTRAINT inventory_loans_chargeable,
    DROP CONSTRAINT inventory_loans_split_owes_nothing,
    DROP CONSTRAINT inventory_loans_split,
    DROP CONSTRAINT inventory_loans_state_check,
    DROP COLUMN split_of;
-- A loan that was split came back as a whole, as this schema sees it. Row security would hide it and its movements from their owner, and what is over does not
-- change otherwise.
ALTER TABLE inventory_loans NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER what_is_over_stays_over, DISABLE TRIGGER loan_is_moved;
UPDATE inventory_loans SET state = 'returned', returned_at = split_at WHERE state = 'split';
ALTER TABLE inventory_loans FORCE ROW LEVEL SECURITY, ENABLE TRIGGER what_is_over_stays_over, ENABLE TRIGGER loan_is_moved;
ALTER TABLE inventory_loans
    DROP COLUMN split_at,
    ADD CONSTRAINT inventory_loans_state_check CHECK (state IN ('open', 'returned', 'lost'));

CREATE OR REPLACE FUNCTION what_is_over_stays_over() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('open', 'counting') THEN
        RAISE EXCEPTION '% % is over', TG_TABLE_NAME, OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_over', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
