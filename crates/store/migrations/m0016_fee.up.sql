-- Fee, whole: fines, concessions that somebody decides on, what of a payment went to which invoice, waivers, closed days, and constraints that tie
-- invoices, payments and receipts to the ledger.

-- How a school keeps its books. One row a school, made when it is first needed; its id is the school's.
CREATE TABLE fee_settings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    fiscal_year_starts_in integer NOT NULL DEFAULT 4 CHECK (fiscal_year_starts_in BETWEEN 1 AND 12),
    invoice_prefix text NOT NULL DEFAULT 'INV' CHECK (invoice_prefix ~ '^[A-Za-z0-9/-]{1,16}$'),
    receipt_prefix text NOT NULL DEFAULT 'R' CHECK (receipt_prefix ~ '^[A-Za-z0-9/-]{1,16}$'),
    tax_name text NOT NULL DEFAULT 'Tax' CHECK (char_length(tax_name) BETWEEN 1 AND 50),
    applies_credit boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CHECK (id = school_id)
);
COMMENT ON COLUMN fee_settings.fiscal_year_starts_in IS 'month, 1 to 12; receipts are numbered from 1 in each fiscal year';
COMMENT ON COLUMN fee_settings.applies_credit IS 'whether a student''s credit is set against an invoice as it is issued';
CALL adopt_tenant_table('fee_settings', 'schools24_fee');

-- What decides about a student's fees and stands nowhere else. Its id is the student's.
CREATE TABLE fee_profiles (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    category text CHECK (char_length(category) BETWEEN 1 AND 100),
    payer text CHECK (char_length(payer) BETWEEN 1 AND 200),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, id) REFERENCES students (school_id, id)
);
COMMENT ON COLUMN fee_profiles.payer IS 'who pays, where that is neither the student nor a guardian';
CALL adopt_tenant_table('fee_profiles', 'schools24_fee');

-- What is due for paying late.
CREATE TABLE fine_rules (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('fixed', 'per_day', 'percent')),
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint CHECK (amount_minor > 0),
    basis_points integer CHECK (basis_points BETWEEN 1 AND 10000),
    grace_days integer NOT NULL DEFAULT 0 CHECK (grace_days BETWEEN 0 AND 365),
    cap_minor bigint CHECK (cap_minor > 0),
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT fine_rules_name UNIQUE (school_id, name),
    CHECK ((kind = 'percent') = (basis_points IS NOT NULL)),
    CHECK ((kind = 'percent') = (amount_minor IS NULL))
);
CALL adopt_tenant_table('fine_rules', 'schools24_fee');

ALTER TABLE concessions
    ADD COLUMN name text NOT NULL DEFAULT 'Concession' CHECK (char_length(name) BETWEEN 1 AND 100),
    ADD COLUMN requested_by uuid REFERENCES users,
    ADD COLUMN decided_at timestamptz,
    ADD CONSTRAINT concessions_names_its_category CHECK (kind <> 'category' OR category IS NOT NULL),
    -- Nobody grants what they asked for.
    ADD CONSTRAINT concessions_two_people CHECK (approved_by IS NULL OR requested_by IS NULL OR approved_by <> requested_by);
CREATE INDEX concessions_approved ON concessions (school_id, valid_from) WHERE status = 'approved';

-- The last invoice number of a fiscal year.
CREATE TABLE invoice_counters (
    school_id uuid NOT NULL REFERENCES schools,
    fiscal_year text NOT NULL CHECK (char_length(fiscal_year) BETWEEN 4 AND 16),
    last_number bigint NOT NULL DEFAULT 0 CHECK (last_number >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, fiscal_year)
);
CALL adopt_tenant_table('invoice_counters', 'schools24_fee');

ALTER TABLE invoices
    -- What caused it: another service's charge is made an invoice once.
    ADD COLUMN source text NOT NULL DEFAULT 'structure' CHECK (source IN ('structure', 'manual', 'inventory', 'transport')),
    ADD COLUMN source_ref text CHECK (char_length(source_ref) BETWEEN 1 AND 200),
    ADD COLUMN payer text CHECK (char_length(payer) BETWEEN 1 AND 200),
    ADD COLUMN cancel_reason text CHECK (char_length(cancel_reason) <= 1000),
    ADD CONSTRAINT invoices_once_a_source UNIQUE (school_id, source, source_ref);

ALTER TABLE invoice_lines
    ADD COLUMN fine_rule_id uuid,
    ADD CONSTRAINT invoice_lines_fine_rule FOREIGN KEY (school_id, fine_rule_id) REFERENCES fine_rules (school_id, id);

ALTER TABLE payments
    ADD COLUMN allocated_minor bigint NOT NULL DEFAULT 0 CHECK (allocated_minor >= 0),
    ADD COLUMN booked_on date,
    -- What stood in front of the receipt's number when it was given: a setting that changes later renames no receipt.
    ADD COLUMN receipt_prefix text NOT NULL DEFAULT 'R' CHECK (receipt_prefix ~ '^[A-Za-z0-9/-]{1,16}$'),
    ADD COLUMN reference text CHECK (char_length(reference) BETWEEN 1 AND 64),
    ADD COLUMN cheque_number text CHECK (cheque_number ~ '^[0-9A-Za-z-]{1,32}$'),
    ADD COLUMN cheque_bank text CHECK (char_length(cheque_bank) BETWEEN 1 AND 100),
    ADD COLUMN cheque_date date,
    ADD COLUMN cleared_on date,
    ADD COLUMN bounced_on date,
    ADD COLUMN failure text CHECK (char_length(failure) <= 1000),
    ADD COLUMN paid_by text CHECK (char_length(paid_by) BETWEEN 1 AND 200),
    ADD CONSTRAINT payments_within_amount CHECK (allocated_minor <= amount_minor - refunded_minor),
    ADD CONSTRAINT payments_only_captured_pays CHECK (status = 'captured' OR allocated_minor = 0);
-- A transfer's number is good for one payment, however it is spelled and whichever way the transfer is said to have come.
CREATE UNIQUE INDEX payments_reference_once ON payments (school_id, upper(reference));
-- A cheque counts once; one that bounced may be handed in again.
CREATE UNIQUE INDEX payments_cheque_once ON payments (school_id, cheque_bank, cheque_number) WHERE cheque_number IS NOT NULL AND status <> 'bounced';
CREATE INDEX payments_booked ON payments (school_id, booked_on);
CREATE INDEX payments_credit ON payments (school_id, student_id, currency) WHERE status = 'captured' AND amount_minor > refunded_minor + allocated_minor;

-- What of a payment went to which invoice, and what of that was taken back. In one currency, by the foreign keys.
CREATE TABLE payment_allocations (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    payment_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    released_minor bigint NOT NULL DEFAULT 0 CHECK (released_minor >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, payment_id, currency) REFERENCES payments (school_id, id, currency),
    FOREIGN KEY (school_id, invoice_id, currency) REFERENCES invoices (school_id, id, currency),
    CONSTRAINT payment_allocations_release_within_amount CHECK (released_minor <= amount_minor)
);
CREATE INDEX payment_allocations_payment ON payment_allocations (school_id, payment_id);
CREATE INDEX payment_allocations_invoice ON payment_allocations (school_id, invoice_id);
CALL adopt_tenant_table('payment_allocations', 'schools24_fee');

-- What the school gave up of an invoice. Nobody takes that back.
CREATE TABLE waivers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    invoice_id uuid NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 1000),
    approved_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version = 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, invoice_id, currency) REFERENCES invoices (school_id, id, currency)
);
CREATE INDEX waivers_invoice ON waivers (school_id, invoice_id);
CALL adopt_tenant_table('waivers', 'schools24_fee', append_only => true);

-- The last voucher number of a fiscal year: what goes out is numbered without gaps, as is what comes in.
CREATE TABLE voucher_counters (
    school_id uuid NOT NULL REFERENCES schools,
    fiscal_year text NOT NULL CHECK (char_length(fiscal_year) BETWEEN 4 AND 16),
    last_number bigint NOT NULL DEFAULT 0 CHECK (last_number >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, fiscal_year)
);
CALL adopt_tenant_table('voucher_counters', 'schools24_fee');

ALTER TABLE refunds
    ADD COLUMN fiscal_year text,
    ADD COLUMN voucher_number bigint CHECK (voucher_number >= 1),
    ADD CONSTRAINT refunds_voucher_once UNIQUE (school_id, fiscal_year, voucher_number),
    ADD CONSTRAINT refunds_voucher_year FOREIGN KEY (school_id, fiscal_year) REFERENCES voucher_counters (school_id, fiscal_year),
    ADD CONSTRAINT refunds_numbered_when_paid CHECK ((status = 'succeeded') = (voucher_number IS NOT NULL) AND (fiscal_year IS NULL) = (voucher_number IS NULL)),
    ADD COLUMN method text NOT NULL DEFAULT 'bank_transfer' CHECK (method IN ('cash', 'bank_transfer', 'upi', 'cheque', 'provider')),
    ADD COLUMN reference text CHECK (char_length(reference) BETWEEN 1 AND 64),
    ADD COLUMN failure text CHECK (char_length(failure) <= 1000),
    ADD COLUMN settled_at timestamptz;

-- Days whose books are closed: the ledger takes nothing on or before them.
CREATE TABLE day_closings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    closed_on date NOT NULL,
    totals jsonb NOT NULL CHECK (jsonb_typeof(totals) = 'array'),
    counted jsonb NOT NULL CHECK (jsonb_typeof(counted) = 'array'),
    note text CHECK (char_length(note) <= 1000),
    closed_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version = 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT day_closings_once UNIQUE (school_id, closed_on)
);
COMMENT ON COLUMN day_closings.totals IS '[{"currency", "method", "received_minor", "refunded_minor", "payments"}], as the books have it';
COMMENT ON COLUMN day_closings.counted IS '[{"currency", "expected_minor", "counted_minor", "difference_minor"}]: the cash box';
CALL adopt_tenant_table('day_closings', 'schools24_fee', append_only => true);

ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_account CHECK (account IN (
    'receivable', 'student_credit', 'fee_income', 'fine_income', 'tax_payable', 'concessions', 'waivers',
    'cash', 'bank', 'cheques', 'gateway', 'refunds_payable', 'provider_fees'));
CREATE INDEX ledger_entries_invoice ON ledger_entries (school_id, invoice_id);
CREATE INDEX ledger_entries_payment ON ledger_entries (school_id, payment_id);
CREATE INDEX ledger_entries_date ON ledger_entries (school_id, entry_date);

-- Payments of earlier releases went to the one invoice that they name. Row security would hide them from the owner.
ALTER TABLE payments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_allocations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY;
ALTER TABLE schools NO FORCE ROW LEVEL SECURITY;
INSERT INTO payment_allocations (school_id, id, payment_id, invoice_id, currency, amount_minor)
    SELECT p.school_id, gen_random_uuid(), p.id, p.invoice_id, p.currency, least(p.amount_minor - p.refunded_minor, i.paid_minor)
    FROM payments p JOIN invoices i ON i.school_id = p.school_id AND i.id = p.invoice_id
    WHERE p.status = 'captured' AND least(p.amount_minor - p.refunded_minor, i.paid_minor) > 0;
UPDATE payments p SET booked_on = (p.captured_at AT TIME ZONE s.time_zone)::date,
    allocated_minor = (SELECT coalesce(sum(a.amount_minor), 0) FROM payment_allocations a WHERE a.school_id = p.school_id AND a.payment_id = p.id)
    FROM schools s WHERE s.id = p.school_id AND p.captured_at IS NOT NULL;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_allocations FORCE ROW LEVEL SECURITY;
ALTER TABLE invoices FORCE ROW LEVEL SECURITY;
ALTER TABLE schools FORCE ROW LEVEL SECURITY;

ALTER TABLE payments ADD CONSTRAINT payments_booked_when_captured CHECK (status NOT IN ('captured', 'bounced') OR booked_on IS NOT NULL);

-- An invoice is the sum of its lines, what is paid the sum of allocations, what is waived the sum of waivers, and the ledger says the same of what
-- is still owed.
CREATE FUNCTION check_invoice(school uuid, invoice uuid) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    found_row invoices;
    said numeric;
    broken text;
BEGIN
    SELECT * INTO found_row FROM invoices WHERE school_id = school AND id = invoice;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO said FROM invoice_lines WHERE school_id = school AND invoice_id = invoice;
    IF said <> found_row.total_minor THEN broken := 'invoices_total_is_their_lines'; END IF;
    SELECT coalesce(sum(amount_minor - released_minor), 0) INTO said FROM payment_allocations WHERE school_id = school AND invoice_id = invoice;
    IF said <> found_row.paid_minor THEN broken := 'invoices_paid_is_their_allocations'; END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO said FROM waivers WHERE school_id = school AND invoice_id = invoice;
    IF said <> found_row.waived_minor THEN broken := 'invoices_waived_is_their_waivers'; END IF;
    SELECT coalesce(sum(debit_minor - credit_minor), 0) INTO said FROM ledger_entries
        WHERE school_id = school AND invoice_id = invoice AND account = 'receivable';
    IF said <> (CASE WHEN found_row.status IN ('draft', 'cancelled') THEN 0
                     ELSE found_row.total_minor - found_row.paid_minor - found_row.waived_minor END) THEN
        broken := 'invoices_owed_is_in_the_ledger';
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'invoice % does not add up', invoice USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'invoices';
    END IF;
END
$$;

-- A payment went where its allocations say, its refunds are its refunds, and the ledger has the money and the student's credit.
CREATE FUNCTION check_payment(school uuid, payment uuid) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    found_row payments;
    said numeric;
    broken text;
BEGIN
    SELECT * INTO found_row FROM payments WHERE school_id = school AND id = payment;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(amount_minor - released_minor), 0) INTO said FROM payment_allocations WHERE school_id = school AND payment_id = payment;
    IF said <> found_row.allocated_minor THEN broken := 'payments_allocated_is_their_allocations'; END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO said FROM refunds WHERE school_id = school AND payment_id = payment AND status <> 'failed';
    IF said <> found_row.refunded_minor THEN broken := 'payments_refunded_is_their_refunds'; END IF;
    SELECT coalesce(sum(debit_minor - credit_minor), 0) INTO said FROM ledger_entries
        WHERE school_id = school AND payment_id = payment AND account IN ('cash', 'bank', 'cheques', 'gateway', 'refunds_payable');
    IF said <> (CASE WHEN found_row.status = 'captured' THEN found_row.amount_minor - found_row.refunded_minor ELSE 0 END) THEN
        broken := 'payments_money_is_in_the_ledger';
    END IF;
    SELECT coalesce(sum(credit_minor - debit_minor), 0) INTO said FROM ledger_entries
        WHERE school_id = school AND payment_id = payment AND account = 'student_credit';
    IF said <> (CASE WHEN found_row.status = 'captured'
                     THEN found_row.amount_minor - found_row.refunded_minor - found_row.allocated_minor ELSE 0 END) THEN
        broken := 'payments_credit_is_in_the_ledger';
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'payment % does not add up', payment USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'payments';
    END IF;
END
$$;

-- Looks at whatever a changed row belongs to, when the transaction ends.
CREATE FUNCTION fee_adds_up() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
    invoice uuid := (changed ->> (CASE TG_TABLE_NAME WHEN 'invoices' THEN 'id' ELSE 'invoice_id' END))::uuid;
    payment uuid := (changed ->> (CASE TG_TABLE_NAME WHEN 'payments' THEN 'id' ELSE 'payment_id' END))::uuid;
BEGIN
    -- An entry changes what one of the two must agree with.
    IF TG_TABLE_NAME = 'ledger_entries' THEN
        IF changed ->> 'account' = 'receivable' THEN payment := NULL; ELSE invoice := NULL; END IF;
    END IF;
    -- A payment names the invoice that it was meant for; where it went is for its allocations to say.
    IF invoice IS NOT NULL AND TG_TABLE_NAME <> 'payments' THEN
        PERFORM check_invoice((changed ->> 'school_id')::uuid, invoice);
    END IF;
    IF payment IS NOT NULL THEN
        PERFORM check_payment((changed ->> 'school_id')::uuid, payment);
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT OR UPDATE ON invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fee_adds_up();
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT OR UPDATE OR DELETE ON invoice_lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fee_adds_up();
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT OR UPDATE ON payments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fee_adds_up();
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT OR UPDATE OR DELETE ON payment_allocations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fee_adds_up();
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT ON waivers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fee_adds_up();
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT OR UPDATE OR DELETE ON refunds DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fee_adds_up();
CREATE CONSTRAINT TRIGGER fee_adds_up AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.account NOT IN ('fee_income', 'fine_income', 'tax_payable', 'concessions', 'waivers', 'provider_fees')) EXECUTE FUNCTION fee_adds_up();

-- What was paid stays as it was paid: its receipt is in somebody's hands.
CREATE FUNCTION payment_is_final() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.receipt_number IS NULL THEN
            RETURN OLD;
        END IF;
    ELSIF (OLD.student_id, OLD.amount_minor, OLD.currency) = (NEW.student_id, NEW.amount_minor, NEW.currency)
        AND (OLD.receipt_number IS NULL OR (OLD.fiscal_year, OLD.receipt_number, OLD.receipt_prefix, OLD.captured_at, OLD.booked_on, OLD.method)
            IS NOT DISTINCT FROM (NEW.fiscal_year, NEW.receipt_number, NEW.receipt_prefix, NEW.captured_at, NEW.booked_on, NEW.method)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'payment % is final', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_is_final', TABLE = 'payments';
END
$$;
CREATE TRIGGER payment_is_final BEFORE UPDATE OR DELETE ON payments FOR EACH ROW EXECUTE FUNCTION payment_is_final();

-- A refund is of one payment and amount, and what became of it doesn't change any more.
CREATE FUNCTION refund_is_final() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.voucher_number IS NULL THEN
            RETURN OLD;
        END IF;
    ELSIF (OLD.payment_id, OLD.amount_minor, OLD.currency) = (NEW.payment_id, NEW.amount_minor, NEW.currency)
        AND (OLD.status = 'pending' OR (OLD.status, OLD.fiscal_year, OLD.voucher_number) IS NOT DISTINCT FROM (NEW.status, NEW.fiscal_year, NEW.voucher_number)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'refund % is final', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_is_final', TABLE = 'refunds';
END
$$;
CREATE TRIGGER refund_is_final BEFORE UPDATE OR DELETE ON refunds FOR EACH ROW EXECUTE FUNCTION refund_is_final();

-- Numbers of a fiscal year go up by one, each is on a document, and no document has a higher one: no gap can come about. For a counter, with the table and
-- column of its documents.
CREATE FUNCTION numbers_have_no_gaps() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    fits boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.last_number = OLD.last_number + 1 THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE school_id = $1 AND fiscal_year = $2 AND %I = $3)', TG_ARGV[0], TG_ARGV[1])
            INTO fits USING NEW.school_id, NEW.fiscal_year, NEW.last_number;
    ELSIF TG_OP = 'INSERT' THEN
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I c WHERE c.school_id = $1 AND c.fiscal_year = $2 AND c.last_number <>'
            ' (SELECT count(*) FROM %I d WHERE d.school_id = c.school_id AND d.fiscal_year = c.fiscal_year))', TG_TABLE_NAME, TG_ARGV[0])
            INTO fits USING NEW.school_id, NEW.fiscal_year;
    END IF;
    IF NOT fits THEN
        RAISE EXCEPTION 'the numbers of % would have a gap', coalesce(NEW.fiscal_year, OLD.fiscal_year)
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER receipts_have_no_gaps AFTER INSERT OR UPDATE OR DELETE ON receipt_counters
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION numbers_have_no_gaps('payments', 'receipt_number');
CREATE CONSTRAINT TRIGGER vouchers_have_no_gaps AFTER INSERT OR UPDATE OR DELETE ON voucher_counters
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION numbers_have_no_gaps('refunds', 'voucher_number');

-- For a document, with the table of its counter and the column of its number.
CREATE FUNCTION number_is_counted() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    number bigint := (to_jsonb(NEW) ->> TG_ARGV[1])::bigint;
    fits boolean;
BEGIN
    IF number IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE school_id = $1 AND fiscal_year = $2 AND last_number >= $3)', TG_ARGV[0])
            INTO fits USING NEW.school_id, NEW.fiscal_year, number;
        IF NOT fits THEN
            RAISE EXCEPTION 'number % was not counted', number USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER receipt_is_counted AFTER INSERT OR UPDATE ON payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_is_counted('receipt_counters', 'receipt_number');
CREATE CONSTRAINT TRIGGER voucher_is_counted AFTER INSERT OR UPDATE ON refunds
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_is_counted('voucher_counters', 'voucher_number');

-- The ledger takes nothing on a day that is closed. Entries hold the school's book open while their transaction lasts, and a closing waits for them.
CREATE FUNCTION book_lock(school uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(school::text, 16);

CREATE FUNCTION ledger_day_is_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(book_lock(NEW.school_id));
    IF EXISTS (SELECT FROM day_closings WHERE school_id = NEW.school_id AND closed_on >= NEW.entry_date) THEN
        RAISE EXCEPTION 'the books of % are closed', NEW.entry_date
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_day_is_open', TABLE = 'ledger_entries';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_day_is_open BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION ledger_day_is_open();

CREATE FUNCTION closing_waits_for_entries() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(book_lock(NEW.school_id));
    RETURN NEW;
END
$$;
CREATE TRIGGER closing_waits_for_entries BEFORE INSERT ON day_closings FOR EACH ROW EXECUTE FUNCTION closing_waits_for_entries();
