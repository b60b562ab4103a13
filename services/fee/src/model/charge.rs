//! What an invoice says: fees, what concessions take off, and tax on the rest.

use uuid::Uuid;

use super::concession::{Concession, take_off};
use super::split::share_of;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Something that is charged.
    Fee,
    /// Tax on what is payable.
    Tax,
    /// For paying late.
    Fine,
    /// Something that is taken off.
    Concession,
}

impl LineKind {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::Tax => "tax",
            Self::Fine => "fine",
            Self::Concession => "concession",
        }
    }
}

/// Something to be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The item of a fee structure, if it comes from one.
    pub fee_item_id: Option<Uuid>,
    /// What for.
    pub head: String,
    /// Minor units, more than none.
    pub amount: i64,
    /// Tax on it, in hundredths of a percent.
    pub tax_basis_points: u32,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// What for, for whoever pays.
    pub description: String,
    /// The item of a fee structure.
    pub fee_item_id: Option<Uuid>,
    /// The concession.
    pub concession_id: Option<Uuid>,
    /// The rule of a fine.
    pub fine_rule_id: Option<Uuid>,
    /// Minor units; a concession's are negative.
    pub amount: i64,
}

/// What the lines of an invoice come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Fees, before anything is taken off.
    pub fees: i64,
    /// Taken off; not negative.
    pub concessions: i64,
    /// Tax.
    pub tax: i64,
    /// Fines.
    pub fines: i64,
}

impl Sums {
    /// What `lines` come to.
    #[must_use]
    pub fn of<'l>(lines: impl IntoIterator<Item = (LineKind, &'l i64)>) -> Self {
        let mut sums = Self::default();
        for (kind, amount) in lines {
            match kind {
                LineKind::Fee => sums.fees += amount,
                LineKind::Concession => sums.concessions -= amount,
                LineKind::Tax => sums.tax += amount,
                LineKind::Fine => sums.fines += amount,
            }
        }
        sums
    }

    /// What is to be paid.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.fees - self.concessions + self.tax + self.fines
    }
}

/// The lines of an invoice over `charges`. Tax is on what concessions leave, rounded half up for each charge, and shown once for each rate.
#[must_use]
pub fn lines(charges: &[Charge], concessions: &[Concession], tax_name: &str) -> Vec<Line> {
    let plain =
        |kind, description: String, amount| Line { kind, description, fee_item_id: None, concession_id: None, fine_rule_id: None, amount };
    let mut lines: Vec<Line> = charges
        .iter()
        .map(|charge| Line { fee_item_id: charge.fee_item_id, ..plain(LineKind::Fee, charge.head.clone(), charge.amount) })
        .collect();
    let mut payable: Vec<(String, i64)> = charges.iter().map(|charge| (charge.head.clone(), charge.amount)).collect();
    for taken in take_off(&mut payable, concessions) {
        lines.push(Line { concession_id: Some(taken.concession_id), ..plain(LineKind::Concession, taken.name, -taken.amount) });
    }
    let mut taxes: Vec<(u32, i64)> = Vec::new();
    for (charge, (_, net)) in charges.iter().zip(&payable) {
        let tax = share_of(*net, charge.tax_basis_points);
        match taxes.iter_mut().find(|(rate, _)| *rate == charge.tax_basis_points) {
            Some((_, sum)) => *sum += tax,
            None => taxes.push((charge.tax_basis_points, tax)),
        }
    }
    taxes.sort_unstable();
    for (rate, tax) in taxes.into_iter().filter(|(_, tax)| *tax > 0) {
        lines.push(plain(LineKind::Tax, format!("{tax_name} {}", percent(rate)), tax));
    }
    lines
}

/// Hundredths of a percent as people write them: `12.5 %`.
#[must_use]
pub fn percent(basis_points: u32) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    match rest {
        0 => format!("{whole} %"),
        rest if rest % 10 == 0 => format!("{whole}.{} %", rest / 10),
        rest => format!("{whole}.{rest:02} %"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::concession::Relief;
    use super::super::concession::tests::{any_concession, concession};
    use super::*;

    fn charge(head: &str, amount: i64, tax_basis_points: u32) -> Charge {
        Charge { fee_item_id: None, head: head.to_owned(), amount, tax_basis_points }
    }

    fn sums(lines: &[Line]) -> Sums {
        Sums::of(lines.iter().map(|line| (line.kind, &line.amount)))
    }

    #[test]
    fn tax_is_on_what_a_concession_leaves() {
        let made = lines(&[charge("Tuition", 100_000, 1_800), charge("Books", 333, 500)], &[concession(1, Relief::Percent(1_000))], "GST");
        let told: Vec<(&str, i64)> = made.iter().map(|line| (line.description.as_str(), line.amount)).collect();
        // 10 % of 1003.33 is 100.33, of which 100.00 falls on tuition.
        assert_eq!(told, [("Tuition", 100_000), ("Books", 333), ("C", -10_033), ("GST 5 %", 15), ("GST 18 %", 16_200)]);
        assert_eq!(sums(&made).total(), 100_333 - 10_033 + 16_215);
    }

    #[test]
    fn what_is_wholly_forgiven_costs_nothing() {
        let made = lines(&[charge("Tuition", 5, 1_800)], &[concession(1, Relief::Percent(10_000))], "GST");
        assert_eq!((made.len(), sums(&made).total()), (2, 0));
        assert_eq!((percent(1_250), percent(1_805), percent(500)), ("12.5 %".to_owned(), "18.05 %".to_owned(), "5 %".to_owned()));
    }

    proptest! {
        #[test]
        fn an_invoice_is_never_negative_and_its_lines_are_its_total(
            amounts in prop::collection::vec((1_i64..=1_000_000_000, 0_u32..=10_000), 1..8), concessions in prop::collection::vec(any_concession(), 0..6)
        ) {
            let charges: Vec<Charge> = amounts.iter().enumerate().map(|(n, (amount, tax))| charge(&format!("H{}", n % 4), *amount, *tax)).collect();
            let made = lines(&charges, &concessions, "Tax");
            let sums = sums(&made);
            prop_assert_eq!(made.iter().map(|line| line.amount).sum::<i64>(), sums.total());
            prop_assert!(sums.total() >= 0 && sums.concessions <= sums.fees && sums.tax >= 0);
            for line in &made {
                prop_assert_eq!(line.amount < 0, line.kind == LineKind::Concession);
                prop_assert!(line.amount != 0);
            }
        }
    }
}
