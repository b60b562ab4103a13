//! The schools that are measured with: 16 of them, each in a partition of its own, put into the tables directly, and logged in over HTTP.
//!
//! Each has four classes, a teacher for each, and 28 students. One more school has a thousand students whose passwords are hashed at full cost, for the
//! login storm, and one has 50 classes of 40, for exams and registers. All hashes but the storm's are cheap, because their logins are not what is measured.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use domain::{Partition, SchoolId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::load::{Template, ask};

/// Schools that homework is given in.
const SCHOOLS: u16 = 16;
/// Classes, and so teachers, of each.
const CLASSES: u32 = 4;
/// Students of each.
const STUDENTS: u32 = 28;
/// Students of the school that storms.
pub(crate) const STORM: u32 = 1_000;
/// Classes of the large school.
pub(crate) const LARGE_CLASSES: u32 = 50;
/// The number of the large school.
pub(crate) const LARGE_NUMBER: u16 = SCHOOLS + 1;
/// Students of the large school: 40 a class.
pub(crate) const LARGE: u32 = 2_000;
/// Logins at once: fewer than auth lets wait.
const AT_ONCE: usize = 8;

const PASSWORD: &str = "correct horse";
/// bcrypt's least cost.
const CHEAP: u32 = 4;
/// What auth hashes with.
const FULL: u32 = 12;
const SQL: &str = include_str!("school.sql");

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) user: Uuid,
    /// A class that they teach or attend.
    pub(crate) class: Uuid,
}

/// Everybody who takes part.
#[derive(Debug, Default)]
pub(crate) struct Schools {
    pub(crate) teachers: Vec<Person>,
    pub(crate) students: Vec<Person>,
}

/// Puts the schools into the tables.
pub(crate) async fn create(connection: &mut PgConnection) -> anyhow::Result<()> {
    let (cheap, full) = (bcrypt::hash(PASSWORD, CHEAP)?, bcrypt::hash(PASSWORD, FULL)?);
    for number in 0..SCHOOLS {
        school(connection, number, CLASSES, STUDENTS, &cheap).await?;
    }
    school(connection, SCHOOLS, CLASSES, STORM, &full).await?;
    school(connection, SCHOOLS + 1, LARGE_CLASSES, LARGE, &cheap).await?;
    sqlx::raw_sql("ANALYZE").execute(connection).await?;
    Ok(())
}

async fn school(connection: &mut PgConnection, number: u16, classes: u32, students: u32, hash: &str) -> anyhow::Result<()> {
    let partition = Partition::from_number(number * (domain::PARTITIONS / SCHOOLS) % domain::PARTITIONS).context("no such partition")?;
    let mut id = SchoolId::generate();
    while Partition::of(id) != partition {
        id = SchoolId::generate();
    }
    let mut sql = SQL.to_owned();
    let values = [
        (":school", id.to_string()),
        (":number", number.to_string()),
        (":classes", classes.to_string()),
        (":students", students.to_string()),
        (":hash", hash.to_owned()),
    ];
    for (name, value) in values {
        sql = sql.replace(name, &value);
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.with_context(|| format!("school {number}"))?;
    Ok(())
}

/// Logs everybody but the storm in.
pub(crate) async fn log_in(address: SocketAddr) -> anyhow::Result<Schools> {
    let mut schools = Schools::default();
    for number in 0..SCHOOLS {
        for n in 1..=CLASSES {
            schools.teachers.push(person(address, &format!("teacher-{n}-{number}@measured.example")).await?);
        }
        for n in 1..=STUDENTS {
            schools.students.push(person(address, &format!("student-{n}-{number}@measured.example")).await?);
        }
    }
    Ok(schools)
}

/// The large school: its teachers, the first of whom teaches the first class and so on, and the tokens of its students, the first of whom has the number 1.
#[derive(Debug)]
pub(crate) struct Large {
    pub(crate) teachers: Vec<Person>,
    pub(crate) students: Vec<String>,
}

/// Logs as many classes and students of the large school in.
pub(crate) async fn log_in_large(address: SocketAddr, classes: u32, students: u32) -> anyhow::Result<Large> {
    let number = LARGE_NUMBER;
    let mut teachers = Vec::new();
    for n in 1..=classes {
        teachers.push(person(address, &format!("teacher-{n}-{number}@measured.example")).await?);
    }
    let emails: Vec<String> = (1..=students).map(|n| format!("student-{n}-{number}@measured.example")).collect();
    Ok(Large { teachers, students: tokens(address, &emails).await? })
}

/// The access tokens of people, in their order.
pub(crate) async fn tokens(address: SocketAddr, emails: &[String]) -> anyhow::Result<Vec<String>> {
    let mut tokens = Vec::new();
    for some in emails.chunks(AT_ONCE) {
        let asked: Vec<_> = some
            .iter()
            .map(|email| {
                let email = email.clone();
                tokio::spawn(async move { token(address, &email).await })
            })
            .collect();
        for token in asked {
            tokens.push(token.await??);
        }
    }
    Ok(tokens)
}

/// The class of the large school, counted from 0, that its student of this number attends.
pub(crate) fn large_class(student: usize) -> anyhow::Result<usize> {
    Ok(student % usize::try_from(LARGE_CLASSES)?)
}

/// The logins of a thousand people at once.
pub(crate) fn storm() -> Vec<Template> {
    (1..=STORM).map(|n| login(&format!("student-{n}-{SCHOOLS}@measured.example"))).collect()
}

fn login(email: &str) -> Template {
    Template::new("POST", "/api/v1/auth/login", None).body(&json!({"email": email, "password": PASSWORD}))
}

async fn token(address: SocketAddr, email: &str) -> anyhow::Result<String> {
    let tokens = answer(address, &login(email), 200).await?;
    Ok(tokens.get("access_token").and_then(Value::as_str).context("no access token")?.to_owned())
}

async fn person(address: SocketAddr, email: &str) -> anyhow::Result<Person> {
    let token = token(address, email).await?;
    let me = answer(address, &Template::new("GET", "/api/v1/auth/me", Some(&token)), 200).await?;
    let user = me.get("id").and_then(Value::as_str).context("nobody")?.parse()?;
    let classes = answer(address, &Template::new("GET", "/api/v1/classes?limit=1", Some(&token)), 200).await?;
    let class = classes.pointer("/items/0/id").and_then(Value::as_str).context("no class")?.parse()?;
    Ok(Person { token, user, class })
}

/// Asks once and insists on the status.
pub(crate) async fn answer(address: SocketAddr, template: &Template, expect: u16) -> anyhow::Result<Value> {
    let answer = ask(address, template).await?;
    if answer.status != expect {
        bail!("{} {} answered {}: {}", template.method, template.path, answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

/// What the homework of a template says: about 300 bytes of description, as teachers write.
const TASKS: &[(&str, &str)] = &[
    (
        "Adding and subtracting fractions",
        "Work through exercises 3 to 12 on page 47 of the textbook. Show each step: find the common denominator, convert both fractions, add or subtract, and simplify. \
         Exercises 11 and 12 have mixed numbers; turn them into improper fractions first. Check two of your results with a drawing, as we did on Tuesday.",
    ),
    (
        "The water cycle in our town",
        "Draw the water cycle for the river that runs past the school. Name evaporation, condensation, precipitation and run-off, and mark where each happens between the hills \
         and the harbour. Add three sentences on what changed during the dry weeks of last summer, and one question that you would like to ask in class on Friday.",
    ),
    (
        "Reading journal, chapters four and five",
        "Read chapters four and five. In your journal, describe how Meera's opinion of her uncle changes and quote the sentence in which you notice it first. \
         Then pick one minor character and write half a page from their point of view about the evening of the storm. Bring the journal on Monday; we read aloud in pairs.",
    ),
    (
        "A table of the eight times eight",
        "Learn the eight times table until you can say it forwards and backwards. Ask somebody at home to test you with ten questions in any order and write down how many you \
         got right, and which ones were hard. Then solve the word problems on the back of the sheet; each needs one multiplication and one addition.",
    ),
];

/// The body of a create.
pub(crate) fn homework(class: Uuid, number: usize) -> Value {
    let (title, description) = TASKS.get(number % TASKS.len()).copied().unwrap_or_default();
    json!({
        "class_id": class,
        "title": title,
        "description": description,
        "due_at": "2199-03-01T16:00:00Z",
        "max_points": 20,
        "max_attempts": 100,
    })
}

/// Creates of every teacher in turn, schools first, so that neighbouring requests go to different partitions.
pub(crate) fn creates(teachers: &[Person], keyed: bool) -> Vec<Template> {
    let classes = usize::try_from(CLASSES).unwrap_or(1);
    let by_class = (0..classes).flat_map(|class| teachers.iter().skip(class).step_by(classes));
    let create = |(number, teacher): (usize, &Person)| {
        Template::new("POST", "/api/v1/homework", Some(&teacher.token)).body(&homework(teacher.class, number)).keyed(keyed)
    };
    by_class.enumerate().map(create).collect()
}
