//! Double entry: everything that happens to money, as debits and credits that are equal.
//!
//! A payment first becomes the student's credit, and what of it pays an invoice is taken from there. So a payment's credit in the ledger is what of it is
//! still free, and an invoice's receivable is what of it is still owed; the database compares both with the documents at every commit.

use super::charge::Sums;

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What students owe.
    Receivable,
    /// What students have paid and nothing was set against yet.
    StudentCredit,
    /// Fees earned.
    FeeIncome,
    /// Fines earned.
    FineIncome,
    /// Tax that is owed to the state.
    TaxPayable,
    /// Fees forgone by concessions.
    Concessions,
    /// Fees given up afterwards.
    Waivers,
    /// The cash box.
    Cash,
    /// The bank.
    Bank,
    /// Cheques that are not cleared yet.
    Cheques,
    /// What providers of payments hold for the school.
    Gateway,
    /// What is on its way back.
    RefundsPayable,
    /// What providers of payments kept for themselves.
    ProviderFees,
    /// What the cash box had too much or too little when it was counted.
    CashOverShort,
}

impl Account {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::StudentCredit => "student_credit",
            Self::FeeIncome => "fee_income",
            Self::FineIncome => "fine_income",
            Self::TaxPayable => "tax_payable",
            Self::Concessions => "concessions",
            Self::Waivers => "waivers",
            Self::Cash => "cash",
            Self::Bank => "bank",
            Self::Cheques => "cheques",
            Self::Gateway => "gateway",
            Self::RefundsPayable => "refunds_payable",
            Self::ProviderFees => "provider_fees",
            Self::CashOverShort => "cash_over_short",
        }
    }

    /// Where money of a payment by `method` arrives.
    #[must_use]
    pub fn of_method(method: &str) -> Self {
        match method {
            "cash" => Self::Cash,
            "cheque" => Self::Cheques,
            "card" | "online" => Self::Gateway,
            _ => Self::Bank,
        }
    }
}

/// One side of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// Minor units; none if it is a credit.
    pub debit: i64,
    /// Minor units; none if it is a debit.
    pub credit: i64,
}

/// Entries whose debits equal their credits; there is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting(Vec<Entry>);

impl Posting {
    /// Moves `amount` from `credit` to `debit`. Nothing moves nothing.
    #[must_use]
    pub fn transfer(debit: Account, credit: Account, amount: i64) -> Self {
        if amount <= 0 {
            return Self(Vec::new());
        }
        Self(vec![Entry { account: debit, debit: amount, credit: 0 }, Entry { account: credit, debit: 0, credit: amount }])
    }

    /// An invoice over `sums` is issued.
    #[must_use]
    pub fn issue(sums: &Sums) -> Self {
        let debit = |account, amount| Entry { account, debit: amount, credit: 0 };
        let credit = |account, amount| Entry { account, debit: 0, credit: amount };
        let entries = [
            debit(Account::Receivable, sums.total()),
            debit(Account::Concessions, sums.concessions),
            credit(Account::FeeIncome, sums.fees),
            credit(Account::TaxPayable, sums.tax),
            credit(Account::FineIncome, sums.fines),
        ];
        Self(entries.into_iter().filter(|entry| entry.debit + entry.credit > 0).collect())
    }

    /// What takes this one back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self(self.0.iter().map(|entry| Entry { debit: entry.credit, credit: entry.debit, ..*entry }).collect())
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn balance(posting: &Posting) -> i64 {
        posting.entries().iter().map(|entry| entry.debit - entry.credit).sum()
    }

    proptest! {
        #[test]
        fn every_posting_balances_and_its_reverse_undoes_it(
            fees in 1_i64..=1_000_000_000, off in 0_i64..=1_000_000_000, tax in 0_i64..=1_000_000, fines in 0_i64..=1_000_000
        ) {
            let sums = Sums { fees, concessions: off.min(fees), tax, fines };
            let posting = Posting::issue(&sums);
            prop_assert_eq!(balance(&posting), 0);
            for entry in posting.entries() {
                prop_assert!((entry.debit > 0) != (entry.credit > 0), "one side each");
            }
            let back = posting.reversed();
            prop_assert_eq!(balance(&back), 0);
            for (there, and_back) in posting.entries().iter().zip(back.entries()) {
                prop_assert_eq!((there.debit, there.credit), (and_back.credit, and_back.debit));
            }
            prop_assert_eq!(balance(&Posting::transfer(Account::Cash, Account::StudentCredit, fees)), 0);
        }
    }

    #[test]
    fn what_is_free_of_charge_posts_what_was_forgone_and_no_debt() {
        let posting = Posting::issue(&Sums { fees: 100, concessions: 100, tax: 0, fines: 0 });
        let told: Vec<_> = posting.entries().iter().map(|entry| (entry.account, entry.debit, entry.credit)).collect();
        assert_eq!(told, [(Account::Concessions, 100, 0), (Account::FeeIncome, 0, 100)]);
        assert!(Posting::transfer(Account::Cash, Account::Bank, 0).entries().is_empty());
    }
}
