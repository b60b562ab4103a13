//! Moodle's embedded answers: `{1:SHORTANSWER:=Paris~%50%Lutetia}` within the text.

use std::fmt::Write;

use crate::formats::{Broken, Loss};
use crate::model::mark::Fraction;
use crate::model::number::Number;
use crate::model::question::{Accepted, Blank, Choice, Gap, NumericKey, ToleranceKind};

/// The text with the places of its gaps, and the gaps.
pub(super) fn read(text: &str, line: usize) -> Result<(String, Vec<Gap>), Broken> {
    let (mut stem, mut gaps) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (head, tail) = rest.split_at(open);
        stem.push_str(head);
        let inner = tail.get(1..).unwrap_or_default();
        let end = unescaped(inner, '}').ok_or_else(|| Broken::new(line, "a gap is not closed"))?;
        let (body, after) = inner.split_at(end);
        let key = (gaps.len() + 1).to_string();
        let _ = write!(stem, "{{{{{key}}}}}");
        gaps.push(gap(key, body, line)?);
        rest = after.get(1..).unwrap_or_default();
    }
    stem.push_str(rest);
    Ok((stem, gaps))
}

fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == wanted => return Some(at),
            _ => {}
        }
    }
    None
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    plain.trim().to_owned()
}

fn gap(key: String, body: &str, line: usize) -> Result<Gap, Broken> {
    let mut parts = body.splitn(3, ':');
    let wrong = |detail: &str| Broken::new(line, format!("in the gap {{{body}}}: {detail}"));
    let (Some(weight), Some(kind), Some(answers)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong("a gap has a weight, a type and answers"));
    };
    let weight = if weight.trim().is_empty() { 1 } else { weight.trim().parse().map_err(|_| wrong("the weight is no whole number"))? };
    let mut read = Vec::new();
    let mut rest = answers;
    loop {
        let end = unescaped(rest, '~').unwrap_or(rest.len());
        let (own, after) = rest.split_at(end);
        read.push(answer(own).ok_or_else(|| wrong("a weight is a number from -100 to 100 between two %"))?);
        match after.get(1..) {
            Some(more) => rest = more,
            None => break,
        }
    }
    let blank = match kind.trim().to_uppercase().as_str() {
        "MULTICHOICE" | "MC" | "MULTICHOICE_V" | "MCV" | "MULTICHOICE_H" | "MCH" | "MULTICHOICE_S" | "MCS" => {
            let choice = |(at, (fraction, text, feedback))| Choice { key: crate::formats::key(at), text, fraction, feedback };
            Blank::Choice { options: read.into_iter().enumerate().map(choice).collect() }
        }
        name @ ("SHORTANSWER" | "SA" | "MW" | "SHORTANSWER_C" | "SAC" | "MWC") => {
            let accepted = |(fraction, text, feedback)| Accepted { text, fraction, feedback };
            Blank::Text { accepted: read.into_iter().map(accepted).collect(), case_sensitive: name.ends_with('C') }
        }
        "NUMERICAL" | "NM" => {
            let number = |(fraction, text, feedback): (Fraction, String, Option<String>)| {
                let (value, tolerance) = text.split_once(':').unwrap_or((&text, "0"));
                let read = |text| Number::read(text).ok_or_else(|| wrong("is no number"));
                Ok(NumericKey {
                    value: read(value)?,
                    tolerance: read(tolerance)?,
                    tolerance_kind: ToleranceKind::Absolute,
                    fraction,
                    feedback,
                })
            };
            Blank::Number { accepted: read.into_iter().map(number).collect::<Result<_, Broken>>()? }
        }
        _ => return Err(wrong("this type of gap is not known")),
    };
    Ok(Gap { key, weight, blank })
}

fn answer(text: &str) -> Option<(Fraction, String, Option<String>)> {
    let text = text.trim_start();
    let (mut fraction, mut rest) = (Fraction::ZERO, text);
    if let Some(right) = text.strip_prefix('=') {
        (fraction, rest) = (Fraction::ONE, right);
    } else if let Some(weighted) = text.strip_prefix('%') {
        let (percent, text) = weighted.split_once('%')?;
        let percent: f64 = percent.trim().parse().ok()?;
        fraction = Fraction::try_from((percent * 100_000.0).round() / 10_000_000.0).ok()?;
        rest = text;
    }
    let (text, feedback) = match unescaped(rest, '#') {
        Some(at) => (rest.get(..at)?, rest.get(at + 1..)),
        None => (rest, None),
    };
    Some((fraction, plain(text), feedback.map(plain).filter(|text| !text.is_empty())))
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '}' | '{' | '~' | '#' | '=' | '%' | '"') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text with its answers in it. Gaps are numbered anew, in the order of the text.
pub(super) fn write(name: &str, stem: &str, gaps: &[Gap], losses: &mut Vec<Loss>) -> String {
    let mut text = stem.to_owned();
    for gap in gaps {
        let answers = |lines: Vec<(Fraction, String, Option<&String>)>| {
            let line = |(fraction, text, feedback): (Fraction, String, Option<&String>)| {
                let weight = if fraction == Fraction::ONE { "=".to_owned() } else { format!("%{}%", super::write::percent(fraction)) };
                format!("{weight}{text}{}", feedback.map(|text| format!("#{}", escape(text))).unwrap_or_default())
            };
            lines.into_iter().map(line).collect::<Vec<_>>().join("~")
        };
        let (kind, lines) = match &gap.blank {
            Blank::Choice { options } => {
                ("MULTICHOICE", answers(options.iter().map(|o| (o.fraction, escape(&o.text), o.feedback.as_ref())).collect()))
            }
            Blank::Text { accepted, case_sensitive } => (
                if *case_sensitive { "SHORTANSWER_C" } else { "SHORTANSWER" },
                answers(accepted.iter().map(|a| (a.fraction, escape(&a.text), a.feedback.as_ref())).collect()),
            ),
            Blank::Number { accepted } => {
                losses.extend(accepted.iter().filter_map(|own| super::write::not_absolute(name, own)).take(1));
                let number = |a: &NumericKey| format!("{}:{}", a.value, super::write::absolute(a));
                ("NUMERICAL", answers(accepted.iter().map(|a| (a.fraction, number(a), a.feedback.as_ref())).collect()))
            }
        };
        text = text.replace(&format!("{{{{{}}}}}", gap.key), &format!("{{{}:{kind}:{lines}}}", gap.weight));
    }
    text
}
