DROP TRIGGER what_is_over_stays_over ON inventory_loans;
DROP TRIGGER loan_is_moved ON inventory_loans;
DROP TRIGGER loan_is_moved ON stock_movements;
DROP TRIGGER transfer_is_whole ON stock_movements;
DROP TRIGGER movements_alone_keep_this ON inventory_stock;
DROP TRIGGER stock_is_moved ON stock_movements;
DROP TRIGGER item_begins_with_nothing ON inventory_items;
DROP TRIGGER item_stays_what_it_is ON inventory_items;

DROP INDEX stock_movements_location, stock_movements_loan, stock_movements_one_loan;
ALTER TABLE stock_movements
    DROP CONSTRAINT stock_movements_kind_check,
    DROP CONSTRAINT stock_movements_direction,
    DROP CONSTRAINT stock_movements_value,
    DROP CONSTRAINT stock_movements_of_loan,
    DROP COLUMN entry,
    DROP COLUMN value_minor,
    DROP COLUMN unit_id,
    DROP COLUMN party_user_id,
    DROP COLUMN supplier_id,
    DROP COLUMN returns_id,
    DROP COLUMN repair_id,
    DROP COLUMN stock_take_id;
-- Movements of a kind that this schema doesn't know are gone with what they were about. Row security would hide them from their owner.
ALTER TABLE stock_movements NO FORCE ROW LEVEL SECURITY;
DELETE FROM stock_movements WHERE kind IN ('repair', 'repair_return');
ALTER TABLE stock_movements FORCE ROW LEVEL SECURITY;
ALTER TABLE stock_movements
    ADD CONSTRAINT stock_movements_kind_check CHECK (kind IN (
        'receive', 'issue', 'return', 'transfer_out', 'transfer_in', 'adjust', 'write_off', 'loan', 'loan_return')),
    ADD CONSTRAINT stock_movements_check CHECK (CASE
        WHEN kind IN ('receive', 'return', 'transfer_in', 'loan_return') THEN quantity > 0
        WHEN kind IN ('issue', 'transfer_out', 'write_off', 'loan') THEN quantity < 0
        ELSE true END);
DROP INDEX stock_movements_transfer;

DROP TABLE inventory_counts;
DROP TABLE inventory_stock_takes;
DROP TABLE inventory_repairs;
DROP TABLE inventory_reservations;

DROP INDEX inventory_loans_one_open, inventory_loans_item;
ALTER TABLE inventory_loans
    ALTER COLUMN due_on DROP NOT NULL,
    DROP CONSTRAINT inventory_loans_due,
    DROP CONSTRAINT inventory_loans_lost,
    DROP CONSTRAINT inventory_loans_penalty,
    DROP COLUMN unit_id,
    DROP COLUMN student_id,
    DROP COLUMN reminded_on,
    DROP COLUMN lost_at,
    DROP COLUMN closed_by,
    DROP COLUMN renewals,
    DROP COLUMN currency,
    DROP COLUMN penalty_per_day_minor,
    DROP COLUMN penalty_grace_days,
    DROP COLUMN penalty_cap_minor,
    DROP COLUMN penalty_minor,
    ADD COLUMN is_serialised boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT inventory_loans_check2 CHECK (NOT is_serialised OR quantity = 1);
CREATE UNIQUE INDEX inventory_loans_one_open ON inventory_loans (school_id, item_id) WHERE state = 'open' AND is_serialised;

ALTER TABLE inventory_stock DROP COLUMN entries;
REVOKE SELECT ON schools FROM schools24_batch;
DROP POLICY batch ON schools;
DROP TABLE inventory_keepers;
DROP TABLE inventory_books;
DROP TABLE inventory_valuations;
DROP TABLE inventory_units;

ALTER TABLE inventory_items
    DROP COLUMN category_id,
    DROP COLUMN supplier_id,
    DROP COLUMN is_serialised,
    DROP COLUMN replacement_cost_minor,
    DROP COLUMN status,
    ALTER COLUMN currency DROP NOT NULL,
    ADD COLUMN category text CHECK (char_length(category) <= 100),
    ADD COLUMN supplier text CHECK (char_length(supplier) <= 200),
    ADD COLUMN serial_number text CHECK (char_length(serial_number) BETWEEN 1 AND 100),
    ADD COLUMN warranty_until date,
    ADD COLUMN unit_cost_e4 bigint NOT NULL DEFAULT 0 CHECK (unit_cost_e4 >= 0),
    ADD COLUMN is_active boolean NOT NULL DEFAULT true,
    ADD UNIQUE (school_id, serial_number),
    ADD CHECK (serial_number IS NULL OR kind = 'asset');
DROP INDEX inventory_items_name;
ALTER TABLE inventory_locations DROP COLUMN status, ADD COLUMN is_active boolean NOT NULL DEFAULT true;
DROP TABLE inventory_suppliers;
DROP TABLE inventory_categories;

DROP FUNCTION what_is_over_stays_over();
DROP FUNCTION loan_is_moved();
DROP FUNCTION transfer_is_whole();
DROP FUNCTION movements_alone_move_units();
DROP FUNCTION movements_alone_keep_this();
DROP FUNCTION stock_is_moved();
DROP FUNCTION item_begins_with_nothing();
DROP FUNCTION item_stays_what_it_is();
