//! Medians, spreads, and findings: what a row of the table says.

use serde::{Deserialize, Serialize};

/// Several measurements of one thing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
    }

    pub(crate) fn least(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.sorted().last().copied().unwrap_or(f64::NAN)
    }
}

/// The other side of a ratio, round by round: `this` over `that`.
pub(crate) fn ratios(this: &Samples, that: &Samples) -> Samples {
    Samples(this.0.iter().zip(&that.0).map(|(this, that)| this / that).collect())
}

/// A goal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// A figure that is told without a goal.
    None,
}

impl Goal {
    fn is_met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(figure >= least),
            Self::AtMost(most) => Some(figure <= most),
            Self::None => None,
        }
    }
}

/// How figures are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// `2.51 ×`
    Times,
    /// `12,300`, followed by this.
    Count(&'static str),
    /// `0.83`, followed by this.
    Decimal(&'static str),
}

impl Unit {
    pub(crate) fn write(self, figure: f64) -> String {
        match self {
            Self::Times if figure.abs() >= 20.0 => format!("{figure:.0} ×"),
            Self::Times => format!("{figure:.2} ×"),
            Self::Count(unit) => format!("{}{unit}", thousands(figure)),
            Self::Decimal(unit) => format!("{figure:.2}{unit}"),
        }
    }
}

/// `12,300`
pub(crate) fn thousands(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if figure <= -0.5 { format!("-{text}") } else { text }
}

/// Microseconds, readably.
pub(crate) fn latency(microseconds: f64) -> String {
    if microseconds < 1_000.0 {
        format!("{microseconds:.0} µs")
    } else if microseconds < 100_000.0 {
        format!("{:.1} ms", microseconds / 1e3)
    } else {
        format!("{:.2} s", microseconds / 1e6)
    }
}

/// One line of the first table.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) goal: Goal,
    pub(crate) unit: Unit,
    pub(crate) samples: Samples,
}

impl Finding {
    pub(crate) fn new(what: impl Into<String>, goal: Goal, unit: Unit, samples: Samples) -> Self {
        Self { what: what.into(), goal, unit, samples }
    }

    /// A single figure.
    pub(crate) fn single(what: impl Into<String>, goal: Goal, unit: Unit, figure: f64) -> Self {
        Self::new(what, goal, unit, Samples(vec![figure]))
    }

    pub(crate) fn met(&self) -> Option<bool> {
        self.goal.is_met(self.samples.median())
    }

    /// `| what | goal | measured | spread | met |`
    pub(crate) fn line(&self) -> String {
        let goal = match self.goal {
            Goal::AtLeast(least) => format!("at least {}", self.unit.write(least)),
            Goal::AtMost(most) => format!("at most {}", self.unit.write(most)),
            Goal::None => "–".to_owned(),
        };
        let spread = if self.samples.0.len() > 1 {
            format!("{} to {}", self.unit.write(self.samples.least()), self.unit.write(self.samples.most()))
        } else {
            "–".to_owned()
        };
        let met = match self.met() {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "–",
        };
        format!("| {} | {goal} | {} | {spread} | {met} |", self.what, self.unit.write(self.samples.median()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middles() {
        assert!((Samples(vec![9.0, 1.0, 4.0]).median() - 4.0).abs() < 1e-9);
        assert!((Samples(vec![9.0, 1.0, 4.0, 5.0]).median() - 4.5).abs() < 1e-9);
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn a_goal_that_is_missed_says_so() {
        let finding = Finding::new("a", Goal::AtLeast(2.5), Unit::Times, Samples(vec![2.0, 2.6, 2.4]));
        assert_eq!(finding.line(), "| a | at least 2.50 × | 2.40 × | 2.00 × to 2.60 × | **not met** |");
        assert_eq!(Finding::single("b", Goal::AtMost(10.0), Unit::Decimal(""), 9.9).met(), Some(true));
        assert_eq!(Finding::single("nothing was measured", Goal::AtMost(10.0), Unit::Times, f64::NAN).met(), Some(false));
    }

    #[test]
    fn figures_are_grouped_by_thousands() {
        assert_eq!(["0", "999", "1,000", "1,234,568"], [0.0, 999.4, 999.6, 1_234_567.8].map(thousands));
        assert_eq!([latency(640.0), latency(12_340.0), latency(1_234_000.0)], ["640 µs", "12.3 ms", "1.23 s"]);
    }
}
