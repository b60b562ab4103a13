//! GIFT: <https://docs.moodle.org/en/GIFT_format>. Questions in plain text, a blank line between them.

mod read;
mod write;

pub(super) use read::import;
pub(super) use write::export;

/// Characters that mean something unless a backslash stands before them.
const SPECIAL: &[char] = &['~', '=', '#', '{', '}', ':', '\\'];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Broken;
    use crate::model::question::Spec;

    const FILE: &str = "\
// a comment
$CATEGORY: Mathematics/Algebra

::Q1:: What is 2 + 2? {=4 #Right. ~5 ~%50%four and a bit}

::Q2::[html]Which are prime? {
    ~%50%2
    ~%50%3
    ~%-100%4#Even.
    #### Think of divisors.
}

Two is even. {T#Look again.#Yes.}

::Q4:: Capital of France {=Paris =%50%Par*s}

::Q5:: Pi {#=3.14:0.01 =%50%3:0.5}

::Q6:: Range {#1..5}

::Q7:: Match. {=cat -> meow =dog -> woof = -> quack}

::Q8:: Write something. {}

::Q9:: Just read \\{this\\}.

The {=sky} is blue.
";

    #[test]
    fn the_examples_of_its_documentation_are_read() {
        let imported = import(FILE).unwrap();
        let kinds: Vec<&str> = imported.questions.iter().map(|draft| draft.content.answer.kind()).collect();
        assert_eq!(
            kinds,
            [
                "single_choice",
                "multiple_choice",
                "true_false",
                "short_answer",
                "numerical",
                "numerical",
                "matching",
                "essay",
                "description",
                "short_answer"
            ]
        );
        let at = |n: usize| &imported.questions[n].content;
        assert_eq!(imported.questions[0].category, ["Mathematics", "Algebra"]);
        assert_eq!((imported.questions[1].line, at(1).general_feedback.as_deref()), (6, Some("Think of divisors.")));
        let Spec::TrueFalse { correct, feedback_true, feedback_false } = &at(2).answer else { panic!() };
        assert_eq!((*correct, feedback_false.as_deref(), feedback_true.as_deref()), (true, Some("Look again."), Some("Yes.")));
        let Spec::Numerical { accepted, .. } = &at(5).answer else { panic!() };
        assert_eq!((accepted[0].value.to_string(), accepted[0].tolerance.to_string()), ("3".to_owned(), "2".to_owned()));
        let Spec::Matching { pairs, distractors, .. } = &at(6).answer else { panic!() };
        assert_eq!((pairs.len(), distractors[0].text.as_str()), (2, "quack"));
        assert_eq!(at(8).stem, "Just read {this}.");
        assert_eq!(at(9).stem, "The _____ is blue.");
        assert_eq!(imported.losses.len(), 1, "that it was HTML: {:?}", imported.losses);
    }

    #[test]
    fn unbalanced_braces_and_what_has_no_meaning_are_told_with_their_lines() {
        let broken = |file: &str| import(file).unwrap_err();
        let lines = |file: &str| broken(file).iter().map(|broken| broken.line).collect::<Vec<_>>();
        assert_eq!(lines("Fine {T}\n\nOpen {=a ~b\n~c\n\nAlso fine {F}\n\nClosed }\n"), [3, 8]);
        assert_eq!(lines("Two {=a} braces {=b}"), [1]);
        assert_eq!(lines("Nested {=a {=b}}"), [1]);
        assert_eq!(lines("\n\n::never closed\nx {T}"), [3]);
        assert_eq!(lines("Number {#many}"), [1]);
        assert_eq!(lines("Weight {~%lots%a ~b}"), [1]);
        assert_eq!(lines("Options {a b c}"), [1]);
        assert_eq!(
            broken("Open {=a"),
            [Broken { line: 1, detail: "the brace that opens here is not closed before the next blank line".into() }]
        );
    }
}
