//! A morning of exams: 2,000 students of a school begin within seconds, answer 20 questions each, every answer saved as it is given, and hand in; against the same
//! in write-through mode.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit, latency, ratios};
use crate::load::Template;
use crate::load::exam::{Candidate, Morning, Step};
use crate::schools::{LARGE, LARGE_CLASSES, Large, Person, answer, large_class, log_in_large};
use crate::server::{Server, exams};
use crate::sides::Side;

const QUESTIONS: usize = 20;
/// Seconds within which everybody begins.
const ARRIVAL: f64 = 5.0;
/// Seconds of thought for a question: far fewer than anybody needs, so that half an hour's exam fits into half a minute.
const THINKING: f64 = 1.0;
/// A round of this row is long.
const ROUNDS: u32 = 3;

/// What is looked at, in order.
const STEPS: [(Step, &str); 3] = [(Step::Begin, "begin"), (Step::Save, "save an answer"), (Step::HandIn, "hand in")];

/// One way of working: a side for each step.
struct Way {
    server: Server,
    sides: [Side; 3],
}

impl Way {
    fn new(server: Server, name: &str) -> Self {
        Self { server, sides: STEPS.map(|(_, step)| Side::new(format!("exams, {step}: {name}"))) }
    }
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let students = if bench.smoke { 40 } else { LARGE };
    let auth = bench.serve("auth", &["serve", "--services", "auth"], &[]).await?;
    let school = log_in_large(auth.address, LARGE_CLASSES, students).await?;
    auth.stop().await?;
    let mut buffered = Way::new(bench.service("quiz", "exam-buffered", "buffered").await?, "buffered");
    let mut through = Way::new(bench.service("quiz", "exam-through", "through").await?, "through PostgreSQL");
    let questions = questions(&buffered.server, &school).await?;
    let (mut catch_up, mut refused) = (Samples::default(), [0, 0]);
    for round in 0..bench.rounds.min(ROUNDS) {
        for buffers in if round % 2 == 0 { [true, false] } else { [false, true] } {
            let way = if buffers { &mut buffered } else { &mut through };
            let quizzes = quizzes(&way.server, &school, &questions).await?;
            let morning = Morning {
                address: way.server.address,
                candidates: candidates(&school, &quizzes)?,
                arrival: if bench.smoke { 0.2 } else { ARRIVAL },
                thinking: if bench.smoke { 0.02 } else { THINKING },
                limit: 300.0,
            };
            let steps = exams(&morning).await?;
            for ((step, _), side) in STEPS.iter().zip(&mut way.sides) {
                let report = steps.get(step).context("a step was not measured")?;
                side.note(report);
                if let Some(count) = refused.get_mut(usize::from(!buffers)) {
                    *count += report.refused;
                }
            }
            if buffers {
                catch_up.push(bench.stores.until_saved_of("quiz").await?.as_secs_f64());
            }
            nothing_lost(bench, &quizzes, students).await?;
            bench.stores.clear().await?;
        }
    }
    let (first, second) = (buffered.sides, through.sides);
    buffered.server.stop().await?;
    through.server.stop().await?;
    let findings = STEPS.iter().zip(first.iter().zip(&second)).map(|((_, step), (this, that))| {
        Finding::new(format!("exams, {step}: p99 against PostgreSQL"), Goal::None, Unit::Times, ratios(&this.p99, &that.p99))
    });
    let findings = findings.collect();
    let p99 = |sides: &[Side]| sides.iter().map(|side| latency(side.p99.median())).collect::<Vec<_>>().join(", ");
    let [refused_buffered, refused_through] = refused;
    let notes = vec![format!(
        "exams: {students} students of one school begin within {} s, think {} s about each of {QUESTIONS} questions on average, save every answer and hand in. p99 of beginning, saving, \
         handing in: {} buffered, {} through PostgreSQL; told to come back: {refused_buffered} and {refused_through} times. After each round every attempt, every answer and every score in \
         PostgreSQL is compared with what was answered: none was lost; the buffered ones were all there {:.2} s after the last answer.",
        if bench.smoke { 0.2 } else { ARRIVAL },
        if bench.smoke { 0.02 } else { THINKING },
        p99(&first),
        p99(&second),
        catch_up.median(),
    )];
    Ok(Outcome { findings, sides: first.into_iter().chain(second).collect(), notes })
}

/// How many questions the student of this number answers rightly: everything from none to all.
const fn right(student: usize) -> usize {
    student % (QUESTIONS + 1)
}

fn candidates(school: &Large, quizzes: &[Uuid]) -> anyhow::Result<Vec<Candidate>> {
    let candidate = |(index, token): (usize, &String)| {
        let student = index + 1;
        let quiz = *quizzes.get(large_class(student)?).context("a class without an exam")?;
        Ok(Candidate { token: token.clone(), quiz, right: right(student) })
    };
    school.students.iter().enumerate().map(candidate).collect()
}

/// Every attempt is there with all its answers, and every score is what was answered rightly.
async fn nothing_lost(bench: &Bench, quizzes: &[Uuid], students: u32) -> anyhow::Result<()> {
    let mut connection = bench.stores.superuser().await?;
    let query = "
        SELECT count(*), count(*) FILTER (WHERE a.score = s.admission_number::int % $2 AND a.state = 'graded'),
            coalesce(sum((SELECT count(*) FROM quiz_answers w WHERE w.school_id = a.school_id AND w.attempt_id = a.id AND w.response IS NOT NULL)), 0)::bigint
        FROM quiz_attempts a JOIN students s ON s.school_id = a.school_id AND s.id = a.student_id WHERE a.quiz_id = ANY($1)";
    let found: (i64, i64, i64) = sqlx::query_as(query).bind(quizzes).bind(i32::try_from(QUESTIONS + 1)?).fetch_one(&mut connection).await?;
    let students = i64::from(students);
    let expected = (students, students, students * i64::try_from(QUESTIONS)?);
    ensure!(found == expected, "attempts, right scores and answers in PostgreSQL are {found:?}, and should be {expected:?}");
    Ok(())
}

fn id(made: &Value) -> anyhow::Result<Uuid> {
    Ok(made.get("id").and_then(Value::as_str).context("no id")?.parse()?)
}

/// Statements, all of them true.
async fn questions(server: &Server, school: &Large) -> anyhow::Result<Vec<Uuid>> {
    let author = school.teachers.first().context("nobody teaches")?;
    let category = Template::new("POST", "/api/v1/question-categories", Some(&author.token)).body(&json!({"name": "Exams"}));
    let category = id(&answer(server.address, &category, 201).await?)?;
    let mut questions = Vec::new();
    for number in 1..=QUESTIONS {
        let content = json!({
            "name": format!("Statement {number}"),
            "stem": format!("The sum of the first {number} odd numbers is {}.", number * number),
            "default_mark": 1,
            "answer": {"type": "true_false", "correct": true},
        });
        let question = json!({"category_id": category, "content": content, "publish": true});
        questions.push(id(
            &answer(server.address, &Template::new("POST", "/api/v1/questions", Some(&author.token)).body(&question), 201).await?
        )?);
    }
    Ok(questions)
}

/// An exam for each class.
async fn quizzes(server: &Server, school: &Large, questions: &[Uuid]) -> anyhow::Result<Vec<Uuid>> {
    let mut quizzes = Vec::new();
    for teacher in &school.teachers {
        quizzes.push(quiz(server, teacher, questions).await?);
    }
    Ok(quizzes)
}

async fn quiz(server: &Server, teacher: &Person, questions: &[Uuid]) -> anyhow::Result<Uuid> {
    let settings = json!({
        "class_id": teacher.class,
        "title": "Sums",
        "kind": "exam",
        "time_limit_seconds": 3600,
        "max_attempts": 1,
        "shuffle_questions": true,
    });
    let mut quiz = answer(server.address, &Template::new("POST", "/api/v1/quizzes", Some(&teacher.token)).body(&settings), 201).await?;
    let path = format!("/api/v1/quizzes/{}", id(&quiz)?);
    let version = |quiz: &Value| {
        let version = quiz.get("version").and_then(Value::as_u64).with_context(|| format!("no version in {quiz}"))?;
        anyhow::Ok(format!("\"v{version}\""))
    };
    for question in questions {
        let slot = Template::new("POST", format!("{path}/slots"), Some(&teacher.token)).header("If-Match", &version(&quiz)?);
        quiz = answer(server.address, &slot.body(&json!({"question_id": question})), 200).await?;
    }
    let publish =
        Template::new("POST", format!("{path}/publish"), Some(&teacher.token)).header("If-Match", &version(&quiz)?).body(&json!({}));
    id(&answer(server.address, &publish, 200).await?)
}
