//! A term of homework, made by the rules of the homework service itself: published, handed in, closed, graded and given back at the times at which
//! a class would have done so.

use anyhow::{Context, anyhow};
use chrono::{Days, Duration, NaiveDate};
use domain::{ClassId, HomeworkId, Points, SchoolId, StudentId, SubjectId, TeacherId, Timestamp, UserId, Version};
use homework::model::grade::{give_back, grade};
use homework::model::homework::{Homework, Status};
use homework::model::late_policy::LatePolicy;
use homework::model::submission::{Submission, hand_in};
use store::SchoolTransaction;
use write_behind::Buffered;

use crate::dates::Dates;
use crate::ids::{Ids, Kind};
use crate::random::Random;
use crate::roster::{Class, Roster, Student, Taught};

/// Where a class stands with a piece of homework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Over: closed, all of it graded, nearly all given back.
    Closed,
    /// Past its due time and still taken late; half of it graded.
    Overdue,
    /// Due in the next days; some have handed in.
    Current,
    /// Given out on the last school day.
    New,
    /// Being written.
    Draft,
}

const STAGES: [Stage; 9] =
    [Stage::Closed, Stage::Closed, Stage::Closed, Stage::Closed, Stage::Closed, Stage::Overdue, Stage::Current, Stage::New, Stage::Draft];
/// Rows of one statement.
const ROWS: usize = 2000;

const TITLES: &[(&str, &[&str])] = &[
    (
        "MAT",
        &[
            "Fractions in everyday life",
            "Long division",
            "Angles and triangles",
            "Word problems, set 4",
            "Area and perimeter",
            "Reading graphs",
        ],
    ),
    (
        "ENG",
        &[
            "A letter to a friend",
            "Book report",
            "Comparing two poems",
            "Direct and reported speech",
            "A story in 300 words",
            "Summary of a news item",
        ],
    ),
    ("HIN", &["Essay: a day in the rainy season", "Letter writing", "Reading comprehension", "Proverbs and their use", "A poem by heart"]),
    ("EVS", &["Plants around my home", "Where our water comes from", "Animals and their homes", "Sorting waste"]),
    ("SCI", &["Acids and bases at home", "Drawing a cell", "Circuits in series and parallel", "The water cycle", "Levers and pulleys"]),
    ("SOC", &["A map of my district", "How a law is made", "Trade routes of the old world", "Climate zones"]),
    ("HIS", &["A day in a Roman town", "Time line of the Tudors", "Letters from a voyage"]),
    ("COM", &["A flow chart for making tea", "Loops, exercises 1 to 5", "Staying safe online", "A table of class birthdays"]),
    ("FRE", &["Ma famille", "Les verbes en -er", "Au marché: a dialogue", "Ma journée"]),
];
const OTHER_TITLES: &[&str] = &["Project page", "Observation notebook", "Practice sheet", "Preparation for the next lesson"];
const ANSWERS: &[&str] = &[
    "All exercises done, see the working below each of them.",
    "I finished the first part with the method from class and checked every result.",
    "My answer is on two pages; the drawing is at the end.",
    "Parts 1 to 4 are complete. I was not sure about part 5.",
    "Done together with my neighbour, each of us wrote an own text.",
    "I looked the last question up in the library and noted the book.",
];
const PRAISE: &[&str] = &["Very careful work.", "Well explained, keep it up.", "Excellent: every step is there."];
const ADVICE: &[&str] = &[
    "Good start; look at the last part again.",
    "Show the steps next time.",
    "Please revise chapter 3 before the test.",
    "Watch the units.",
];

/// Homework and submissions of every class.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let mut ids = Ids::of(roster.spec.number, Kind::Homework);
    let mut random = Random::of(roster.spec.number, "homework");
    let days = roster.dates.days_so_far();
    let (mut set, mut handed_in) = (Vec::new(), Vec::new());
    for class in &roster.classes {
        for (number, stage) in STAGES.into_iter().enumerate() {
            let taught = class.subjects.get(number % class.subjects.len().max(1)).context("a class is taught something")?;
            let id = HomeworkId::from_uuid(ids.next());
            let assigned = assigned_on(stage, number, &days).context("the term has begun")?;
            let draft = draft(roster, class, taught, id, assigned, stage, &mut random);
            let (homework, submissions) = carry_out(&draft, class, taught, stage, &roster.dates, &mut random)?;
            set.push(homework);
            handed_in.extend(submissions);
        }
    }
    let connection = transaction.connection()?;
    for rows in set.chunks(ROWS) {
        Homework::upsert(connection, rows).await?;
    }
    for rows in handed_in.chunks(ROWS) {
        Submission::upsert(connection, rows).await?;
    }
    Ok(())
}

/// The closed ones are spread over the term until three weeks ago; the others follow each other to the last school day.
fn assigned_on(stage: Stage, number: usize, days: &[NaiveDate]) -> Option<NaiveDate> {
    let before_last = |back: usize| days.len().checked_sub(back + 1).and_then(|index| days.get(index)).copied();
    match stage {
        Stage::Closed => days.get(2 + number * days.len().saturating_sub(17) / 5).copied(),
        Stage::Overdue => before_last(7),
        Stage::Current => before_last(3),
        Stage::New | Stage::Draft => before_last(0),
    }
}

fn draft(
    roster: &Roster,
    class: &Class,
    taught: &Taught,
    id: HomeworkId,
    assigned: NaiveDate,
    stage: Stage,
    random: &mut Random,
) -> Homework {
    let dates = &roster.dates;
    let created = dates.at(assigned, random.between(8, 14), random.below(60));
    // The overdue one is late by now, but not for longer than it is taken.
    let due = match stage {
        Stage::Overdue => dates.today - Days::new(1),
        Stage::Current => dates.today + Days::new(2),
        _ => assigned + Days::new(7),
    };
    let due_at = dates.at(due, 18, 0);
    let allow_late = stage == Stage::Overdue || random.chance(75);
    let titles = TITLES.iter().find(|(code, _)| *code == taught.code).map_or(OTHER_TITLES, |(_, titles)| titles);
    Homework {
        id,
        school_id: SchoolId::from_uuid(roster.school),
        class_id: ClassId::from_uuid(class.id),
        subject_id: Some(SubjectId::from_uuid(taught.subject)),
        teacher_id: Some(TeacherId::from_uuid(taught.teacher)),
        created_by: UserId::from_uuid(taught.teacher_user),
        title: format!("{}: {}", taught.name, random.pick(titles)),
        description: Some("As discussed in class. Ask early if something is unclear.".to_owned()),
        instructions: Some("Write legibly, show how you got there, and say which sources you used.".to_owned()),
        max_points: Points::from_hundredths(random.pick(&[1000, 2000, 2000, 2500, 5000])).unwrap_or(Points::MAX),
        assigned_at: None,
        due_at,
        cutoff_at: allow_late.then(|| due_at + Duration::days(3)),
        allow_late,
        late_policy: allow_late.then_some(LatePolicy { deduction_percent: 10, floor_percent: 40 }),
        max_attempts: 2,
        status: Status::Draft,
        published_at: None,
        version: Version::FIRST,
        created_at: created,
        updated_at: created,
    }
}

/// What becomes of a draft until now.
fn carry_out(
    draft: &Homework,
    class: &Class,
    taught: &Taught,
    stage: Stage,
    dates: &Dates,
    random: &mut Random,
) -> anyhow::Result<(Homework, Vec<Submission>)> {
    if stage == Stage::Draft {
        return Ok((draft.clone(), Vec::new()));
    }
    let published = draft.published(draft.created_at + Duration::minutes(25)).map_err(|refused| anyhow!("not published: {refused:?}"))?;
    let mut submissions = Vec::new();
    for student in &class.students {
        let Some(at) = handed_in_at(&published, stage, random).filter(|at| *at < dates.now) else { continue };
        let submission = hand_in(&published, StudentId::from_uuid(student.id), 1, random.pick(ANSWERS).to_owned(), at);
        let submission = submission.map_err(|refused| anyhow!("not taken: {refused:?}"))?;
        submissions.push(marked(submission, &published, student, taught, stage, dates, random)?);
    }
    let homework = match stage {
        Stage::Closed => published.closed(published.due_at + Duration::days(4)).map_err(|refused| anyhow!("not closed: {refused:?}"))?,
        _ => published,
    };
    Ok((homework, submissions))
}

/// When a student hands in, if at all: mostly in the days before it is due, sometimes late if that is allowed.
fn handed_in_at(homework: &Homework, stage: Stage, random: &mut Random) -> Option<Timestamp> {
    let share = match stage {
        Stage::Closed => 94,
        Stage::Overdue => 80,
        Stage::Current => 40,
        Stage::New => 8,
        Stage::Draft => 0,
    };
    if !random.chance(share) {
        return None;
    }
    if homework.allow_late && stage != Stage::Current && stage != Stage::New && random.chance(12) {
        let longest = if stage == Stage::Closed { 60 } else { 6 };
        return Some(homework.due_at + Duration::minutes(random.between(1, longest * 60).into()));
    }
    let published = homework.published_at?;
    // Time in minutes until it is due; what is new gets its first answers on the same day.
    let minutes = if stage == Stage::New { 300 } else { u32::try_from((homework.due_at - published).num_minutes()).unwrap_or(60) };
    Some(published + Duration::minutes(random.between(20, minutes.max(21)).into()).min(homework.due_at - published))
}

fn marked(
    submission: Submission,
    homework: &Homework,
    student: &Student,
    taught: &Taught,
    stage: Stage,
    dates: &Dates,
    random: &mut Random,
) -> anyhow::Result<Submission> {
    let is_graded = stage == Stage::Closed || (stage == Stage::Overdue && random.chance(50));
    let graded_at = if stage == Stage::Closed {
        homework.due_at + Duration::days(4) + Duration::minutes(random.below(1200).into())
    } else {
        submission.submitted_at + Duration::minutes(random.between(30, 600).into())
    };
    if !is_graded || graded_at >= dates.now {
        return Ok(submission);
    }
    // A student's own level, give or take, in half marks.
    let level = 55 + u32::try_from(student.number * 7 % 38).unwrap_or_default();
    let percent = (level + random.below(16)).saturating_sub(5).min(100);
    let half_marks = homework.max_points.hundredths() / 50 * i32::try_from(percent).unwrap_or_default() / 100;
    let points = Points::from_hundredths(half_marks * 50).context("marks within the homework's")?;
    let feedback = random.pick(if percent >= 80 { PRAISE } else { ADVICE }).to_owned();
    let by = UserId::from_uuid(taught.teacher_user);
    let graded =
        grade(&submission, homework, points, Some(feedback), by, graded_at).map_err(|refused| anyhow!("not graded: {refused:?}"))?;
    let returned_at = graded_at + Duration::minutes(random.between(5, 90).into());
    if stage == Stage::Closed && random.chance(92) && returned_at < dates.now {
        return give_back(&graded, returned_at).map_err(|refused| anyhow!("not given back: {refused:?}"));
    }
    Ok(graded)
}
