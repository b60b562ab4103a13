-- Inventory, second part: what things are filed under and bought from, single units, who waits for one, what is away for repair, how stock is counted.
-- Balances, values and the whereabouts of units follow from movements and from nothing else: the database keeps them. No release has written these tables before.

CREATE TABLE inventory_categories (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- How things of this category are lent, and what being late costs, in minor units of the school's currency.
    loan_days integer NOT NULL DEFAULT 14 CHECK (loan_days BETWEEN 1 AND 366),
    max_renewals integer NOT NULL DEFAULT 2 CHECK (max_renewals BETWEEN 0 AND 100),
    hold_days integer NOT NULL DEFAULT 3 CHECK (hold_days BETWEEN 1 AND 60),
    penalty_per_day_minor bigint NOT NULL DEFAULT 0 CHECK (penalty_per_day_minor BETWEEN 0 AND 1000000000),
    penalty_grace_days integer NOT NULL DEFAULT 0 CHECK (penalty_grace_days BETWEEN 0 AND 366),
    penalty_cap_minor bigint CHECK (penalty_cap_minor BETWEEN 0 AND 1000000000000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT inventory_categories_name UNIQUE (school_id, name)
);
COMMENT ON COLUMN inventory_categories.hold_days IS 'how long a thing that came back is kept for whoever is next in the queue';
CALL adopt_tenant_table('inventory_categories', 'schools24_inventory');

CREATE TABLE inventory_suppliers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    contact text CHECK (char_length(contact) BETWEEN 1 AND 200),
    email text CHECK (char_length(email) BETWEEN 3 AND 254),
    phone text CHECK (char_length(phone) BETWEEN 1 AND 32),
    address text CHECK (char_length(address) BETWEEN 1 AND 500),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT inventory_suppliers_name UNIQUE (school_id, name)
);
CALL adopt_tenant_table('inventory_suppliers', 'schools24_inventory');

ALTER TABLE inventory_locations
    DROP COLUMN is_active,
    ADD COLUMN status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive'));

-- An item is what is counted: a title, a kind of equipment, a consumable. What has a serial number is a unit of it.
ALTER TABLE inventory_items
    DROP COLUMN category,
    DROP COLUMN supplier,
    DROP COLUMN serial_number,
    DROP COLUMN warranty_until,
    DROP COLUMN unit_cost_e4,
    DROP COLUMN is_active,
    ALTER COLUMN currency SET NOT NULL,
    ADD COLUMN category_id uuid,
    ADD COLUMN supplier_id uuid,
    ADD COLUMN is_serialised boolean NOT NULL DEFAULT false,
    ADD COLUMN replacement_cost_minor bigint CHECK (replacement_cost_minor BETWEEN 0 AND 1000000000000),
    ADD COLUMN status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    ADD CONSTRAINT inventory_items_category FOREIGN KEY (school_id, category_id) REFERENCES inventory_categories (school_id, id),
    ADD CONSTRAINT inventory_items_supplier FOREIGN KEY (school_id, supplier_id) REFERENCES inventory_suppliers (school_id, id),
    ADD CONSTRAINT inventory_items_serialised CHECK (NOT is_serialised OR kind = 'asset');
CREATE INDEX inventory_items_name ON inventory_items (school_id, name, id);
COMMENT ON COLUMN inventory_items.replacement_cost_minor IS 'what a borrower owes for one that is lost';

-- Things of one item are all alike in this: units or pieces, and what their value is counted in.
CREATE FUNCTION item_stays_what_it_is() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.kind, OLD.is_serialised, OLD.currency) IS DISTINCT FROM (NEW.kind, NEW.is_serialised, NEW.currency) THEN
        RAISE EXCEPTION 'an item stays of its kind'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'inventory_items_stay', TABLE = 'inventory_items';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER item_stays_what_it_is BEFORE UPDATE ON inventory_items FOR EACH ROW EXECUTE FUNCTION item_stays_what_it_is();

-- What the catalogue says of an item that is a book.
CREATE TABLE inventory_books (
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    author text CHECK (char_length(author) BETWEEN 1 AND 300),
    publisher text CHECK (char_length(publisher) BETWEEN 1 AND 300),
    published_year integer CHECK (published_year BETWEEN 1000 AND 2999),
    edition text CHECK (char_length(edition) BETWEEN 1 AND 200),
    language text CHECK (language ~ '^[a-z]{3}$'),
    call_number text CHECK (char_length(call_number) BETWEEN 1 AND 64),
    subjects text[] NOT NULL DEFAULT '{}' CHECK (cardinality(subjects) <= 50),
    control_number text CHECK (char_length(control_number) BETWEEN 1 AND 64),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, item_id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id) ON DELETE CASCADE,
    CONSTRAINT inventory_books_control_number UNIQUE (school_id, control_number)
);
COMMENT ON COLUMN inventory_books.control_number IS 'under which number its catalogue record is known where it came from (MARC 001)';
CALL adopt_tenant_table('inventory_books', 'schools24_inventory');

-- Which members of the staff keep what: a place with all places within it, or everything. Whoever else is of the staff only reads.
CREATE TABLE inventory_keepers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    location_id uuid,
    appointed_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT inventory_keepers_once UNIQUE NULLS NOT DISTINCT (school_id, user_id, location_id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id)
);
COMMENT ON COLUMN inventory_keepers.location_id IS 'null: every place';
CALL adopt_tenant_table('inventory_keepers', 'schools24_inventory');

-- One thing among others of its kind: a copy of a book, a microscope.
CREATE TABLE inventory_units (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    serial_number text NOT NULL CHECK (char_length(serial_number) BETWEEN 1 AND 64),
    -- chrono writes years of five digits, PostgreSQL keeps them, and then nothing reads a list with such a day.
    warranty_until date CONSTRAINT inventory_units_warranty CHECK (warranty_until BETWEEN '1900-01-01' AND '2200-12-31'),
    note text CHECK (char_length(note) BETWEEN 1 AND 500),
    -- Where it is, and who has it. Movements keep these three.
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'in_stock', 'on_loan', 'issued', 'in_repair', 'moving', 'gone')),
    location_id uuid,
    holder_user_id uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT inventory_units_serial UNIQUE (school_id, serial_number),
    CONSTRAINT inventory_units_of_item UNIQUE (school_id, item_id, id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id),
    CONSTRAINT inventory_units_place CHECK ((state = 'in_stock') = (location_id IS NOT NULL)),
    CONSTRAINT inventory_units_holder CHECK (holder_user_id IS NULL OR state IN ('on_loan', 'issued'))
);
CALL adopt_tenant_table('inventory_units', 'schools24_inventory');

-- What the school owns of an item, wherever it is, and what that cost: the moving average is one by the other. The row is also what movements of the item
-- queue up at.
CREATE TABLE inventory_valuations (
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    quantity integer NOT NULL DEFAULT 0,
    value_minor bigint NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, item_id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id) ON DELETE CASCADE,
    CONSTRAINT inventory_valuations_not_negative CHECK (quantity >= 0 AND value_minor >= 0),
    CONSTRAINT inventory_valuations_nothing_is_worth_nothing CHECK (quantity > 0 OR value_minor = 0)
);
CALL adopt_tenant_table('inventory_valuations', 'schools24_inventory');

CREATE FUNCTION item_begins_with_nothing() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO inventory_valuations (school_id, item_id, created_at, updated_at) VALUES (NEW.school_id, NEW.id, NEW.created_at, NEW.created_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER item_begins_with_nothing AFTER INSERT ON inventory_items FOR EACH ROW EXECUTE FUNCTION item_begins_with_nothing();

ALTER TABLE inventory_stock ADD COLUMN entries integer NOT NULL DEFAULT 0 CHECK (entries >= 0);
COMMENT ON COLUMN inventory_stock.entries IS 'how many movements the balance is the sum of';

DROP INDEX inventory_loans_one_open;
ALTER TABLE inventory_loans
    DROP COLUMN is_serialised,
    ALTER COLUMN due_on SET NOT NULL,
    ADD COLUMN unit_id uuid,
    ADD COLUMN student_id uuid,
    ADD COLUMN lost_at timestamptz,
    ADD COLUMN closed_by uuid REFERENCES users,
    ADD COLUMN renewals integer NOT NULL DEFAULT 0 CHECK (renewals >= 0),
    -- What was agreed when it was lent.
    ADD COLUMN currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    ADD COLUMN penalty_per_day_minor bigint NOT NULL DEFAULT 0 CHECK (penalty_per_day_minor >= 0),
    ADD COLUMN penalty_grace_days integer NOT NULL DEFAULT 0 CHECK (penalty_grace_days >= 0),
    ADD COLUMN penalty_cap_minor bigint CHECK (penalty_cap_minor >= 0),
    ADD COLUMN reminded_on date,
    -- What came of it.
    ADD COLUMN penalty_minor bigint CHECK (penalty_minor >= 0),
    ADD CONSTRAINT inventory_loans_unit FOREIGN KEY (school_id, item_id, unit_id) REFERENCES inventory_units (school_id, item_id, id),
    ADD CONSTRAINT inventory_loans_student FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    ADD CONSTRAINT inventory_loans_one_of_a_unit CHECK (unit_id IS NULL OR quantity = 1),
    ADD CONSTRAINT inventory_loans_lost CHECK ((state = 'lost') = (lost_at IS NOT NULL)),
    ADD CONSTRAINT inventory_loans_penalty CHECK ((state = 'open') = (penalty_minor IS NULL)),
    ADD CONSTRAINT inventory_loans_due CHECK (due_on >= (lent_at AT TIME ZONE 'UTC')::date - 1 AND due_on BETWEEN '1900-01-01' AND '2200-12-31'),
    ADD CONSTRAINT inventory_loans_reminded CHECK (reminded_on BETWEEN '1900-01-01' AND '2200-12-31');
CREATE UNIQUE INDEX inventory_loans_one_open ON inventory_loans (school_id, unit_id) WHERE state = 'open' AND unit_id IS NOT NULL;
COMMENT ON COLUMN inventory_loans.reminded_on IS 'when the borrower was last told that it is overdue';
CREATE INDEX inventory_loans_item ON inventory_loans (school_id, item_id) WHERE state = 'open';

-- Who waits for an item, first come, first served; when one is there, it is kept for a while.
CREATE TABLE inventory_reservations (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    borrower_user_id uuid NOT NULL REFERENCES users,
    student_id uuid,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'ready', 'fulfilled', 'cancelled', 'expired')),
    -- Nobody waits for longer than this.
    expires_on date NOT NULL CONSTRAINT inventory_reservations_expires CHECK (expires_on BETWEEN '1900-01-01' AND '2200-12-31'),
    held_until timestamptz,
    loan_id uuid,
    reserved_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, loan_id) REFERENCES inventory_loans (school_id, id),
    CONSTRAINT inventory_reservations_held CHECK (state <> 'ready' OR held_until IS NOT NULL),
    CONSTRAINT inventory_reservations_fulfilled CHECK ((state = 'fulfilled') = (loan_id IS NOT NULL))
);
CREATE UNIQUE INDEX inventory_reservations_once ON inventory_reservations (school_id, item_id, borrower_user_id) WHERE state IN ('waiting', 'ready');
CREATE INDEX inventory_reservations_queue ON inventory_reservations (school_id, item_id, created_at, id) WHERE state IN ('waiting', 'ready');
CREATE INDEX inventory_reservations_borrower ON inventory_reservations (school_id, borrower_user_id);
CALL adopt_tenant_table('inventory_reservations', 'schools24_inventory');

-- What is away to be mended.
CREATE TABLE inventory_repairs (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    unit_id uuid,
    location_id uuid NOT NULL,
    quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    problem text NOT NULL CHECK (char_length(problem) BETWEEN 1 AND 500),
    supplier_id uuid,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'repaired', 'written_off')),
    cost_minor bigint CHECK (cost_minor BETWEEN 0 AND 1000000000000),
    sent_at timestamptz NOT NULL,
    sent_by uuid NOT NULL REFERENCES users,
    finished_at timestamptz CHECK (finished_at >= sent_at),
    finished_by uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id),
    FOREIGN KEY (school_id, supplier_id) REFERENCES inventory_suppliers (school_id, id),
    CONSTRAINT inventory_repairs_unit FOREIGN KEY (school_id, item_id, unit_id) REFERENCES inventory_units (school_id, item_id, id),
    CONSTRAINT inventory_repairs_one_of_a_unit CHECK (unit_id IS NULL OR quantity = 1),
    CONSTRAINT inventory_repairs_finished CHECK ((state = 'open') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX inventory_repairs_one_open ON inventory_repairs (school_id, unit_id) WHERE state = 'open' AND unit_id IS NOT NULL;
CALL adopt_tenant_table('inventory_repairs', 'schools24_inventory');

-- A count of what is at a place. One at a time and place.
CREATE TABLE inventory_stock_takes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    location_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'counting' CHECK (state IN ('counting', 'posted', 'cancelled')),
    note text CHECK (char_length(note) BETWEEN 1 AND 500),
    started_by uuid NOT NULL REFERENCES users,
    started_at timestamptz NOT NULL,
    finished_by uuid REFERENCES users,
    finished_at timestamptz CHECK (finished_at >= started_at),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id),
    CONSTRAINT inventory_stock_takes_finished CHECK ((state = 'counting') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX inventory_stock_takes_one_open ON inventory_stock_takes (school_id, location_id) WHERE state = 'counting';
CALL adopt_tenant_table('inventory_stock_takes', 'schools24_inventory');

-- What was counted, beside what the books said at the moment of the count: what moved before or after it makes no difference.
CREATE TABLE inventory_counts (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    stock_take_id uuid NOT NULL,
    item_id uuid NOT NULL,
    unit_id uuid,
    expected integer NOT NULL CHECK (expected >= 0),
    counted integer NOT NULL CHECK (counted BETWEEN 0 AND 1000000000),
    counted_at timestamptz NOT NULL,
    counted_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT inventory_counts_once UNIQUE NULLS NOT DISTINCT (school_id, stock_take_id, item_id, unit_id),
    FOREIGN KEY (school_id, stock_take_id) REFERENCES inventory_stock_takes (school_id, id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, item_id, unit_id) REFERENCES inventory_units (school_id, item_id, id),
    CONSTRAINT inventory_counts_unit CHECK (unit_id IS NULL OR (counted <= 1 AND expected <= 1))
);
CALL adopt_tenant_table('inventory_counts', 'schools24_inventory');

-- Time passes in every school: whoever looks after queues and due days has to know which schools there are.
CREATE POLICY batch ON schools FOR SELECT TO schools24_batch USING (true);
GRANT SELECT ON schools TO schools24_batch;

ALTER TABLE stock_movements
    DROP CONSTRAINT stock_movements_kind_check,
    DROP CONSTRAINT stock_movements_check,
    ADD COLUMN entry integer NOT NULL CHECK (entry >= 1),
    ADD COLUMN value_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN unit_id uuid,
    ADD COLUMN party_user_id uuid REFERENCES users,
    ADD COLUMN supplier_id uuid,
    ADD COLUMN returns_id uuid,
    ADD COLUMN repair_id uuid,
    ADD COLUMN stock_take_id uuid,
    ADD CONSTRAINT stock_movements_kind_check CHECK (kind IN (
        'receive', 'issue', 'return', 'transfer_out', 'transfer_in', 'adjust', 'write_off', 'loan', 'loan_return', 'repair', 'repair_return')),
    ADD CONSTRAINT stock_movements_direction CHECK (CASE
        WHEN kind IN ('receive', 'return', 'transfer_in', 'loan_return', 'repair_return') THEN quantity > 0
        WHEN kind IN ('issue', 'transfer_out', 'write_off', 'loan', 'repair') THEN quantity < 0
        ELSE true END),
    -- Value goes with what is owned, and the same way.
    ADD CONSTRAINT stock_movements_value CHECK (CASE
        WHEN kind IN ('receive', 'issue', 'return', 'adjust', 'write_off') THEN value_minor = 0 OR sign(value_minor) = sign(quantity)
        ELSE value_minor = 0 END),
    ADD CONSTRAINT stock_movements_of_loan CHECK ((kind IN ('loan', 'loan_return')) = (loan_id IS NOT NULL)),
    ADD CONSTRAINT stock_movements_of_repair CHECK ((kind IN ('repair', 'repair_return')) = (repair_id IS NOT NULL)),
    ADD CONSTRAINT stock_movements_of_issue CHECK ((kind = 'return') = (returns_id IS NOT NULL)),
    ADD CONSTRAINT stock_movements_of_stock_take CHECK (kind = 'adjust' OR stock_take_id IS NULL),
    ADD CONSTRAINT stock_movements_entry UNIQUE (school_id, item_id, location_id, entry),
    ADD CONSTRAINT stock_movements_unit FOREIGN KEY (school_id, item_id, unit_id) REFERENCES inventory_units (school_id, item_id, id),
    ADD CONSTRAINT stock_movements_supplier FOREIGN KEY (school_id, supplier_id) REFERENCES inventory_suppliers (school_id, id),
    ADD CONSTRAINT stock_movements_returns FOREIGN KEY (school_id, returns_id) REFERENCES stock_movements (school_id, id),
    ADD CONSTRAINT stock_movements_repair FOREIGN KEY (school_id, repair_id) REFERENCES inventory_repairs (school_id, id),
    ADD CONSTRAINT stock_movements_stock_take FOREIGN KEY (school_id, stock_take_id) REFERENCES inventory_stock_takes (school_id, id);
CREATE INDEX stock_movements_location ON stock_movements (school_id, location_id, id);
CREATE INDEX stock_movements_transfer ON stock_movements (school_id, transfer_id) WHERE transfer_id IS NOT NULL;
CREATE INDEX stock_movements_loan ON stock_movements (school_id, loan_id) WHERE loan_id IS NOT NULL;
CREATE INDEX stock_movements_returned ON stock_movements (school_id, returns_id) WHERE returns_id IS NOT NULL;
CREATE INDEX stock_movements_of_unit ON stock_movements (school_id, unit_id, moved_at) WHERE unit_id IS NOT NULL;
CREATE UNIQUE INDEX stock_movements_one_loan ON stock_movements (school_id, loan_id) WHERE kind = 'loan';
CREATE UNIQUE INDEX stock_movements_one_repair ON stock_movements (school_id, repair_id, kind) WHERE repair_id IS NOT NULL;
CREATE UNIQUE INDEX stock_movements_one_difference ON stock_movements (school_id, stock_take_id, item_id, unit_id) NULLS NOT DISTINCT
    WHERE stock_take_id IS NOT NULL;
COMMENT ON COLUMN stock_movements.value_minor IS 'by how much the value of what is owned changed';
COMMENT ON COLUMN stock_movements.party_user_id IS 'to whom it was issued or lent, or who brought it back';

-- A movement is all that ever changes a balance, a value, and where a unit is. Movements of one item queue up at its valuation, so two opposite transfers
-- never wait for each other.
CREATE FUNCTION stock_is_moved() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    owned integer := CASE WHEN NEW.kind IN ('receive', 'issue', 'return', 'adjust', 'write_off') THEN NEW.quantity ELSE 0 END;
    has_units boolean;
BEGIN
    UPDATE inventory_valuations
        SET quantity = quantity + owned, value_minor = value_minor + NEW.value_minor, version = version + 1, updated_at = NEW.moved_at
        WHERE school_id = NEW.school_id AND item_id = NEW.item_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such item in this school' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE inventory_stock
        SET on_hand = on_hand + NEW.quantity, entries = entries + 1, version = version + 1, updated_at = NEW.moved_at
        WHERE school_id = NEW.school_id AND item_id = NEW.item_id AND location_id = NEW.location_id
        RETURNING on_hand, entries INTO NEW.balance, NEW.entry;
    IF NOT FOUND THEN
        INSERT INTO inventory_stock (school_id, item_id, location_id, on_hand, entries, created_at, updated_at)
            VALUES (NEW.school_id, NEW.item_id, NEW.location_id, NEW.quantity, 1, NEW.moved_at, NEW.moved_at);
        NEW.balance := NEW.quantity;
        NEW.entry := 1;
    END IF;

    SELECT is_serialised INTO has_units FROM inventory_items WHERE school_id = NEW.school_id AND id = NEW.item_id;
    IF has_units IS DISTINCT FROM (NEW.unit_id IS NOT NULL) OR (has_units AND abs(NEW.quantity) <> 1) THEN
        RAISE EXCEPTION 'what has serial numbers moves unit by unit, and nothing else does'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_movements_by_unit', TABLE = 'stock_movements';
    END IF;
    IF has_units THEN
        IF NEW.quantity < 0 THEN
            UPDATE inventory_units
                SET state = CASE NEW.kind WHEN 'loan' THEN 'on_loan' WHEN 'issue' THEN 'issued' WHEN 'repair' THEN 'in_repair'
                        WHEN 'transfer_out' THEN 'moving' ELSE 'gone' END,
                    holder_user_id = CASE WHEN NEW.kind IN ('loan', 'issue') THEN NEW.party_user_id END,
                    location_id = NULL, version = version + 1, updated_at = NEW.moved_at
                WHERE school_id = NEW.school_id AND id = NEW.unit_id AND item_id = NEW.item_id AND location_id = NEW.location_id;
        ELSE
            UPDATE inventory_units
                SET state = 'in_stock', holder_user_id = NULL, location_id = NEW.location_id, version = version + 1, updated_at = NEW.moved_at
                WHERE school_id = NEW.school_id AND id = NEW.unit_id AND item_id = NEW.item_id
                    AND state = CASE NEW.kind WHEN 'receive' THEN 'new' WHEN 'loan_return' THEN 'on_loan' WHEN 'return' THEN 'issued'
                        WHEN 'repair_return' THEN 'in_repair' WHEN 'transfer_in' THEN 'moving' ELSE 'gone' END;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the unit is not where it is moved from'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_movements_unit_is_there', TABLE = 'stock_movements';
        END IF;
    END IF;

    IF NEW.kind = 'return' AND NOT EXISTS (
        SELECT FROM stock_movements i WHERE i.school_id = NEW.school_id AND i.id = NEW.returns_id AND i.kind = 'issue' AND i.item_id = NEW.item_id
            AND i.unit_id IS NOT DISTINCT FROM NEW.unit_id
            AND NEW.quantity + (SELECT coalesce(sum(r.quantity), 0) FROM stock_movements r WHERE r.school_id = NEW.school_id AND r.returns_id = i.id) <= -i.quantity
            AND NEW.value_minor + (SELECT coalesce(sum(r.value_minor), 0) FROM stock_movements r WHERE r.school_id = NEW.school_id AND r.returns_id = i.id)
                <= -i.value_minor
    ) THEN
        RAISE EXCEPTION 'more comes back than was issued'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_movements_return_of_issue', TABLE = 'stock_movements';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER stock_is_moved BEFORE INSERT ON stock_movements FOR EACH ROW EXECUTE FUNCTION stock_is_moved();

-- Balances and values have no other hand on them than the trigger above and the one that begins them.
CREATE FUNCTION movements_alone_keep_this() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION '% follows from movements', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER movements_alone_keep_this BEFORE INSERT OR UPDATE OR DELETE ON inventory_stock FOR EACH ROW EXECUTE FUNCTION movements_alone_keep_this();
CREATE TRIGGER movements_alone_keep_this BEFORE INSERT OR UPDATE OR DELETE ON inventory_valuations
    FOR EACH ROW EXECUTE FUNCTION movements_alone_keep_this();

CREATE FUNCTION movements_alone_move_units() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    is_moved boolean;
BEGIN
    IF pg_trigger_depth() >= 2 THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' THEN
        is_moved := (NEW.school_id, NEW.item_id, NEW.state, NEW.location_id, NEW.holder_user_id)
            IS DISTINCT FROM (OLD.school_id, OLD.item_id, OLD.state, OLD.location_id, OLD.holder_user_id);
    ELSE
        is_moved := (NEW.state, NEW.location_id, NEW.holder_user_id) IS DISTINCT FROM ('new'::text, NULL::uuid, NULL::uuid);
    END IF;
    IF is_moved THEN
        RAISE EXCEPTION 'where a unit is follows from movements' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER movements_alone_move_units BEFORE INSERT OR UPDATE ON inventory_units FOR EACH ROW EXECUTE FUNCTION movements_alone_move_units();

-- A transfer is whole: what left one place came to another.
CREATE FUNCTION transfer_is_whole() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM stock_movements WHERE school_id = NEW.school_id AND transfer_id = NEW.transfer_id
        GROUP BY item_id, unit_id HAVING sum(quantity) <> 0
    ) THEN
        RAISE EXCEPTION 'transfer % is not whole', NEW.transfer_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_is_whole', TABLE = 'stock_movements';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER transfer_is_whole AFTER INSERT ON stock_movements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.transfer_id IS NOT NULL) EXECUTE FUNCTION transfer_is_whole();

-- A loan is open while what was lent is away, and closed when it is not: the row and its movements say the same.
CREATE FUNCTION loan_is_moved() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    loan uuid;
BEGIN
    IF TG_TABLE_NAME = 'inventory_loans' THEN loan := NEW.id; ELSE loan := NEW.loan_id; END IF;
    IF EXISTS (
        SELECT FROM inventory_loans l
        LEFT JOIN stock_movements m ON m.school_id = l.school_id AND m.loan_id = l.id AND m.item_id = l.item_id AND m.unit_id IS NOT DISTINCT FROM l.unit_id
        WHERE l.school_id = NEW.school_id AND l.id = loan
        GROUP BY l.id, l.state, l.quantity
        HAVING coalesce(sum(m.quantity) FILTER (WHERE m.kind = 'loan'), 0) <> -l.quantity
            OR coalesce(sum(m.quantity) FILTER (WHERE m.kind = 'loan_return'), 0) <> CASE l.state WHEN 'open' THEN 0 ELSE l.quantity END
    ) THEN
        RAISE EXCEPTION 'loan % and its movements disagree', loan
            USING ERRCODE = 'check_violation', CONSTRAINT = 'loan_is_moved', TABLE = 'inventory_loans';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER loan_is_moved AFTER INSERT OR UPDATE ON inventory_loans
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loan_is_moved();
CREATE CONSTRAINT TRIGGER loan_is_moved AFTER INSERT ON stock_movements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.loan_id IS NOT NULL) EXECUTE FUNCTION loan_is_moved();

-- What is over stays over: a loan is closed once, a repair finished once, a stock-take posted once.
CREATE FUNCTION what_is_over_stays_over() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('open', 'counting') THEN
        RAISE EXCEPTION '% % is over', TG_TABLE_NAME, OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_over', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER what_is_over_stays_over BEFORE UPDATE ON inventory_loans FOR EACH ROW EXECUTE FUNCTION what_is_over_stays_over();
CREATE TRIGGER what_is_over_stays_over BEFORE UPDATE ON inventory_repairs FOR EACH ROW EXECUTE FUNCTION what_is_over_stays_over();
CREATE TRIGGER what_is_over_stays_over BEFORE UPDATE ON inventory_stock_takes FOR EACH ROW EXECUTE FUNCTION what_is_over_stays_over();
