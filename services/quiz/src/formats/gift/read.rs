//! Reads GIFT. Every character keeps its line, so that a fault can say where it is.

use super::SPECIAL;
use crate::formats::{Broken, Draft, Imported, Loss, key, name_of};
use crate::model::mark::{Fraction, Mark};
use crate::model::number::Number;
use crate::model::question::{Accepted, Choice, Content, Item, NumericKey, Pair, Spec, ToleranceKind};

/// A character, whether a backslash stood before it, and its line.
#[derive(Debug, Clone, Copy)]
struct Letter {
    c: char,
    escaped: bool,
    line: usize,
}

/// Reads a file.
pub(crate) fn import(file: &str) -> Result<Imported, Vec<Broken>> {
    let (mut imported, mut broken) = (Imported::default(), Vec::new());
    let mut category = Vec::new();
    let mut block: Vec<(usize, &str)> = Vec::new();
    // A blank line at the end ends the last question.
    for (number, line) in (1..).zip(file.lines().chain([""])) {
        let trimmed = line.trim();
        if trimmed.starts_with("//") {
            continue;
        }
        if let Some(path) = trimmed.strip_prefix("$CATEGORY:").filter(|_| block.is_empty()) {
            category = path.split('/').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty() && part != "$course$").collect();
        } else if !trimmed.is_empty() {
            block.push((number, line));
        } else if let Some((first, _)) = block.first().copied() {
            match question(&letters(&block), first, &mut imported.losses) {
                Ok((content, line)) => {
                    imported.questions.push(Draft { line, category: category.clone(), content, tags: Vec::new(), difficulty: None });
                }
                Err(fault) => broken.push(fault),
            }
            block.clear();
        }
    }
    if broken.is_empty() { Ok(imported) } else { Err(broken) }
}

fn letters(block: &[(usize, &str)]) -> Vec<Letter> {
    let mut letters = Vec::new();
    for (line, text) in block {
        let line = *line;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied().filter(|next| c == '\\' && (SPECIAL.contains(next) || *next == 'n'));
            match next {
                Some(next) => {
                    chars.next();
                    letters.push(Letter { c: if next == 'n' { '\n' } else { next }, escaped: true, line });
                }
                None => letters.push(Letter { c, escaped: false, line }),
            }
        }
        letters.push(Letter { c: '\n', escaped: false, line });
    }
    letters
}

fn text(letters: &[Letter]) -> String {
    letters.iter().map(|letter| letter.c).collect::<String>().trim().to_owned()
}

fn is(letter: &Letter, c: char) -> bool {
    letter.c == c && !letter.escaped
}

/// Where `pattern` stands first, none of it escaped.
fn find(letters: &[Letter], pattern: &str) -> Option<usize> {
    let pattern: Vec<char> = pattern.chars().collect();
    letters.windows(pattern.len()).position(|window| window.iter().zip(&pattern).all(|(letter, c)| is(letter, *c)))
}

fn split_at(letters: &[Letter], at: usize, skip: usize) -> (&[Letter], &[Letter]) {
    let (head, tail) = letters.split_at_checked(at).unwrap_or((letters, &[]));
    (head, tail.get(skip..).unwrap_or_default())
}

fn question(letters: &[Letter], first: usize, losses: &mut Vec<Loss>) -> Result<(Content, usize), Broken> {
    let mut rest = letters;
    let mut name = None;
    let start = rest.iter().position(|letter| !letter.c.is_whitespace()).unwrap_or(0);
    rest = rest.get(start..).unwrap_or_default();
    if find(rest, "::") == Some(0) {
        let (_, tail) = split_at(rest, 0, 2);
        let end = find(tail, "::").ok_or_else(|| Broken::new(first, "the name that begins here has no :: at its end"))?;
        let (title, tail) = split_at(tail, end, 2);
        name = Some(text(title)).filter(|name| !name.is_empty());
        rest = tail;
    }
    let (head, body, tail) = braces(rest)?;
    let mut stem = text(head);
    let mut format = None;
    for known in ["[html]", "[moodle]", "[markdown]", "[plain]"] {
        if let Some(text) = stem.strip_prefix(known) {
            format = Some(known);
            let rest = text.trim().to_owned();
            stem = rest;
            break;
        }
    }
    if let Some(tail) = tail.map(text).filter(|tail| !tail.is_empty()) {
        format!("{stem} _____ {tail}").replace(" _____ .", " _____.").trim().clone_into(&mut stem);
    }
    let name = name.unwrap_or_else(|| name_of(&stem));
    if matches!(format, Some("[html]" | "[markdown]")) {
        losses.push(Loss::new(&name, format!("the text is {}, and is taken as it is written", format.unwrap_or_default())));
    }
    let (answer, general_feedback) = match body {
        None => (Spec::Description {}, None),
        Some(body) => {
            let (body, general) = match find(body, "####") {
                Some(at) => {
                    let (body, general) = split_at(body, at, 4);
                    (body, Some(text(general)).filter(|text| !text.is_empty()))
                }
                None => (body, None),
            };
            (answers(body, first)?, general)
        }
    };
    let default_mark = if answer.is_question() { Mark::ONE } else { Mark::ZERO };
    Ok((Content { name, stem, default_mark, penalty: Fraction::ZERO, general_feedback, hints: Vec::new(), answer }, first))
}

type Parts<'l> = (&'l [Letter], Option<&'l [Letter]>, Option<&'l [Letter]>);

fn braces(letters: &[Letter]) -> Result<Parts<'_>, Broken> {
    let open = letters.iter().position(|letter| is(letter, '{'));
    let close = letters.iter().position(|letter| is(letter, '}'));
    let line = |at: usize| letters.get(at).map_or(0, |letter| letter.line);
    match (open, close) {
        (None, None) => Ok((letters, None, None)),
        (None, Some(close)) => Err(Broken::new(line(close), "a brace closes here that none has opened")),
        (Some(open), Some(close)) if close < open => Err(Broken::new(line(close), "a brace closes here that none has opened")),
        (Some(open), None) => Err(Broken::new(line(open), "the brace that opens here is not closed before the next blank line")),
        (Some(open), Some(close)) => {
            let (head, rest) = split_at(letters, open, 1);
            let (body, tail) = split_at(rest, close - open - 1, 1);
            if let Some(nested) = body.iter().find(|letter| is(letter, '{')) {
                return Err(Broken::new(nested.line, "a brace opens here within braces"));
            }
            if let Some(more) = tail.iter().find(|letter| is(letter, '{') || is(letter, '}')) {
                return Err(Broken::new(more.line, "a question has one pair of braces"));
            }
            Ok((head, Some(body), Some(tail)))
        }
    }
}

fn answers(body: &[Letter], line: usize) -> Result<Spec, Broken> {
    let start = body.iter().position(|letter| !letter.c.is_whitespace());
    let Some(start) = start else {
        return Ok(Spec::Essay { min_words: None, max_words: None, template: None, marking_guide: None });
    };
    let body = body.get(start..).unwrap_or_default();
    let first = body.first().map_or(line, |letter| letter.line);
    if body.first().is_some_and(|letter| is(letter, '#')) {
        return numerical(body.get(1..).unwrap_or_default(), first);
    }
    if !body.first().is_some_and(|letter| is(letter, '=') || is(letter, '~')) {
        return true_false(body, first);
    }
    let parts = marked(body);
    if parts.iter().all(|part| part.right) {
        if parts.iter().all(|part| find(part.text, "->").is_some()) {
            return Ok(matching(&parts));
        }
        let accepted = |part: &Part<'_>| {
            let (text, fraction, feedback) = part.read()?;
            Ok(Accepted { text, fraction: fraction.unwrap_or(Fraction::ONE), feedback })
        };
        let accepted = parts.iter().map(accepted).collect::<Result<_, Broken>>()?;
        return Ok(Spec::ShortAnswer { accepted, case_sensitive: false });
    }
    let choice = |(at, part): (usize, &Part<'_>)| {
        let (text, fraction, feedback) = part.read()?;
        let fraction = fraction.unwrap_or(if part.right { Fraction::ONE } else { Fraction::ZERO });
        Ok(Choice { key: key(at), text, fraction, feedback })
    };
    let options = parts.iter().enumerate().map(choice).collect::<Result<Vec<_>, Broken>>()?;
    if parts.iter().any(|part| part.right) {
        return Ok(Spec::SingleChoice { options, shuffle: true });
    }
    Ok(Spec::MultipleChoice { options, shuffle: true, all_or_nothing: false })
}

/// An answer behind `=` or `~`.
struct Part<'l> {
    right: bool,
    text: &'l [Letter],
    line: usize,
}

fn marked(body: &[Letter]) -> Vec<Part<'_>> {
    let starts: Vec<usize> = body.iter().enumerate().filter(|(_, letter)| is(letter, '=') || is(letter, '~')).map(|(at, _)| at).collect();
    let ends = starts.iter().copied().skip(1).chain([body.len()]);
    let part = |(start, end): (&usize, usize)| {
        let mark = body.get(*start)?;
        Some(Part { right: mark.c == '=', text: body.get(start + 1..end)?, line: mark.line })
    };
    starts.iter().zip(ends).filter_map(part).collect()
}

impl<'l> Part<'l> {
    /// Text, weight and feedback.
    fn read(&self) -> Result<(String, Option<Fraction>, Option<String>), Broken> {
        let (weight, rest) = self.weight()?;
        let (text, feedback) = with_feedback(rest);
        Ok((text, weight, feedback))
    }

    fn weight(&self) -> Result<(Option<Fraction>, &'l [Letter]), Broken> {
        let start = self.text.iter().position(|letter| !letter.c.is_whitespace()).unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        if !rest.first().is_some_and(|letter| is(letter, '%')) {
            return Ok((None, rest));
        }
        let (_, after) = split_at(rest, 0, 1);
        let wrong = || Broken::new(self.line, "a weight is a number from -100 to 100 between two %");
        let end = after.iter().position(|letter| is(letter, '%')).ok_or_else(wrong)?;
        let (number, rest) = split_at(after, end, 1);
        let percent: f64 = text(number).parse().map_err(|_| wrong())?;
        Ok((Some(Fraction::try_from(percent / 100.0).map_err(|_| wrong())?), rest))
    }
}

fn with_feedback(letters: &[Letter]) -> (String, Option<String>) {
    match letters.iter().position(|letter| is(letter, '#')) {
        Some(at) => {
            let (head, tail) = split_at(letters, at, 1);
            (text(head), Some(text(tail)).filter(|text| !text.is_empty()))
        }
        None => (text(letters), None),
    }
}

fn true_false(body: &[Letter], line: usize) -> Result<Spec, Broken> {
    let mut parts = body.split(|letter| is(letter, '#')).map(text);
    let correct = match parts.next().unwrap_or_default().to_uppercase().as_str() {
        "T" | "TRUE" => true,
        "F" | "FALSE" => false,
        _ => return Err(Broken::new(line, "answers begin with = or ~, or are TRUE or FALSE, or a number behind #")),
    };
    let mut said = || parts.next().filter(|text| !text.is_empty());
    // First what is said to who is wrong, then to who is right.
    let (wrong, right) = (said(), said());
    let (feedback_true, feedback_false) = if correct { (right, wrong) } else { (wrong, right) };
    Ok(Spec::TrueFalse { correct, feedback_true, feedback_false })
}

fn matching(parts: &[Part<'_>]) -> Spec {
    let (mut pairs, mut distractors) = (Vec::new(), Vec::new());
    for (at, part) in parts.iter().enumerate() {
        let (premise, target) = split_at(part.text, find(part.text, "->").unwrap_or(0), 2);
        let (premise, target) = (text(premise), text(target));
        if premise.is_empty() {
            distractors.push(Item { key: format!("d{}", at + 1), text: target });
        } else {
            pairs.push(Pair { key: key(at), premise, target_key: format!("t{}", at + 1), target });
        }
    }
    Spec::Matching { pairs, distractors, shuffle: true }
}

fn numerical(body: &[Letter], line: usize) -> Result<Spec, Broken> {
    let wrong = |line| Broken::new(line, "a numerical answer is a number, a number and its tolerance (3.14:0.01), or a range (3.1..3.2)");
    let start = body.iter().position(|letter| !letter.c.is_whitespace()).ok_or_else(|| wrong(line))?;
    let body = body.get(start..).unwrap_or_default();
    let parts = if body.first().is_some_and(|letter| is(letter, '=') || is(letter, '~')) {
        marked(body)
    } else {
        vec![Part { right: true, text: body, line }]
    };
    let read = |part: &Part<'_>| {
        let (written, fraction, feedback) = part.read()?;
        let number = |text: &str| Number::read(text).ok_or_else(|| wrong(part.line));
        let (value, tolerance) = if let Some((low, high)) = written.split_once("..") {
            let (low, high) = (number(low)?.decimal(), number(high)?.decimal());
            let half = |sum: Option<rust_decimal::Decimal>| sum.and_then(|sum| sum.checked_div(2.into())).ok_or_else(|| wrong(part.line));
            (Number(half(low.checked_add(high))?.normalize()), Number(half(high.checked_sub(low))?.normalize()))
        } else if let Some((value, tolerance)) = written.split_once(':') {
            (number(value)?, number(tolerance)?)
        } else {
            (number(&written)?, Number::default())
        };
        let fraction = fraction.unwrap_or(if part.right { Fraction::ONE } else { Fraction::ZERO });
        Ok(NumericKey { value, tolerance, tolerance_kind: ToleranceKind::Absolute, fraction, feedback })
    };
    let accepted = parts.iter().map(read).collect::<Result<_, Broken>>()?;
    Ok(Spec::Numerical { accepted, units: Vec::new(), unit_required: false, unit_penalty: Fraction::ZERO })
}
