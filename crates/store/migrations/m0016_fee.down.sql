DROP TRIGGER ledger_day_is_open ON ledger_entries;
DROP TRIGGER receipt_is_counted ON payments;
DROP TRIGGER voucher_is_counted ON refunds;
DROP TRIGGER receipts_have_no_gaps ON receipt_counters;
DROP TRIGGER refund_is_final ON refunds;
DROP TRIGGER payment_is_final ON payments;
DROP TRIGGER fee_adds_up ON ledger_entries;
DROP TRIGGER fee_adds_up ON refunds;
DROP TRIGGER fee_adds_up ON payments;
DROP TRIGGER fee_adds_up ON invoice_lines;
DROP TRIGGER fee_adds_up ON invoices;
DROP INDEX ledger_entries_date;
DROP INDEX ledger_entries_payment;
DROP INDEX ledger_entries_invoice;
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_account;
DROP TABLE day_closings;
ALTER TABLE refunds DROP COLUMN fiscal_year, DROP COLUMN voucher_number, DROP COLUMN method, DROP COLUMN reference, DROP COLUMN failure, DROP COLUMN settled_at;
DROP TABLE voucher_counters;
DROP TABLE waivers;
DROP TABLE payment_allocations;
DROP INDEX payments_credit;
DROP INDEX payments_booked;
DROP INDEX payments_cheque_once;
DROP INDEX payments_reference_once;
ALTER TABLE payments
    DROP CONSTRAINT payments_booked_when_captured,
    DROP CONSTRAINT payments_within_amount,
    DROP CONSTRAINT payments_only_captured_pays,
    DROP COLUMN allocated_minor,
    DROP COLUMN booked_on,
    DROP COLUMN receipt_prefix,
    DROP COLUMN reference,
    DROP COLUMN cheque_number,
    DROP COLUMN cheque_bank,
    DROP COLUMN cheque_date,
    DROP COLUMN cleared_on,
    DROP COLUMN bounced_on,
    DROP COLUMN failure,
    DROP COLUMN paid_by;
ALTER TABLE invoice_lines DROP COLUMN fine_rule_id;
ALTER TABLE invoices DROP COLUMN source, DROP COLUMN source_ref, DROP COLUMN payer, DROP COLUMN cancel_reason;
DROP TABLE invoice_counters;
DROP INDEX concessions_approved;
ALTER TABLE concessions DROP COLUMN name, DROP COLUMN requested_by, DROP COLUMN decided_at, DROP CONSTRAINT concessions_names_its_category;
DROP TABLE fine_rules;
DROP TABLE fee_profiles;
DROP TABLE fee_settings;
DROP FUNCTION closing_waits_for_entries();
DROP FUNCTION ledger_day_is_open();
DROP FUNCTION book_lock(uuid);
DROP FUNCTION number_is_counted();
DROP FUNCTION numbers_have_no_gaps();
DROP FUNCTION refund_is_final();
DROP FUNCTION payment_is_final();
DROP FUNCTION fee_adds_up();
DROP FUNCTION check_payment(uuid, uuid);
DROP FUNCTION check_invoice(uuid, uuid);
