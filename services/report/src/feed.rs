//! How grades come from homework and quizzes.
//!
//! An event only says where to look. What is there now decides: the grade book reads the source's present state and writes what differs. An event that comes
//! twice, late or out of order therefore changes nothing, and recomputing a whole class is the same step for everybody.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Actor, EventEnvelope, EventKind, GradeItemId, SchoolId, ServiceName, StudentId};
use events::{HandleError, Handler};
use serde::{Deserialize, Serialize};
use service_kit::{Kind, Platform, Problem};
use store::entity::grade_items;
use uuid::Uuid;
use write_behind::{Found, Operation};

use crate::model::feeding::taken_over;
use crate::model::grade::{Change, Grade};
use crate::store::{Fed, PATIENCE, Seat, Source, ensure_item, fed_by, is_locked, look_for_grade, source_item, submit};

/// What the grade book listens to.
pub(crate) const KINDS: &[EventKind] = &[
    EventKind::HomeworkAssigned,
    EventKind::HomeworkChanged,
    EventKind::HomeworkGraded,
    EventKind::HomeworkReturned,
    EventKind::QuizAssigned,
    EventKind::QuizChanged,
    // A further attempt that waits to be marked takes the place of the last one, where the last one counts.
    EventKind::QuizSubmitted,
    EventKind::QuizGraded,
    EventKind::QuizReleased,
];

/// How often a grade is tried that somebody else changes meanwhile.
pub(crate) const TRIES: usize = 40;

/// Waits before the try that is `turn`, longer each time: of those who meet at one sheet one gets on, and the others don't meet again at once.
pub(crate) async fn pause(turn: usize) {
    if turn > 0 {
        let longest = u64::try_from(turn).unwrap_or(u64::MAX).saturating_mul(4).min(60);
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..=longest))).await;
    }
}

/// The consumer.
pub(crate) struct Feed {
    platform: Platform,
}

impl Feed {
    pub(crate) const fn new(platform: Platform) -> Self {
        Self { platform }
    }
}

/// What the events of homework and quizzes have in common.
#[derive(Deserialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct About {
    homework_id: Option<Uuid>,
    quiz_id: Option<Uuid>,
    student_id: Option<StudentId>,
}

#[async_trait]
impl Handler for Feed {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let about: About = serde_json::from_str(&event.data).map_err(|error| HandleError::Failed(error.to_string()))?;
        let source = match event.kind {
            // Its data doesn't repeat what it is about.
            EventKind::HomeworkAssigned => Some(Source::Homework(event.subject)),
            _ => about.homework_id.map(Source::Homework).or(about.quiz_id.map(Source::Quiz)),
        };
        let source = source.ok_or_else(|| HandleError::Failed("the event names neither homework nor quiz".to_owned()))?;
        match sync(&self.platform, event.school_id, source, about.student_id).await {
            Ok(()) => Ok(()),
            Err(problem) if problem.kind() == Kind::Unavailable => Err(HandleError::Unavailable(problem.to_string())),
            Err(problem) => Err(HandleError::Failed(problem.to_string())),
        }
    }
}

/// Takes over what `student` has at the source, or everybody. A locked item stays as it is.
pub(crate) async fn sync(platform: &Platform, school: SchoolId, source: Source, student: Option<StudentId>) -> Result<(), Problem> {
    let saved = platform.buffer().wait_until_saved(source.service(), school, PATIENCE).await?;
    if !saved {
        return Err(Problem::unavailable(Duration::from_secs(2), "What the grade is made of"));
    }
    let Some(item) = fed_item(platform, school, source).await? else { return Ok(()) };
    for fed in fed_by(platform, school, source, student).await? {
        take_over(platform, school, item.id.into(), fed).await?;
    }
    Ok(())
}

/// The item that the source feeds, made if it is new; none if there is no such source, or the item takes nothing now.
pub(crate) async fn fed_item(platform: &Platform, school: SchoolId, source: Source) -> Result<Option<grade_items::Model>, Problem> {
    let Some(about) = source_item(platform, school, source).await? else { return Ok(None) };
    let item = ensure_item(platform, school, source, &about, platform.clock().now()).await?;
    Ok(Some(item).filter(|item| !is_locked(item, platform.clock().now()) && item.status == "active"))
}

/// Writes the grade if it differs and the item is not locked meanwhile.
async fn take_over(platform: &Platform, school: SchoolId, item: GradeItemId, fed: Fed) -> Result<(), Problem> {
    let id = Grade::id_of(item, fed.student_id);
    for turn in 0..TRIES {
        pause(turn).await;
        let seat = Seat::take(platform, school, item).await?;
        let now = platform.clock().now();
        let Some(item) = crate::store::item(platform, school, item).await?.filter(|item| !is_locked(item, now)) else { return Ok(()) };
        if !seat.agrees(platform, &item).await? {
            continue;
        }
        let operation = Operation::new(school, ServiceName::Report);
        let found = look_for_grade(platform, school, id).await?;
        let before = if let Found::Row(row) = &found { Some(row.figures()) } else { None };
        let Some(figures) = taken_over(before.as_ref(), fed.points) else { return Ok(()) };
        let (grade, operation) = match found {
            Found::Row(row) => {
                let grade = row.next(figures, None, now);
                let operation = operation.update(&grade, row.version);
                (grade, operation)
            }
            Found::Absent(absence) => {
                let grade = Grade::first(school, item.class_id.into(), item.id.into(), fed.student_id, figures, None, now);
                let operation = operation.create_absent(&grade, absence);
                (grade, operation)
            }
        };
        let operation = with_change(operation, &grade, None)?;
        if submit(platform, seat.moves_with(operation, now)).await? {
            return Ok(());
        }
    }
    Err(Problem::unavailable(Duration::from_secs(1), "The grade, which is being changed by others,"))
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct Changed {
    item_id: GradeItemId,
    class_id: domain::ClassId,
    student_id: StudentId,
}

/// Adds what goes with every write of a grade: its entry in the history, and the event, which holds no marks.
pub(crate) fn with_change(operation: Operation, grade: &Grade, by: Option<Actor>) -> Result<Operation, Problem> {
    let data = Changed { item_id: grade.item_id, class_id: grade.class_id, student_id: grade.student_id };
    let event = events::envelope(EventKind::GradeChanged, grade.school_id, by, grade.id.as_uuid(), grade.updated_at, &data)?;
    Ok(operation.create(&Change::to(grade, by.map(|actor| actor.user_id))).event(event))
}
