//! The rows that are measured: homework as its service keeps it, quiz submissions and registers as their tables have them.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::corpus::{Corpus, Random, Writer};

type Instant = DateTime<Utc>;

/// How long a teacher's texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// A sentence or two.
    Short,
    /// Half a page.
    Long,
}

/// `homework`, field by field as the homework service serialises it; a test below holds the two together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HomeworkRow {
    pub(crate) id: Uuid,
    pub(crate) school_id: Uuid,
    pub(crate) class_id: Uuid,
    pub(crate) subject_id: Option<Uuid>,
    pub(crate) teacher_id: Option<Uuid>,
    pub(crate) created_by: Uuid,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) instructions: Option<String>,
    pub(crate) max_points: i32,
    pub(crate) assigned_at: Option<Instant>,
    pub(crate) due_at: Instant,
    pub(crate) cutoff_at: Option<Instant>,
    pub(crate) allow_late: bool,
    pub(crate) late_policy: Option<LatePolicy>,
    pub(crate) max_attempts: u8,
    pub(crate) status: String,
    pub(crate) published_at: Option<Instant>,
    pub(crate) version: i32,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatePolicy {
    pub(crate) deduction_percent: u8,
    pub(crate) floor_percent: u8,
}

/// An attempt that was handed in, with its answers: `quiz_attempts` and `quiz_answers`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuizSubmission {
    pub(crate) id: Uuid,
    pub(crate) school_id: Uuid,
    pub(crate) quiz_id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) attempt: i32,
    pub(crate) state: String,
    pub(crate) seed: i64,
    pub(crate) started_at: Instant,
    pub(crate) due_at: Option<Instant>,
    pub(crate) submitted_at: Option<Instant>,
    pub(crate) score: Option<String>,
    pub(crate) graded_at: Option<Instant>,
    pub(crate) answers: Vec<QuizAnswer>,
    pub(crate) version: i32,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuizAnswer {
    pub(crate) slot_id: Uuid,
    pub(crate) question_id: Uuid,
    pub(crate) question_version: i32,
    pub(crate) response: Option<serde_json::Value>,
    pub(crate) is_flagged: bool,
    pub(crate) mark: Option<String>,
    pub(crate) feedback: Option<String>,
    pub(crate) answered_at: Option<Instant>,
}

/// A register with its marks: `attendance_sessions` and `attendance_records`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Register {
    pub(crate) id: Uuid,
    pub(crate) school_id: Uuid,
    pub(crate) class_id: Uuid,
    pub(crate) subject_id: Option<Uuid>,
    pub(crate) teacher_id: Option<Uuid>,
    pub(crate) held_on: NaiveDate,
    pub(crate) kind: String,
    pub(crate) period: Option<i32>,
    pub(crate) state: String,
    pub(crate) taken_by: Option<Uuid>,
    pub(crate) taken_at: Option<Instant>,
    pub(crate) locked_at: Option<Instant>,
    pub(crate) records: Vec<Mark>,
    pub(crate) version: i32,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) student_id: Uuid,
    pub(crate) code: String,
    pub(crate) minutes_late: Option<i32>,
    pub(crate) note: Option<String>,
    pub(crate) marked_by: Uuid,
    pub(crate) marked_at: Instant,
}

/// A mark as a row of its own: `attendance_records`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MarkRow {
    pub(crate) id: Uuid,
    pub(crate) school_id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) held_on: NaiveDate,
    pub(crate) kind: String,
    pub(crate) code: String,
    pub(crate) minutes_late: Option<i32>,
    pub(crate) note: Option<String>,
    pub(crate) marked_by: Uuid,
    pub(crate) marked_at: Instant,
    pub(crate) version: i32,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

/// A school on a day in term: 30 classes of 40 with a teacher and subjects each.
pub(crate) struct School<'c> {
    pub(crate) writer: Writer<'c>,
    id: Uuid,
    classes: Vec<Class>,
    now: Instant,
}

struct Class {
    id: Uuid,
    teacher: Uuid,
    teacher_user: Uuid,
    subjects: Vec<Uuid>,
    students: Vec<Uuid>,
    /// Ten questions in their slots.
    quiz: Uuid,
    questions: Vec<(Uuid, Uuid)>,
}

/// Ten past eight on a Monday in November.
const START_MS: i64 = 1_763_971_800_000;

/// A UUIDv7, some time before `at` if `old`.
fn id(random: &mut Random, at_ms: i64, old: bool) -> Uuid {
    let back = if old { i64::try_from(random.between(0, 60 * 86_400_000)).unwrap_or(0) } else { 0 };
    let millis = u64::try_from(at_ms - back).unwrap_or(0);
    let mut bits = [0; 10];
    for (place, byte) in bits.iter_mut().zip(random.next().to_be_bytes().into_iter().chain(random.next().to_be_bytes())) {
        *place = byte;
    }
    uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid()
}

impl<'c> School<'c> {
    pub(crate) fn new(corpus: &'c Corpus, seed: u64) -> Self {
        let mut writer = Writer::new(corpus, seed);
        let subjects = writer.subjects();
        let mut fresh = || id(&mut writer.random, START_MS, true);
        let school = fresh();
        let subject_ids: Vec<Uuid> = (0..subjects).map(|_| fresh()).collect();
        let classes = (0..30)
            .map(|_| Class {
                id: fresh(),
                teacher: fresh(),
                teacher_user: fresh(),
                subjects: subject_ids.clone(),
                students: (0..40).map(|_| fresh()).collect(),
                quiz: fresh(),
                questions: (0..10).map(|_| (fresh(), fresh())).collect(),
            })
            .collect();
        Self { writer, id: school, classes, now: DateTime::from_timestamp_millis(START_MS).unwrap_or_default() }
    }

    /// A moment later, to the microsecond.
    fn tick(&mut self) -> Instant {
        let micros = self.writer.random.between(1_000, 400_000);
        self.now += Duration::microseconds(i64::try_from(micros).unwrap_or(0));
        self.now
    }

    fn class(&mut self) -> usize {
        usize::try_from(self.writer.random.next() % 30).unwrap_or(0)
    }

    /// Nine in ten are published, and all else varies as it does.
    pub(crate) fn homework(&mut self, profile: Profile) -> Option<HomeworkRow> {
        let created_at = self.tick();
        let class = self.class();
        let subject = usize::try_from(self.writer.random.next() % 64).unwrap_or(0) % self.writer.subjects();
        let id = id(&mut self.writer.random, created_at.timestamp_millis(), false);
        let title = self.writer.title(subject);
        let description = Some(self.writer.passage(subject, "task", 0, 1)).filter(|text| !text.is_empty());
        let instructions = match profile {
            Profile::Short => self.writer.random.chance(85).then(|| self.writer.passage(subject, "task", 1, 2)),
            Profile::Long => Some(self.writer.passage(subject, "task", 6, 14)),
        };
        let random = &mut self.writer.random;
        let published = random.chance(90);
        let evening = created_at.date_naive().and_hms_opt(17, 30, 0)?.and_utc();
        let due_at = evening + Duration::days(i64::try_from(random.between(1, 10)).ok()?);
        let allow_late = random.chance(60);
        let published_at =
            published.then(|| created_at + Duration::milliseconds(i64::try_from(random.between(5_000, 600_000)).unwrap_or(0)));
        let class = self.classes.get(class)?;
        Some(HomeworkRow {
            id,
            school_id: self.id,
            class_id: class.id,
            subject_id: class.subjects.get(subject).copied(),
            teacher_id: Some(class.teacher),
            created_by: class.teacher_user,
            title,
            description,
            instructions,
            max_points: random.pick(&[1000, 2000, 2500, 5000, 10_000]),
            assigned_at: published_at,
            due_at,
            cutoff_at: allow_late.then(|| due_at + Duration::days(3)),
            allow_late,
            late_policy: allow_late.then_some(LatePolicy { deduction_percent: 10, floor_percent: 40 }),
            max_attempts: random.pick(&[1, 1, 2, 3]),
            status: if published { "published" } else { "draft" }.to_owned(),
            published_at,
            version: if published { 2 } else { 1 },
            created_at,
            updated_at: published_at.unwrap_or(created_at),
        })
    }

    /// Ten answers: seven choices, a number, a word, and a text of its own.
    pub(crate) fn quiz_submission(&mut self) -> Option<QuizSubmission> {
        let submitted_at = self.tick();
        let class = self.class();
        let started_at = submitted_at - Duration::milliseconds(i64::try_from(self.writer.random.between(200_000, 1_100_000)).ok()?);
        let id = id(&mut self.writer.random, started_at.timestamp_millis(), false);
        let mut answers = Vec::new();
        let slots = self.classes.get(class)?.questions.clone();
        let mut answered_at = started_at;
        for (place, (slot_id, question_id)) in slots.into_iter().enumerate() {
            answered_at += Duration::microseconds(i64::try_from(self.writer.random.between(8_000_000, 20_000_000)).ok()?);
            let response = match place {
                0..7 => serde_json::json!({"keys": [self.writer.random.pick(&["a", "b", "c", "d"])]}),
                7 => serde_json::json!({"value": self.writer.random.between(1, 400).to_string()}),
                8 => serde_json::json!({"value": self.writer.phrase(class, "thing")}),
                _ => serde_json::json!({"text": self.writer.passage(class, "answer", 1, 2)}),
            };
            answers.push(QuizAnswer {
                slot_id,
                question_id,
                question_version: 1,
                response: Some(response),
                is_flagged: self.writer.random.chance(5),
                mark: (place < 9).then(|| self.writer.random.pick(&["0.0000", "1.0000", "1.0000"]).to_owned()),
                feedback: None,
                answered_at: Some(answered_at),
            });
        }
        let random = &mut self.writer.random;
        let class = self.classes.get(class)?;
        Some(QuizSubmission {
            id,
            school_id: self.id,
            quiz_id: class.quiz,
            student_id: random.pick(&class.students),
            attempt: 1,
            state: "submitted".to_owned(),
            seed: i64::from(u32::try_from(random.next() >> 33).ok()?),
            started_at,
            due_at: Some(started_at + Duration::minutes(20)),
            submitted_at: Some(submitted_at),
            score: None,
            graded_at: None,
            answers,
            version: 12,
            created_at: started_at,
            updated_at: submitted_at,
        })
    }

    /// The marks of `register` as rows of their own.
    pub(crate) fn mark_rows(&mut self, register: &Register) -> Vec<MarkRow> {
        let row = |mark: &Mark| MarkRow {
            id: id(&mut self.writer.random, START_MS, true),
            school_id: register.school_id,
            session_id: register.id,
            student_id: mark.student_id,
            held_on: register.held_on,
            kind: register.kind.clone(),
            code: mark.code.clone(),
            minutes_late: mark.minutes_late,
            note: mark.note.clone(),
            marked_by: mark.marked_by,
            marked_at: mark.marked_at,
            version: register.version,
            created_at: register.created_at,
            updated_at: register.updated_at,
        };
        register.records.iter().map(row).collect()
    }

    /// Forty marks, taken in one go.
    pub(crate) fn register(&mut self) -> Option<Register> {
        let taken_at = self.tick();
        let class = self.class();
        let id = id(&mut self.writer.random, taken_at.timestamp_millis(), false);
        let (students, teacher_user) = self.classes.get(class).map(|class| (class.students.clone(), class.teacher_user))?;
        let mut records = Vec::new();
        for student_id in students {
            let code = match self.writer.random.between(0, 99) {
                0..3 => "A",
                3..7 => "L",
                7..9 => "E",
                _ => "P",
            };
            records.push(Mark {
                student_id,
                code: code.to_owned(),
                minutes_late: if code == "L" { i32::try_from(self.writer.random.between(2, 35)).ok() } else { None },
                note: if code == "P" || self.writer.random.chance(40) { None } else { Some(self.writer.phrase(class, "note")) },
                marked_by: teacher_user,
                marked_at: taken_at,
            });
        }
        let class = self.classes.get(class)?;
        Some(Register {
            id,
            school_id: self.id,
            class_id: class.id,
            subject_id: None,
            teacher_id: Some(class.teacher),
            held_on: taken_at.date_naive(),
            kind: "daily".to_owned(),
            period: None,
            state: "taken".to_owned(),
            taken_by: Some(class.teacher_user),
            taken_at: Some(taken_at),
            locked_at: None,
            records,
            version: 1,
            created_at: taken_at,
            updated_at: taken_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::corpus::{MEASURED, TRAINING};

    #[test]
    fn homework_is_measured_as_its_service_serialises_it_and_the_dictionary_knows_its_fields() {
        let corpus = Corpus::parse(MEASURED);
        let row = School::new(&corpus, 1).homework(Profile::Short).unwrap();
        let of_service: homework::model::homework::Homework = rmp_serde::from_slice(&rmp_serde::to_vec_named(&row).unwrap()).unwrap();
        assert_eq!(rmp_serde::to_vec_named(&of_service).unwrap(), rmp_serde::to_vec_named(&row).unwrap());
        assert!(cache::codec::knows_shape(&of_service), "homework has other fields than its dictionary knows");

        let published =
            homework::model::homework::Homework { status: homework::model::homework::Status::Published, cutoff_at: None, ..of_service };
        let student = domain::StudentId::from_uuid(Uuid::from_u128(7));
        let submission =
            homework::model::submission::hand_in(&published, student, 1, "an answer".to_owned(), published.created_at).unwrap();
        assert!(cache::codec::knows_shape(&submission), "a submission has other fields than its dictionary knows");
    }

    #[test]
    fn the_same_seed_makes_the_same_rows_and_no_two_of_them_are_alike() {
        let corpus = Corpus::parse(MEASURED);
        let make = |seed| {
            let mut school = School::new(&corpus, seed);
            (0..500).map(|_| school.homework(Profile::Long).unwrap()).collect::<Vec<_>>()
        };
        let rows = make(1);
        assert_eq!(rows, make(1));
        let texts: std::collections::HashSet<_> = rows.iter().map(|row| &row.instructions).collect();
        assert_eq!(texts.len(), rows.len());
    }

    #[test]
    fn packing_halves_what_snappy_leaves_of_texts_that_no_dictionary_has_seen() {
        for (corpus, share) in [(MEASURED, 0.52), (TRAINING, 0.5)] {
            let corpus = Corpus::parse(corpus);
            let mut school = School::new(&corpus, 3);
            let (mut snappy, mut packed) = (0_u32, 0_u32);
            for _ in 0..200 {
                let row = school.homework(Profile::Short).unwrap();
                snappy += 32 + u32::try_from(crate::memory::forms::snappy(&rmp_serde::to_vec_named(&row).unwrap()).len()).unwrap();
                let encoded = cache::codec::encode(&row, cache::codec::Codec::Snappy, 1, [0; 8], 0).unwrap();
                packed += u32::try_from(encoded.with_sequence(1).len()).unwrap();
            }
            assert!(f64::from(packed) < share * f64::from(snappy), "{packed} of {snappy}");
        }
    }
}
