-- Fee: payments that are voided or shared, cash that is over or short, invoices that are not billed again, and what an issued invoice stays.

-- A payment that was entered by mistake is voided: its receipt keeps its number, and what it paid is owed again.
ALTER TABLE payments
    DROP CONSTRAINT payments_status_check,
    ADD CONSTRAINT payments_status_check CHECK (status IN ('created', 'captured', 'failed', 'bounced', 'voided')),
    ADD COLUMN voided_on date,
    -- One transfer or cheque that pays for several: each part is a payment with a receipt of its own.
    ADD COLUMN batch_id uuid,
    ADD COLUMN batch_position integer CHECK (batch_position BETWEEN 1 AND 10),
    ADD CONSTRAINT payments_voided_keeps_its_receipt
        CHECK (status <> 'voided' OR (receipt_number IS NOT NULL AND captured_at IS NOT NULL AND booked_on IS NOT NULL AND voided_on IS NOT NULL)),
    ADD CONSTRAINT payments_batch_has_places CHECK ((batch_id IS NULL) = (batch_position IS NULL)),
    ADD CONSTRAINT payments_batch_place_once UNIQUE (school_id, batch_id, batch_position);
COMMENT ON COLUMN payments.voided_on IS 'the day under which the books take it back';
COMMENT ON COLUMN payments.batch_id IS 'the payments of one transfer or cheque have the same';
-- A transfer's number and a cheque are good for one payment or one batch, whose first part stands for all of it; what bounced or was voided may be entered again.
DROP INDEX payments_reference_once;
CREATE UNIQUE INDEX payments_reference_once ON payments (school_id, upper(reference))
    WHERE coalesce(batch_position, 1) = 1 AND status NOT IN ('bounced', 'voided');
DROP INDEX payments_cheque_once;
CREATE UNIQUE INDEX payments_cheque_once ON payments (school_id, cheque_bank, cheque_number)
    WHERE cheque_number IS NOT NULL AND coalesce(batch_position, 1) = 1 AND status NOT IN ('bounced', 'voided');

-- What the cash box had too much or too little when it was counted.
ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_account,
    ADD CONSTRAINT ledger_entries_account CHECK (account IN (
        'receivable', 'student_credit', 'fee_income', 'fine_income', 'tax_payable', 'concessions', 'waivers',
        'cash', 'bank', 'cheques', 'gateway', 'refunds_payable', 'provider_fees', 'cash_over_short'));

-- Whether a run bills the student again after this invoice was cancelled.
ALTER TABLE invoices ADD COLUMN rebill boolean NOT NULL DEFAULT false;
CREATE INDEX invoices_cancelled ON invoices (school_id, fee_structure_id, period, student_id) WHERE status = 'cancelled';

-- Pages of all invoices and of all payments.
CREATE INDEX invoices_due ON invoices (school_id, due_on, id);
CREATE INDEX payments_made ON payments (school_id, created_at, id);

-- What the books compare of a payment at each commit is found by all that is asked of it: without statistics, as after a crash, the planner took the index of the
-- account and read half the ledger.
DROP INDEX ledger_entries_payment;
CREATE INDEX ledger_entries_payment ON ledger_entries (school_id, payment_id, account);

-- What was issued stays what it was issued as: its number is in somebody's hands, and the ledger has it under this student and currency.
CREATE FUNCTION invoice_is_final() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.student_id, OLD.currency, OLD.source, OLD.source_ref, OLD.fee_structure_id, OLD.period, OLD.number, OLD.issued_at)
        IS NOT DISTINCT FROM (NEW.student_id, NEW.currency, NEW.source, NEW.source_ref, NEW.fee_structure_id, NEW.period, NEW.number, NEW.issued_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is final', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_is_final', TABLE = 'invoices';
END
$$;
CREATE TRIGGER invoice_is_final BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW WHEN (OLD.issued_at IS NOT NULL) EXECUTE FUNCTION invoice_is_final();

-- A student's money pays the student's own invoices. Neither changes hands: the one is final from the beginning, the other from when it is issued, and nothing
-- is set against a draft.
CREATE FUNCTION allocation_is_of_one_student() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM payments p JOIN invoices i ON i.school_id = p.school_id AND i.id = NEW.invoice_id
        WHERE p.school_id = NEW.school_id AND p.id = NEW.payment_id AND p.student_id <> i.student_id
    ) THEN
        RAISE EXCEPTION 'payment % is of another student than invoice %', NEW.payment_id, NEW.invoice_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_is_of_one_student', TABLE = 'payment_allocations';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER allocation_is_of_one_student BEFORE INSERT OR UPDATE OF payment_id, invoice_id ON payment_allocations
    FOR EACH ROW EXECUTE FUNCTION allocation_is_of_one_student();
