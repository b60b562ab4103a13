//! Moodle's calculated questions, with their data sets.

use std::fmt::Write;

use rust_decimal::Decimal;

use super::read::{field, flag, fraction, number, plain, units};
use super::write::percent;
use crate::formats::Broken;
use crate::formats::xml::{Node, escape};
use crate::model::calculated::{FormulaKey, Wildcard};
use crate::model::formula::DigitsKind;
use crate::model::question::{Spec, ToleranceKind};

pub(super) fn read(node: &Node, answers: &[&Node], lose: &mut impl FnMut(String)) -> Result<Spec, Broken> {
    if flag(node, "synchronize", false) {
        lose("that several questions draw the same set of numbers".to_owned());
    }
    let accepted = |answer: &&Node| {
        let digits = field(answer, "correctanswerlength").map_or(Some(2), |digits| digits.parse().ok());
        Ok(FormulaKey {
            formula: plain(answer),
            tolerance: number(answer, Some(&field(answer, "tolerance").unwrap_or_else(|| "0".to_owned())))?,
            // By its number, or by the name that older files have.
            tolerance_kind: match field(answer, "tolerancetype").as_deref() {
                None | Some("1" | "relative") => ToleranceKind::Relative,
                Some("2" | "nominal") => ToleranceKind::Absolute,
                Some("3" | "geometric") => ToleranceKind::Geometric,
                Some(other) => return Err(Broken::new(answer.line, format!("there is no tolerance of type {other}"))),
            },
            digits: digits.ok_or_else(|| Broken::new(answer.line, "the number of digits is no whole number"))?,
            digits_kind: if field(answer, "correctanswerformat").as_deref() == Some("2") {
                DigitsKind::Significant
            } else {
                DigitsKind::Decimals
            },
            fraction: fraction(answer)?,
            feedback: field(answer, "feedback"),
        })
    };
    let accepted = answers.iter().map(accepted).collect::<Result<_, Broken>>()?;
    let sets = node.get("dataset_definitions").into_iter().flat_map(|sets| sets.all("dataset_definition"));
    let wildcards: Vec<Wildcard> = sets.map(|set| read_set(set, lose)).collect::<Result<_, Broken>>()?;
    let (units, unit_required, unit_penalty) = units(node)?;
    Ok(Spec::Calculated { accepted, wildcards, units, unit_required, unit_penalty })
}

fn read_set(set: &Node, lose: &mut impl FnMut(String)) -> Result<Wildcard, Broken> {
    let name = field(set, "name").unwrap_or_default();
    let item = |item: &Node| Ok((field(item, "number").and_then(|no| no.parse().ok()), number(item, field(item, "value").as_deref())?));
    let items = set.get("dataset_items").into_iter().flat_map(|items| items.all("dataset_item")).map(item);
    let mut items: Vec<(Option<u32>, _)> = items.collect::<Result<_, Broken>>()?;
    // Which of them are in use; there may be more.
    let count = field(set, "itemcount").and_then(|count| count.parse().ok()).unwrap_or(items.len());
    items.sort_by_key(|(no, _)| *no);
    items.truncate(count);
    let wildcard = Wildcard { name, values: items.into_iter().map(|(_, value)| value).collect() };
    if field(set, "status").as_deref() == Some("shared") {
        lose(format!("that other questions share the values of {{{}}}", wildcard.name));
    }
    let said = |name: &str| field(set, name).and_then(|text| text.parse::<Decimal>().ok());
    let (least, most, decimals) = range(&wildcard);
    let same = said("minimum").is_none_or(|own| own == least)
        && said("maximum").is_none_or(|own| own == most)
        && said("decimals").is_none_or(|own| own == decimals)
        && field(set, "distribution").is_none_or(|own| own == "uniform");
    if !same {
        lose(format!("how further values of {{{}}} would be made; those that there are were taken", wildcard.name));
    }
    Ok(wildcard)
}

/// The least value, the greatest, and the decimals of the longest.
fn range(wildcard: &Wildcard) -> (Decimal, Decimal, Decimal) {
    let values = || wildcard.values.iter().map(|value| value.decimal().normalize());
    let decimals = values().map(|value| value.scale()).max().unwrap_or_default();
    (values().min().unwrap_or_default(), values().max().unwrap_or_default(), decimals.into())
}

pub(super) fn write(accepted: &[FormulaKey], wildcards: &[Wildcard]) -> String {
    let mut body = String::from(
        "    <synchronize>0</synchronize>\n    <single>0</single>\n    <answernumbering>abc</answernumbering>\n    <shuffleanswers>0</shuffleanswers>\n",
    );
    for key in accepted {
        let kind = match key.tolerance_kind {
            ToleranceKind::Relative => 1,
            ToleranceKind::Absolute => 2,
            ToleranceKind::Geometric => 3,
        };
        let format = if key.digits_kind == DigitsKind::Significant { 2 } else { 1 };
        let feedback = key.feedback.as_deref().map(escape).unwrap_or_default();
        let _ = writeln!(
            body,
            "    <answer fraction=\"{}\"><text>{}</text><tolerance>{}</tolerance><tolerancetype>{kind}</tolerancetype><correctanswerformat>{format}</correctanswerformat><correctanswerlength>{}</correctanswerlength><feedback format=\"plain_text\"><text>{feedback}</text></feedback></answer>",
            percent(key.fraction),
            escape(&key.formula),
            key.tolerance,
            key.digits
        );
    }
    body.push_str("    <dataset_definitions>\n");
    for wildcard in wildcards {
        let (least, most, decimals) = range(wildcard);
        let count = wildcard.values.len();
        let _ = writeln!(
            body,
            "      <dataset_definition><status><text>private</text></status><name><text>{}</text></name><type>calculated</type><distribution><text>uniform</text></distribution><minimum><text>{least}</text></minimum><maximum><text>{most}</text></maximum><decimals><text>{decimals}</text></decimals><itemcount>{count}</itemcount>",
            escape(&wildcard.name)
        );
        let item = |(no, value): (u32, &crate::model::number::Number)| {
            format!("<dataset_item><number>{no}</number><value>{value}</value></dataset_item>")
        };
        let items: String = (1..).zip(&wildcard.values).map(item).collect();
        let _ =
            writeln!(body, "        <dataset_items>{items}</dataset_items><number_of_items>{count}</number_of_items></dataset_definition>");
    }
    body.push_str("    </dataset_definitions>\n");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::moodle::import;

    #[test]
    fn what_moodle_writes_of_a_calculated_question_is_read_and_what_it_says_besides_is_told() {
        let set = |name: &str, status: &str, maximum: &str| {
            format!(
                "<dataset_definition><status><text>{status}</text></status><name><text>{name}</text></name><type>calculated</type><distribution><text>uniform</text></distribution>
                <minimum><text>1</text></minimum><maximum><text>{maximum}</text></maximum><decimals><text>1</text></decimals><itemcount>2</itemcount><dataset_items>
                <dataset_item><number>2</number><value>2.5</value></dataset_item><dataset_item><number>1</number><value>1</value></dataset_item>
                <dataset_item><number>3</number><value>9</value></dataset_item></dataset_items><number_of_items>3</number_of_items></dataset_definition>"
            )
        };
        let file = |sets: &str| {
            format!(
                "<quiz><question type=\"calculated\"><name><text>Sum</text></name><questiontext format=\"html\"><text>{{a}} + {{b}}?</text></questiontext><synchronize>1</synchronize>
                <answer fraction=\"100\"><text>{{a}}+{{b}}</text><tolerance>0.01</tolerance><tolerancetype>3</tolerancetype><correctanswerformat>2</correctanswerformat>
                <correctanswerlength>4</correctanswerlength><feedback format=\"html\"><text></text></feedback></answer>
                <dataset_definitions>{sets}</dataset_definitions></question></quiz>"
            )
        };
        let imported = import(&file(&(set("a", "private", "2.5") + &set("b", "shared", "10")))).unwrap();
        let content = &imported.questions[0].content;
        assert_eq!(content.check(), Ok(()));
        let Spec::Calculated { accepted, wildcards, .. } = &content.answer else { panic!() };
        assert_eq!(
            (accepted[0].tolerance_kind, accepted[0].digits, accepted[0].digits_kind),
            (ToleranceKind::Geometric, 4, DigitsKind::Significant)
        );
        let values: Vec<String> = wildcards[0].values.iter().map(ToString::to_string).collect();
        assert_eq!(values, ["1", "2.5"], "in their order, and those in use");
        let told: Vec<&str> = imported.losses.iter().map(|loss| loss.detail.as_str()).collect();
        assert_eq!(
            told,
            [
                "that several questions draw the same set of numbers",
                "that other questions share the values of {b}",
                "how further values of {b} would be made; those that there are were taken"
            ]
        );
    }
}
