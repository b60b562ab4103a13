//! Formulas of calculated questions: `0.5 * {m} * pow({v}, 2)`.
//!
//! The language is Moodle's, without its gaps: wildcards in braces, `+ - * / % **`, brackets, and the functions of
//! <https://docs.moodle.org/en/Calculated_question_type#Available_functions> that work on numbers. `^` is refused: there it is a bitwise operator and here
//! nobody would mean one. A formula is never run as a program: it is read once into a tree of bounded size and depth, which is worked out in doubles.

mod read;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::number::Number;

/// The longest formula, in bytes; a tree has no more parts than that.
pub const MAX_FORMULA: usize = 500;
/// How deep brackets, signs and functions may be nested.
const MAX_DEPTH: usize = 32;
/// The most digits that an answer is rounded to.
pub const MAX_DIGITS: u8 = 15;

/// What the wildcards of a question stand for, by name.
pub type Values = BTreeMap<String, Number>;

/// Which digits of a computed number count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DigitsKind {
    /// Those behind the point.
    #[default]
    Decimals,
    /// All from the first that is not nought.
    Significant,
}

/// A formula that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f64),
    Wildcard(String),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    By,
    Modulo,
    Power,
}

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal..=$most:literal,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Function { $($variant),+ }

        impl Function {
            #[cfg(test)]
            const ALL: &'static [(Self, &'static str, usize)] = &[$((Self::$variant, $name, $least)),+];

            /// By its name, with how many arguments it takes.
            fn named(name: &str) -> Option<(Self, std::ops::RangeInclusive<usize>)> {
                Some(match name { $($name => (Self::$variant, $least..=$most),)+ _ => return None })
            }
        }
    };
}

functions! {
    Abs "abs" 1..=1,
    Acos "acos" 1..=1,
    Acosh "acosh" 1..=1,
    Asin "asin" 1..=1,
    Asinh "asinh" 1..=1,
    Atan "atan" 1..=1,
    Atan2 "atan2" 2..=2,
    Atanh "atanh" 1..=1,
    Ceil "ceil" 1..=1,
    Cos "cos" 1..=1,
    Cosh "cosh" 1..=1,
    Degrees "rad2deg" 1..=1,
    Exp "exp" 1..=1,
    Expm1 "expm1" 1..=1,
    Floor "floor" 1..=1,
    Fmod "fmod" 2..=2,
    Log "log" 1..=2,
    Log10 "log10" 1..=1,
    Log1p "log1p" 1..=1,
    Max "max" 2..=20,
    Min "min" 2..=20,
    Pi "pi" 0..=0,
    Pow "pow" 2..=2,
    Radians "deg2rad" 1..=1,
    Round "round" 1..=2,
    Sin "sin" 1..=1,
    Sinh "sinh" 1..=1,
    Sqrt "sqrt" 1..=1,
    Tan "tan" 1..=1,
    Tanh "tanh" 1..=1,
}

/// Whether `name` can name a wildcard.
#[must_use]
pub fn is_wildcard_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Formula {
    /// Reads a formula, or says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_FORMULA {
            return Err(format!("must be at most {MAX_FORMULA} characters"));
        }
        read::whole(text).map(Self)
    }

    /// What it comes to; none if it is no finite number, or a wildcard has no value.
    #[must_use]
    pub fn value(&self, values: &Values) -> Option<f64> {
        evaluate(&self.0, values).filter(|value| value.is_finite())
    }

    /// The same, rounded, as a decimal; none also if it is too large for one.
    #[must_use]
    pub fn rounded(&self, values: &Values, digits: u8, kind: DigitsKind) -> Option<Number> {
        round(self.value(values)?, digits, kind)
    }

    /// The names of its wildcards.
    #[must_use]
    pub fn wildcards(&self) -> Vec<&str> {
        fn collect<'n>(node: &'n Node, into: &mut Vec<&'n str>) {
            match node {
                Node::Number(_) => {}
                Node::Wildcard(name) => into.push(name),
                Node::Negative(inner) => collect(inner, into),
                Node::Binary(_, left, right) => {
                    collect(left, into);
                    collect(right, into);
                }
                Node::Call(_, arguments) => arguments.iter().for_each(|argument| collect(argument, into)),
            }
        }
        let mut names = Vec::new();
        collect(&self.0, &mut names);
        names
    }
}

/// `value` with so many digits; none if a decimal can't hold it.
fn round(value: f64, digits: u8, kind: DigitsKind) -> Option<Number> {
    let places = usize::from(digits.min(MAX_DIGITS));
    let decimal = match kind {
        DigitsKind::Decimals => Decimal::from_str_exact(&format!("{value:.places$}")),
        DigitsKind::Significant => Decimal::from_scientific(&format!("{value:.*e}", places.saturating_sub(1))),
    };
    decimal.ok().map(|decimal| Number(decimal.normalize()))
}

/// `text` with its wildcards, `{x}`, and formulas, `{={x} * 2}`, worked out. What is neither stays as it is.
pub fn substitute(text: &str, values: &Values) -> Result<String, String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (head, tail) = rest.split_at(open);
        done.push_str(head);
        let inner = tail.get(1..).unwrap_or_default();
        if let Some(formula) = inner.strip_prefix('=') {
            let end = closing(formula).ok_or("a formula is not closed")?;
            let (formula, after) = formula.split_at(end);
            let value = Formula::read(formula)?.rounded(values, MAX_DIGITS, DigitsKind::Significant);
            done.push_str(&value.ok_or_else(|| format!("{{={formula}}} is no number"))?.to_string());
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        let known = inner.split_once('}').and_then(|(name, after)| Some((values.get(name)?, after)));
        if let Some((value, after)) = known {
            done.push_str(&value.to_string());
            rest = after;
        } else {
            done.push('{');
            rest = inner;
        }
    }
    done.push_str(rest);
    Ok(done)
}

/// Where the brace closes that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

fn evaluate(node: &Node, values: &Values) -> Option<f64> {
    Some(match node {
        Node::Number(value) => *value,
        Node::Wildcard(name) => values.get(name)?.decimal().to_string().parse().ok()?,
        Node::Negative(inner) => -evaluate(inner, values)?,
        Node::Binary(operator, left, right) => {
            let (left, right) = (evaluate(left, values)?, evaluate(right, values)?);
            match operator {
                Operator::Plus => left + right,
                Operator::Minus => left - right,
                Operator::Times => left * right,
                Operator::By => left / right,
                // Of whole numbers, as in PHP.
                Operator::Modulo => left.trunc() % right.trunc(),
                Operator::Power => left.powf(right),
            }
        }
        Node::Call(function, arguments) => {
            let arguments = arguments.iter().map(|argument| evaluate(argument, values)).collect::<Option<Vec<f64>>>()?;
            call(*function, &arguments)?
        }
    })
}

fn call(function: Function, arguments: &[f64]) -> Option<f64> {
    if let (Function::Max | Function::Min, Some(first)) = (function, arguments.first()) {
        let pick = if function == Function::Max { f64::max } else { f64::min };
        // Neither would let what is no number show.
        return arguments.iter().all(|value| value.is_finite()).then(|| arguments.iter().copied().fold(*first, pick));
    }
    Some(match (function, arguments) {
        (Function::Pi, []) => std::f64::consts::PI,
        (Function::Abs, [x]) => x.abs(),
        (Function::Acos, [x]) => x.acos(),
        (Function::Acosh, [x]) => x.acosh(),
        (Function::Asin, [x]) => x.asin(),
        (Function::Asinh, [x]) => x.asinh(),
        (Function::Atan, [x]) => x.atan(),
        (Function::Atanh, [x]) => x.atanh(),
        (Function::Ceil, [x]) => x.ceil(),
        (Function::Cos, [x]) => x.cos(),
        (Function::Cosh, [x]) => x.cosh(),
        (Function::Degrees, [x]) => x.to_degrees(),
        (Function::Exp, [x]) => x.exp(),
        (Function::Expm1, [x]) => x.exp_m1(),
        (Function::Floor, [x]) => x.floor(),
        (Function::Log, [x]) => x.ln(),
        (Function::Log10, [x]) => x.log10(),
        (Function::Log1p, [x]) => x.ln_1p(),
        (Function::Radians, [x]) => x.to_radians(),
        (Function::Round, [x]) => x.round(),
        (Function::Sin, [x]) => x.sin(),
        (Function::Sinh, [x]) => x.sinh(),
        (Function::Sqrt, [x]) => x.sqrt(),
        (Function::Tan, [x]) => x.tan(),
        (Function::Tanh, [x]) => x.tanh(),
        (Function::Atan2, [y, x]) => y.atan2(*x),
        (Function::Fmod, [x, y]) => x % y,
        (Function::Log, [x, base]) => x.ln() / base.ln(),
        (Function::Pow, [x, y]) => x.powf(*y),
        (Function::Round, [x, places]) => {
            let scale = 10_f64.powf(places.trunc());
            (x * scale).round() / scale
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
