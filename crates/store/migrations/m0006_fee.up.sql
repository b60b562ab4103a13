-- Fee: what is owed, what was paid, and the ledger that says so. Money is in integer minor units of an ISO 4217 currency,
-- and commits here before the answer: nothing in this file is buffered.

CREATE TABLE fee_structures (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    academic_year_id uuid NOT NULL,
    term_id uuid,
    class_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    category text CHECK (char_length(category) <= 100),
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'retired')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, academic_year_id, name),
    FOREIGN KEY (school_id, academic_year_id) REFERENCES academic_years (school_id, id),
    FOREIGN KEY (school_id, term_id) REFERENCES terms (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id)
);
CALL adopt_tenant_table('fee_structures', 'schools24_fee');

CREATE TABLE fee_items (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    fee_structure_id uuid NOT NULL,
    head text NOT NULL CHECK (char_length(head) BETWEEN 1 AND 100),
    instalment integer NOT NULL DEFAULT 1 CHECK (instalment >= 1),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    tax_basis_points integer NOT NULL DEFAULT 0 CHECK (tax_basis_points BETWEEN 0 AND 10000),
    due_on date NOT NULL,
    is_optional boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, fee_structure_id, head, instalment),
    FOREIGN KEY (school_id, fee_structure_id) REFERENCES fee_structures (school_id, id)
);
CALL adopt_tenant_table('fee_items', 'schools24_fee');

CREATE TABLE concessions (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid,
    category text CHECK (char_length(category) <= 100),
    kind text NOT NULL CHECK (kind IN ('student', 'category', 'sibling', 'staff')),
    head text CHECK (char_length(head) <= 100),
    percent_basis_points integer CHECK (percent_basis_points BETWEEN 1 AND 10000),
    amount_minor bigint CHECK (amount_minor > 0),
    currency char(3) CHECK (currency ~ '^[A-Z]{3}$'),
    cap_minor bigint CHECK (cap_minor > 0),
    stacking_order integer NOT NULL DEFAULT 100,
    valid_from date NOT NULL,
    valid_to date,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'ended')),
    approved_by uuid REFERENCES users,
    reason text CHECK (char_length(reason) <= 1000),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (num_nonnulls(percent_basis_points, amount_minor) = 1),
    CHECK ((amount_minor IS NULL AND cap_minor IS NULL) OR currency IS NOT NULL),
    CHECK (valid_to >= valid_from),
    CHECK (kind <> 'student' OR student_id IS NOT NULL),
    CHECK (status <> 'approved' OR approved_by IS NOT NULL)
);
CREATE INDEX concessions_student ON concessions (school_id, student_id);
CALL adopt_tenant_table('concessions', 'schools24_fee');

CREATE TABLE invoices (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    fee_structure_id uuid,
    -- What the invoice is for, such as '2026-27/2': generating the same again finds this one.
    period text NOT NULL CHECK (char_length(period) BETWEEN 1 AND 64),
    number text CHECK (char_length(number) BETWEEN 1 AND 64),
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'issued', 'partly_paid', 'paid', 'cancelled')),
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    paid_minor bigint NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    waived_minor bigint NOT NULL DEFAULT 0 CHECK (waived_minor >= 0),
    due_on date NOT NULL,
    issued_at timestamptz,
    cancelled_at timestamptz,
    reminder_count integer NOT NULL DEFAULT 0 CHECK (reminder_count >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, number),
    UNIQUE (school_id, id, currency),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, fee_structure_id) REFERENCES fee_structures (school_id, id),
    CONSTRAINT invoices_not_overpaid CHECK (paid_minor + waived_minor <= total_minor),
    CONSTRAINT invoices_cancelled_takes_no_payment CHECK (status <> 'cancelled' OR paid_minor = 0),
    CHECK ((status = 'paid') = (status NOT IN ('draft', 'cancelled') AND paid_minor + waived_minor = total_minor)),
    CHECK (status = 'draft' OR (issued_at IS NOT NULL AND number IS NOT NULL) OR status = 'cancelled'),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);
CREATE UNIQUE INDEX invoices_once ON invoices (school_id, fee_structure_id, student_id, period) WHERE status <> 'cancelled';
CREATE INDEX invoices_student ON invoices (school_id, student_id, due_on);
CREATE INDEX invoices_open ON invoices (school_id, due_on) WHERE status IN ('issued', 'partly_paid');
CALL adopt_tenant_table('invoices', 'schools24_fee');

CREATE TABLE invoice_lines (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    invoice_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 1),
    kind text NOT NULL DEFAULT 'fee' CHECK (kind IN ('fee', 'tax', 'fine', 'concession')),
    description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 300),
    fee_item_id uuid,
    concession_id uuid,
    amount_minor bigint NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, invoice_id, position),
    FOREIGN KEY (school_id, invoice_id) REFERENCES invoices (school_id, id) ON DELETE CASCADE,
    FOREIGN KEY (school_id, fee_item_id) REFERENCES fee_items (school_id, id),
    FOREIGN KEY (school_id, concession_id) REFERENCES concessions (school_id, id),
    -- Only a concession takes something off.
    CHECK ((kind = 'concession') = (amount_minor < 0))
);
CALL adopt_tenant_table('invoice_lines', 'schools24_fee');

-- The last receipt number of a fiscal year. Taken by UPDATE … RETURNING within the payment's transaction: the row lock makes
-- numbers gapless, which a sequence is not.
CREATE TABLE receipt_counters (
    school_id uuid NOT NULL REFERENCES schools,
    fiscal_year text NOT NULL CHECK (char_length(fiscal_year) BETWEEN 4 AND 16),
    last_number bigint NOT NULL DEFAULT 0 CHECK (last_number >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, fiscal_year)
);
CALL adopt_tenant_table('receipt_counters', 'schools24_fee');

CREATE TABLE payments (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    invoice_id uuid,
    method text NOT NULL CHECK (method IN ('cash', 'cheque', 'upi', 'bank_transfer', 'card', 'online')),
    provider text CHECK (provider IN ('razorpay', 'stripe')),
    provider_order_id text CHECK (char_length(provider_order_id) BETWEEN 1 AND 255),
    provider_payment_id text CHECK (char_length(provider_payment_id) BETWEEN 1 AND 255),
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    status text NOT NULL DEFAULT 'created' CHECK (status IN ('created', 'captured', 'failed', 'bounced')),
    fiscal_year text,
    receipt_number bigint CHECK (receipt_number >= 1),
    captured_at timestamptz,
    received_by uuid REFERENCES users,
    note text CHECK (char_length(note) <= 1000),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    -- A provider's payment counts once, however often it is reported.
    CONSTRAINT payments_once UNIQUE (school_id, provider, provider_payment_id),
    UNIQUE (school_id, provider, provider_order_id),
    UNIQUE (school_id, fiscal_year, receipt_number),
    UNIQUE (school_id, id, currency),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    -- In the invoice's own currency.
    FOREIGN KEY (school_id, invoice_id, currency) REFERENCES invoices (school_id, id, currency),
    FOREIGN KEY (school_id, fiscal_year) REFERENCES receipt_counters (school_id, fiscal_year),
    CONSTRAINT payments_refunds_within_amount CHECK (refunded_minor <= amount_minor),
    CHECK (refunded_minor = 0 OR status = 'captured'),
    CHECK ((fiscal_year IS NULL) = (receipt_number IS NULL)),
    CHECK (status NOT IN ('captured', 'bounced') OR (receipt_number IS NOT NULL AND captured_at IS NOT NULL)),
    CHECK ((method IN ('card', 'online')) <= (provider IS NOT NULL))
);
CREATE INDEX payments_student ON payments (school_id, student_id, created_at);
CREATE INDEX payments_invoice ON payments (school_id, invoice_id);
CALL adopt_tenant_table('payments', 'schools24_fee');

CREATE TABLE refunds (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    payment_id uuid NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed')),
    provider_refund_id text CHECK (char_length(provider_refund_id) BETWEEN 1 AND 255),
    reason text CHECK (char_length(reason) <= 1000),
    requested_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, provider_refund_id),
    FOREIGN KEY (school_id, payment_id, currency) REFERENCES payments (school_id, id, currency)
);
CREATE INDEX refunds_payment ON refunds (school_id, payment_id);
CALL adopt_tenant_table('refunds', 'schools24_fee');

-- Double entry, and append-only: a mistake is corrected by another transaction. Nobody has the privilege to update or delete.
CREATE TABLE ledger_entries (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    transaction_id uuid NOT NULL,
    account text NOT NULL CHECK (char_length(account) BETWEEN 1 AND 64),
    student_id uuid,
    invoice_id uuid,
    payment_id uuid,
    refund_id uuid,
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    debit_minor bigint NOT NULL DEFAULT 0 CHECK (debit_minor >= 0),
    credit_minor bigint NOT NULL DEFAULT 0 CHECK (credit_minor >= 0),
    entry_date date NOT NULL,
    memo text CHECK (char_length(memo) <= 300),
    version integer NOT NULL DEFAULT 1 CHECK (version = 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, invoice_id) REFERENCES invoices (school_id, id),
    FOREIGN KEY (school_id, payment_id) REFERENCES payments (school_id, id),
    FOREIGN KEY (school_id, refund_id) REFERENCES refunds (school_id, id),
    CONSTRAINT ledger_entries_one_side CHECK ((debit_minor > 0) <> (credit_minor > 0))
);
CREATE INDEX ledger_entries_transaction ON ledger_entries (school_id, transaction_id);
CREATE INDEX ledger_entries_student ON ledger_entries (school_id, student_id, entry_date);
CREATE INDEX ledger_entries_account ON ledger_entries (school_id, account, entry_date);
CALL adopt_tenant_table('ledger_entries', 'schools24_fee', append_only => true);

-- Debits equal credits, per transaction and currency, when the database transaction ends. Entries added to an old
-- ledger transaction are summed with it, so nothing can be smuggled in later either.
CREATE FUNCTION ledger_is_balanced() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_entries
        WHERE school_id = NEW.school_id AND transaction_id = NEW.transaction_id
        GROUP BY currency
        HAVING sum(debit_minor) <> sum(credit_minor)
    ) THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', NEW.transaction_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_is_balanced', TABLE = 'ledger_entries';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER ledger_is_balanced AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_is_balanced();

-- What providers told us, word for word: webhooks come twice, late and out of order.
CREATE TABLE provider_events (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    provider text NOT NULL CHECK (provider IN ('razorpay', 'stripe')),
    event_id text NOT NULL CHECK (char_length(event_id) BETWEEN 1 AND 255),
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 100),
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz,
    outcome text CHECK (char_length(outcome) <= 1000),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, provider, event_id)
);
CALL adopt_tenant_table('provider_events', 'schools24_fee', private => true);
