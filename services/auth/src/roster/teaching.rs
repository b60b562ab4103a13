//! Who teaches what in which class.

use std::collections::{HashMap, HashSet};

use oneroster::{FileKind, RosterRole};
use uuid::Uuid;

use super::academics::subject_of;
use super::batch::{Batch, Column, Rule, Table};
use super::identify::{Known, Wanted, identify};
use super::log::{Place, at};
use super::work::{Stop, Work};

const CLASS_SUBJECTS: Table = Table {
    name: "class_subjects",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("class_id", "uuid", Rule::Take),
        ("subject_id", "uuid", Rule::Take),
        ("teacher_id", "uuid", Rule::Take),
        ("is_primary", "boolean", Rule::Take),
    ],
};

/// Id, source id, class, subject, teacher.
type LessonRow = (Uuid, Option<String>, Uuid, Option<Uuid>, Option<Uuid>);

struct Lesson {
    source: String,
    class: Uuid,
    subject: Option<Uuid>,
    teacher: Option<Uuid>,
    primary: bool,
    place: Place,
}

impl Lesson {
    fn key(&self) -> String {
        key(self.class, self.subject, self.teacher)
    }
}

fn key(class: Uuid, subject: Option<Uuid>, teacher: Option<Uuid>) -> String {
    format!("{class}|{}|{}", subject.unwrap_or_default(), teacher.unwrap_or_default())
}

/// The source id of a class that nobody teaches yet.
fn unstaffed(class: &str) -> String {
    format!("class:{class}")
}

impl Work<'_> {
    fn lessons(&mut self) -> Vec<Lesson> {
        let about: HashMap<&str, Option<Uuid>> = self
            .roster
            .classes
            .iter()
            .map(|class| (class.class.sourced_id.as_str(), subject_of(class).and_then(|subject| self.subjects.get(&subject).copied())))
            .collect();
        let (mut lessons, mut seen, mut staffed) = (Vec::new(), HashSet::new(), HashSet::new());
        for row in &self.roster.enrollments {
            let place = at(FileKind::Enrollments, row.line);
            if row.role != RosterRole::Teacher {
                if row.role != RosterRole::Student {
                    self.log.warn(place, "role", "only students and teachers are enrolled in classes; the row was left out");
                }
                continue;
            }
            let (Some(class), Some(teacher)) = (self.classes.get(row.class.as_str()), self.teachers.get(row.fields.user.as_str())) else {
                self.log.fault(place, Some("classSourcedId"), "the class or the teacher is not in this bundle as an active row");
                continue;
            };
            staffed.insert(row.class.as_str());
            let subject = about.get(row.class.as_str()).copied().flatten();
            let (source, primary) = (row.sourced_id.clone(), row.primary);
            let lesson = Lesson { source, class: *class, subject, teacher: Some(*teacher), primary, place };
            if seen.insert(lesson.key()) {
                lessons.push(lesson);
            } else {
                self.log.warn(place, "userSourcedId", "the teacher has this class already; the times of a teacher are not kept");
            }
        }
        if self.is_bulk(FileKind::Enrollments) {
            for class in &self.roster.classes {
                let source = class.class.sourced_id.as_str();
                let (Some(id), Some(Some(subject))) = (self.classes.get(source), about.get(source)) else { continue };
                if !staffed.contains(source) {
                    let place = at(FileKind::Classes, class.class.line);
                    let (source, class, subject) = (unstaffed(source), *id, Some(*subject));
                    lessons.push(Lesson { source, class, subject, teacher: None, primary: false, place });
                }
            }
        }
        lessons
    }

    pub(super) async fn put_class_subjects(&mut self) -> Result<(), Stop> {
        let lessons = self.lessons();
        self.stop_if_faulty()?;
        let classes: Vec<Uuid> = lessons.iter().map(|lesson| lesson.class).collect();
        let sources: Vec<&str> = lessons.iter().map(|lesson| lesson.source.as_str()).collect();
        let rows: Vec<LessonRow> = sqlx::query_as(
            "SELECT id, source_id, class_id, subject_id, teacher_id FROM class_subjects WHERE class_id = ANY ($1) OR source_id = ANY ($2)",
        )
        .bind(&classes)
        .bind(&sources)
        .fetch_all(&mut *self.connection)
        .await?;
        let known: Vec<Known> = rows
            .into_iter()
            .map(|(id, source, class, subject, teacher)| Known { id, source, sole: vec![key(class, subject, teacher)], likely: Vec::new() })
            .collect();
        let wanted: Vec<Wanted> =
            lessons.iter().map(|lesson| Wanted { source: lesson.source.clone(), sole: vec![lesson.key()], likely: Vec::new() }).collect();
        let found = identify(&known, &wanted);
        let staffed: HashSet<Uuid> = lessons.iter().filter(|lesson| lesson.teacher.is_some()).map(|lesson| lesson.class).collect();
        let taken: Vec<String> = self.classes.iter().filter(|(_, id)| staffed.contains(id)).map(|(source, _)| unstaffed(source)).collect();
        let batch = Batch {
            table: &CLASS_SUBJECTS,
            created: found.created,
            places: lessons.iter().map(|lesson| lesson.place).collect(),
            columns: vec![
                Column::texts(lessons.iter().map(|lesson| lesson.source.clone())),
                Column::ids(lessons.iter().map(|lesson| lesson.class)),
                Column::Id(lessons.iter().map(|lesson| lesson.subject).collect()),
                Column::Id(lessons.iter().map(|lesson| lesson.teacher).collect()),
                Column::Flag(lessons.iter().map(|lesson| lesson.primary).collect()),
            ],
            ids: found.ids,
        };
        self.report.class_subjects = self.put(batch).await?;
        // What stood for "nobody yet" makes room when somebody teaches it.
        self.report.class_subjects.removed += self.retire("class_subjects", "tobedeleted", &taken).await?;
        Ok(())
    }
}
