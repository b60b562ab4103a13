-- Inventory: what the school has, where, and who has borrowed it. Stock commits here before the answer.

CREATE TABLE inventory_locations (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    parent_location_id uuid,
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, name),
    FOREIGN KEY (school_id, parent_location_id) REFERENCES inventory_locations (school_id, id),
    CHECK (parent_location_id <> id)
);
CALL adopt_tenant_table('inventory_locations', 'schools24_inventory');

CREATE TABLE inventory_items (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    category text CHECK (char_length(category) <= 100),
    supplier text CHECK (char_length(supplier) <= 200),
    kind text NOT NULL DEFAULT 'consumable' CHECK (kind IN ('consumable', 'asset')),
    unit text NOT NULL DEFAULT 'piece' CHECK (char_length(unit) BETWEEN 1 AND 32),
    sku text CHECK (char_length(sku) BETWEEN 1 AND 64),
    barcode text CHECK (char_length(barcode) BETWEEN 1 AND 64),
    serial_number text CHECK (char_length(serial_number) BETWEEN 1 AND 100),
    warranty_until date,
    reorder_level integer NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
    currency char(3) CHECK (currency ~ '^[A-Z]{3}$'),
    -- Moving average, in ten-thousandths of a minor unit so that rounding doesn't creep in.
    unit_cost_e4 bigint NOT NULL DEFAULT 0 CHECK (unit_cost_e4 >= 0),
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, sku),
    UNIQUE (school_id, barcode),
    UNIQUE (school_id, serial_number),
    -- A serial number is of one thing.
    CHECK (serial_number IS NULL OR kind = 'asset')
);
CALL adopt_tenant_table('inventory_items', 'schools24_inventory');

-- What is on hand now, per item and place: the sum of its movements, kept in the same transaction, never negative.
CREATE TABLE inventory_stock (
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    location_id uuid NOT NULL,
    on_hand integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, item_id, location_id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id),
    CONSTRAINT inventory_stock_not_negative CHECK (on_hand >= 0)
);
CALL adopt_tenant_table('inventory_stock', 'schools24_inventory');

CREATE TABLE inventory_loans (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    location_id uuid NOT NULL,
    borrower_user_id uuid NOT NULL REFERENCES users,
    quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    -- Set for a thing with a serial number, which can be with one borrower only.
    is_serialised boolean NOT NULL DEFAULT false,
    lent_at timestamptz NOT NULL,
    due_on date,
    returned_at timestamptz CHECK (returned_at >= lent_at),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'returned', 'lost')),
    lent_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id),
    CHECK ((state = 'returned') = (returned_at IS NOT NULL)),
    CHECK (NOT is_serialised OR quantity = 1)
);
CREATE UNIQUE INDEX inventory_loans_one_open ON inventory_loans (school_id, item_id) WHERE state = 'open' AND is_serialised;
CREATE INDEX inventory_loans_overdue ON inventory_loans (school_id, due_on) WHERE state = 'open';
CREATE INDEX inventory_loans_borrower ON inventory_loans (school_id, borrower_user_id);
CALL adopt_tenant_table('inventory_loans', 'schools24_inventory');

-- Append-only. A transfer is two rows with one transfer_id.
CREATE TABLE stock_movements (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    location_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN (
        'receive', 'issue', 'return', 'transfer_out', 'transfer_in', 'adjust', 'write_off', 'loan', 'loan_return')),
    quantity integer NOT NULL CHECK (quantity <> 0),
    -- On hand at the place after this movement.
    balance integer NOT NULL CHECK (balance >= 0),
    unit_cost_minor bigint CHECK (unit_cost_minor >= 0),
    transfer_id uuid,
    loan_id uuid,
    reason text CHECK (char_length(reason) <= 500),
    moved_by uuid NOT NULL REFERENCES users,
    moved_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1 CHECK (version = 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, item_id, location_id) REFERENCES inventory_stock (school_id, item_id, location_id),
    FOREIGN KEY (school_id, item_id) REFERENCES inventory_items (school_id, id),
    FOREIGN KEY (school_id, location_id) REFERENCES inventory_locations (school_id, id),
    FOREIGN KEY (school_id, loan_id) REFERENCES inventory_loans (school_id, id),
    CHECK (CASE
        WHEN kind IN ('receive', 'return', 'transfer_in', 'loan_return') THEN quantity > 0
        WHEN kind IN ('issue', 'transfer_out', 'write_off', 'loan') THEN quantity < 0
        ELSE true END),
    CHECK ((kind IN ('transfer_in', 'transfer_out')) = (transfer_id IS NOT NULL))
);
CREATE INDEX stock_movements_item ON stock_movements (school_id, item_id, id);
-- A loan is returned once.
CREATE UNIQUE INDEX stock_movements_one_return ON stock_movements (school_id, loan_id) WHERE kind = 'loan_return';
CALL adopt_tenant_table('stock_movements', 'schools24_inventory', append_only => true);
