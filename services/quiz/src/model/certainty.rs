//! Certainty-based marking: students say how sure they are, and earn or lose by it.
//!
//! Source: <https://docs.moodle.org/en/Using_certainty-based_marking>, after A. R. Gardner-Medwin, "Confidence assessment in the teaching of basic science",
//! Association for Learning Technology Journal 3 (1995). Of a question of one mark, a right answer earns 1, 2 or 3, a wrong one 0, −2 or −6; one that is partly
//! right earns its part. So a question is worth three times its mark here, and that is what is said to be its maximum.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::mark::{Fraction, Mark};

/// How many times its mark a question is worth.
pub const TIMES: i64 = 3;

/// How sure a student is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Certainty {
    /// Not very; taken for granted where nothing is said.
    #[default]
    Low = 1,
    /// Fairly.
    Middle = 2,
    /// Very.
    High = 3,
}

impl TryFrom<u8> for Certainty {
    type Error = &'static str;
    fn try_from(level: u8) -> Result<Self, Self::Error> {
        [Self::Low, Self::Middle, Self::High].into_iter().find(|own| u8::from(*own) == level).ok_or("must be 1, 2 or 3")
    }
}

impl From<Certainty> for u8 {
    fn from(certainty: Certainty) -> Self {
        certainty as Self
    }
}

impl utoipa::PartialSchema for Certainty {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(3))
            .description(Some("How sure the student is: 1 not very, 2 fairly, 3 very."))
            .into()
    }
}
impl utoipa::ToSchema for Certainty {}

/// What an answer earns that earns this part by itself. `worth` is what the question is worth under this kind of marking.
#[must_use]
pub fn mark(worth: Mark, earned: Fraction, certainty: Certainty) -> Mark {
    let single = Mark::from_steps(worth.steps() / TIMES);
    let (base, times) = match (earned > Fraction::ZERO, certainty) {
        (true, certainty) => (single.times(earned), i64::from(u8::from(certainty))),
        (false, Certainty::Low) => (single, 0),
        (false, Certainty::Middle) => (single, -2),
        (false, Certainty::High) => (single, -6),
    };
    Mark::from_steps(base.steps() * times)
}

/// The least that an answer can earn.
#[must_use]
pub fn least(worth: Mark) -> Mark {
    mark(worth, Fraction::ZERO, Certainty::High)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Certainty; 3] = [Certainty::Low, Certainty::Middle, Certainty::High];

    #[test]
    #[allow(clippy::float_cmp)]
    fn right_answers_earn_one_to_three_and_wrong_ones_cost_up_to_six() {
        let worth = Mark::try_from(3.0).unwrap();
        let of = |earned| ALL.map(|certainty| mark(worth, earned, certainty).as_f64());
        assert_eq!(of(Fraction::ONE), [1.0, 2.0, 3.0]);
        assert_eq!(of(Fraction::ZERO), [0.0, -2.0, -6.0]);
        assert_eq!(of(-Fraction::ONE), [0.0, -2.0, -6.0]);
        assert_eq!(of(Fraction::of(1, 2)), [0.5, 1.0, 1.5]);
        for bad in ["0", "4", "-1", "1.5", "\"1\"", "null"] {
            assert!(serde_json::from_str::<Certainty>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// A student who is right with probability p expects most by saying low up to two thirds, middle up to four fifths and high above.
        #[test]
        fn to_say_how_sure_one_is_pays_best(percent in 0_i64..=100) {
            let worth = Mark::try_from(300.0).unwrap();
            let expected = ALL.map(|c| percent * mark(worth, Fraction::ONE, c).steps() + (100 - percent) * mark(worth, Fraction::ZERO, c).steps());
            let best = *expected.iter().max().unwrap();
            let honest = if percent < 67 { 0 } else if percent < 80 { 1 } else { 2 };
            prop_assert_eq!(expected[honest], best, "{}", percent);
        }

        #[test]
        fn marks_stay_between_the_least_and_the_worth(max in 0_i64..1_000_000, steps in -10_000_000_i64..=10_000_000) {
            let worth = Mark::from_steps(max * TIMES);
            for certainty in ALL {
                let mark = mark(worth, Fraction::from_steps(steps), certainty);
                prop_assert!(least(worth) <= mark && mark <= worth);
            }
        }
    }
}
