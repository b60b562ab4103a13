//! Fees of both terms: what is owed, what was paid, and a ledger that agrees with both.
//!
//! Accounts: `receivable` (what students owe), `student_credit` (what they paid, until it is set against an invoice), `fee_income`, `concessions`, `cash`,
//! `bank`.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use domain::Timestamp;
use serde_json::{Value, json};
use store::SchoolTransaction;
use uuid::Uuid;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::people::{bookkeeper, term_id, year_id};
use crate::random::Random;
use crate::roster::{Roster, Student};

/// Ten percent off tuition for who has a sibling in the school.
const SIBLING_BASIS_POINTS: i64 = 1000;
const METHODS: &[&str] = &["upi", "upi", "bank_transfer", "bank_transfer", "cash", "cheque"];

/// A charge of a term.
struct Charge {
    id: Uuid,
    head: &'static str,
    amount: i64,
}

/// Rows as they come about.
struct Books<'r> {
    roster: &'r Roster,
    bookkeeper: Uuid,
    concessions: Vec<Value>,
    invoices: Vec<Value>,
    lines: Vec<Value>,
    payments: Vec<Payment>,
    allocations: Vec<Value>,
    ledger: Vec<Value>,
    /// The last invoice number of each fiscal year.
    numbers: BTreeMap<String, i64>,
    ids: LedgerIds,
}

struct LedgerIds {
    invoice: Ids,
    line: Ids,
    transaction: Ids,
    entry: Ids,
}

struct Payment {
    student: Uuid,
    invoice: Uuid,
    method: &'static str,
    amount: i64,
    at: Timestamp,
}

/// What a transaction in the ledger is about.
#[derive(Clone, Copy)]
struct About {
    student: Uuid,
    invoice: Uuid,
    payment: Option<Uuid>,
    on: NaiveDate,
}

/// Structures, invoices, payments and the ledger.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (school, now, number) = (roster.school, roster.dates.now, roster.spec.number);
    let mut random = Random::of(number, "fees");
    let ids = LedgerIds {
        invoice: Ids::of(number, Kind::Invoice),
        line: Ids::of(number, Kind::InvoiceLine),
        transaction: Ids::of(number, Kind::LedgerTransaction),
        entry: Ids::of(number, Kind::LedgerEntry),
    };
    let mut books = Books {
        roster,
        bookkeeper: bookkeeper(roster)?,
        concessions: Vec::new(),
        invoices: Vec::new(),
        lines: Vec::new(),
        payments: Vec::new(),
        allocations: Vec::new(),
        ledger: Vec::new(),
        numbers: BTreeMap::new(),
        ids,
    };
    let (mut structures, mut items) = (Vec::new(), Vec::new());
    let mut item_ids = Ids::of(number, Kind::FeeItem);
    for (term, span) in roster.dates.terms.iter().enumerate() {
        let structure = id(number, Kind::FeeStructure, term + 1);
        let tuition = roster.spec.tuition;
        let charges = [("Tuition", tuition), ("Books and laboratory", tuition / 8), ("Activities", tuition / 20)];
        let charges = charges.map(|(head, amount)| Charge { id: item_ids.next(), head, amount });
        let due_on = span.from + Days::new(20);
        structures.push(json!({"id": structure, "academic_year_id": year_id(roster), "term_id": term_id(roster, term + 1),
            "name": format!("Fees, term {}", term + 1), "currency": roster.spec.currency, "status": "active"}));
        items.extend(charges.iter().map(|charge| {
            json!({"id": charge.id, "fee_structure_id": structure, "head": charge.head, "instalment": 1, "amount_minor": charge.amount,
                "tax_basis_points": 0, "due_on": due_on, "is_optional": false})
        }));
        for (_, student) in roster.students() {
            books.invoice(student, term, structure, &charges, span.from, due_on, &mut random);
        }
    }
    let (counters, payments) = books.receipts();
    let invoice_counters: Vec<Value> = books.numbers.iter().map(|(year, last)| json!({"fiscal_year": year, "last_number": last})).collect();
    let fine_rules =
        vec![json!({"id": id(number, Kind::FineRule, 1), "name": "Late payment", "kind": "per_day", "currency": roster.spec.currency,
        "amount_minor": 1000, "grace_days": 7, "cap_minor": 50_000})];
    let connection = transaction.connection()?;
    for (table, rows) in [
        ("fee_structures", &structures),
        ("fee_items", &items),
        ("fine_rules", &fine_rules),
        ("concessions", &books.concessions),
        ("invoices", &books.invoices),
        ("invoice_lines", &books.lines),
        ("invoice_counters", &invoice_counters),
        ("receipt_counters", &counters),
        ("payments", &payments),
        ("payment_allocations", &books.allocations),
        ("ledger_entries", &books.ledger),
    ] {
        school_rows(connection, school, now, table, rows).await?;
    }
    Ok(())
}

impl Books<'_> {
    /// A student's invoice of a term, and what has been paid of it.
    #[allow(clippy::too_many_arguments)]
    fn invoice(
        &mut self,
        student: &Student,
        term: usize,
        structure: Uuid,
        charges: &[Charge],
        issued_on: NaiveDate,
        due_on: NaiveDate,
        random: &mut Random,
    ) {
        let (roster, invoice) = (self.roster, self.ids.invoice.next());
        let issued_at = roster.dates.at(issued_on, 10, 0);
        let gross: i64 = charges.iter().map(|charge| charge.amount).sum();
        for (place, charge) in charges.iter().enumerate() {
            self.lines.push(
                json!({"id": self.ids.line.next(), "invoice_id": invoice, "position": place + 1, "kind": "fee", "description": charge.head,
                "fee_item_id": charge.id, "concession_id": null, "amount_minor": charge.amount, "created_at": issued_at}),
            );
        }
        let off = if student.is_sibling { roster.spec.tuition * SIBLING_BASIS_POINTS / 10_000 } else { 0 };
        if off > 0 {
            let concession = self.concession(student, term);
            self.lines.push(json!({"id": self.ids.line.next(), "invoice_id": invoice, "position": charges.len() + 1, "kind": "concession",
                "description": "Sibling concession, 10 % of tuition", "fee_item_id": null, "concession_id": concession, "amount_minor": -off,
                "created_at": issued_at}));
        }
        let total = gross - off;
        let about = About { student: student.id, invoice, payment: None, on: issued_on };
        self.post(about, "Invoice", &[("receivable", total, 0), ("concessions", off, 0), ("fee_income", 0, gross)], issued_at);

        // The first term is nearly all paid, the current one mostly.
        let part = match (term, random.below(100)) {
            (0, 0..97) | (_, 0..74) => total,
            (_, 0..86) => total / 2,
            _ => 0,
        };
        // Paid within a week before and three weeks after it was due.
        let at = roster.dates.at(due_on - Days::new(7) + Days::new(random.below(28).into()), random.between(9, 18), random.below(60));
        let paid = if at < roster.dates.now { part } else { 0 };
        if paid > 0 {
            self.payments.push(Payment { student: student.id, invoice, method: random.pick(METHODS), amount: paid, at });
        }
        let status = match paid {
            0 => "issued",
            paid if paid < total => "partly_paid",
            _ => "paid",
        };
        let year = fiscal_year(issued_on);
        let number = self.numbers.entry(year.clone()).or_default();
        *number += 1;
        let number = *number;
        let period = format!("{}/{}", roster.dates.year_name, term + 1);
        self.invoices.push(json!({"id": invoice, "student_id": student.id, "fee_structure_id": structure, "period": period,
            "number": format!("INV/{year}/{number:06}"), "currency": roster.spec.currency, "status": status, "total_minor": total,
            "paid_minor": paid, "waived_minor": 0, "due_on": due_on, "issued_at": issued_at,
            "reminder_count": i32::from(paid < total && due_on < roster.dates.today), "created_at": issued_at}));
    }

    /// The student's concession, which is approved in the first term and holds for the year.
    fn concession(&mut self, student: &Student, term: usize) -> Uuid {
        let concession = id(self.roster.spec.number, Kind::Concession, student.number);
        if term == 0 {
            self.concessions.push(json!({"id": concession, "name": "Sibling", "student_id": student.id, "kind": "sibling", "head": "Tuition",
                "percent_basis_points": SIBLING_BASIS_POINTS, "stacking_order": 100, "valid_from": self.roster.dates.year.from, "valid_to": self.roster.dates.year.to,
                "status": "approved", "approved_by": self.roster.admin.user, "reason": "A brother or sister is in the school"}));
        }
        concession
    }

    /// Payments in the order in which they came, with receipts numbered without gaps in each fiscal year, which begins in April.
    fn receipts(&mut self) -> (Vec<Value>, Vec<Value>) {
        let mut payments = std::mem::take(&mut self.payments);
        payments.sort_by_key(|payment| (payment.at, payment.invoice));
        let mut ids = Ids::of(self.roster.spec.number, Kind::Payment);
        let (mut counters, mut rows): (Vec<(String, i64)>, Vec<Value>) = (Vec::new(), Vec::new());
        for payment in payments {
            let on = payment.at.with_timezone(&self.roster.dates.zone).date_naive();
            let year = fiscal_year(on);
            let receipt = match counters.last_mut() {
                Some((current, last)) if *current == year => {
                    *last += 1;
                    *last
                }
                _ => {
                    counters.push((year.clone(), 1));
                    1
                }
            };
            let (row, place) = (ids.next(), ids.given());
            let is_cheque = payment.method == "cheque";
            let is_transfer = matches!(payment.method, "upi" | "bank_transfer");
            self.allocations
                .push(json!({"id": id(self.roster.spec.number, Kind::Allocation, place), "payment_id": row, "invoice_id": payment.invoice,
                "currency": self.roster.spec.currency, "amount_minor": payment.amount, "created_at": payment.at}));
            rows.push(json!({"id": row, "student_id": payment.student, "invoice_id": payment.invoice, "method": payment.method,
                "currency": self.roster.spec.currency, "amount_minor": payment.amount, "refunded_minor": 0, "allocated_minor": payment.amount,
                "status": "captured", "booked_on": on, "reference": is_transfer.then(|| format!("UTR{place:09}")),
                "cheque_number": is_cheque.then(|| format!("{place:06}")), "cheque_bank": is_cheque.then_some("Village Bank"),
                "cheque_date": is_cheque.then_some(on), "cleared_on": is_cheque.then_some(on), "fiscal_year": year,
                "receipt_number": receipt, "captured_at": payment.at, "received_by": self.bookkeeper, "created_at": payment.at}));
            let account = if payment.method == "cash" { "cash" } else { "bank" };
            let about = About { student: payment.student, invoice: payment.invoice, payment: Some(row), on };
            let amount = payment.amount;
            let sides = [(account, amount, 0), ("student_credit", 0, amount), ("student_credit", amount, 0), ("receivable", 0, amount)];
            self.post(about, "Payment", &sides, payment.at);
        }
        let counters = counters.into_iter().map(|(year, last)| json!({"fiscal_year": year, "last_number": last}));
        (counters.collect(), rows)
    }

    /// A transaction in the ledger: accounts with what they are debited and credited.
    fn post(&mut self, about: About, memo: &str, sides: &[(&str, i64, i64)], at: Timestamp) {
        let transaction = self.ids.transaction.next();
        for (account, debit, credit) in sides.iter().filter(|(_, debit, credit)| *debit > 0 || *credit > 0) {
            self.ledger.push(
                json!({"id": self.ids.entry.next(), "transaction_id": transaction, "account": account, "student_id": about.student,
                "invoice_id": about.invoice, "payment_id": about.payment, "currency": self.roster.spec.currency, "debit_minor": debit,
                "credit_minor": credit, "entry_date": about.on, "memo": memo, "created_at": at}),
            );
        }
    }
}

fn fiscal_year(day: NaiveDate) -> String {
    let from = if day.month() >= 4 { day.year() } else { day.year() - 1 };
    format!("{from}-{:02}", (from + 1).rem_euclid(100))
}
