//! Who is who in a school, for every service that must decide whose rows a caller may touch: a teacher's classes, a student's enrolments, a
//! parent's children.
//!
//! The tables are auth's; this reads them, through a cache. Whoever changes one of them calls [`Directory::changed`] after the commit: it moves the
//! school's generation on, and everything cached under an older one counts as missing. A reader therefore sees a change as soon as it was answered.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use std::time::Duration;

use cache::codec::{self, Codec};
use chrono::NaiveDate;
use domain::{ClassId, SchoolId, StudentId, SubjectId, TeacherId, UserId};
use fred::clients::Pool;
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use store::{Postgres, StoreError};
use tracing::warn;
use uuid::Uuid;

/// A bound on how long a change that was committed but never announced (the process died in between) stays unseen.
const TTL: Duration = Duration::from_mins(5);

/// A student's time in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attends {
    /// The class.
    pub class_id: ClassId,
    /// The first day.
    pub begin_date: NaiveDate,
    /// The last day, inclusive; none means open.
    pub end_date: Option<NaiveDate>,
}

impl Attends {
    /// Whether `day` is within it.
    #[must_use]
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.begin_date <= day && self.end_date.is_none_or(|end| day <= end)
    }
}

/// A student as others need to know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learner {
    /// The student.
    pub student_id: StudentId,
    /// The classes, past and present.
    pub attends: Vec<Attends>,
}

impl Learner {
    /// Whether the student is enrolled in `class` on `day`.
    #[must_use]
    pub fn is_in(&self, class: ClassId, day: NaiveDate) -> bool {
        self.attends.iter().any(|attends| attends.class_id == class && attends.covers(day))
    }

    /// The classes that the student was ever in.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + '_ {
        self.attends.iter().map(|attends| attends.class_id)
    }
}

/// A user of a school, in every part they have there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// As a student.
    pub student: Option<Learner>,
    /// As a teacher.
    pub teacher_id: Option<TeacherId>,
    /// The classes that the user teaches or is class teacher of.
    pub teaches: Vec<ClassId>,
    /// The children whose guardian the user is.
    pub children: Vec<Learner>,
}

impl Person {
    /// Whether the user teaches `class`.
    #[must_use]
    pub fn teaches(&self, class: ClassId) -> bool {
        self.teaches.contains(&class)
    }

    /// The user's child with this id.
    #[must_use]
    pub fn child(&self, student: StudentId) -> Option<&Learner> {
        self.children.iter().find(|child| child.student_id == student)
    }
}

/// A class as others need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The class.
    pub class_id: ClassId,
    /// Its name.
    pub name: String,
    /// The subjects that are taught in it.
    pub subjects: Vec<SubjectId>,
    /// The school's time zone, an IANA name: the class's days are days there.
    pub time_zone: String,
}

/// A student of a class, past or present, as a register or a mark list needs to know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The student.
    pub student_id: StudentId,
    /// The student's name.
    pub name: String,
    /// The number under which the student is known in the school.
    pub admission_number: String,
    /// The number in the class.
    pub roll_number: Option<String>,
    /// The home class.
    pub home_class_id: Option<ClassId>,
    /// The student's classes, past and present, this one among them.
    pub attends: Vec<Attends>,
}

/// Answers who is who. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    redis: Pool,
    postgres: Postgres,
}

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    generation: u64,
    value: Option<T>,
}

const PERSON: &str = "
SELECT jsonb_build_object(
    'student', (SELECT jsonb_build_object('student_id', s.id, 'attends', learner_classes(s.school_id, s.id))
                FROM students s WHERE s.school_id = $1 AND s.user_id = $2 AND s.status = 'active'),
    'teacher_id', (SELECT t.id FROM teachers t WHERE t.school_id = $1 AND t.user_id = $2 AND t.status = 'active'),
    'teaches', (SELECT coalesce(jsonb_agg(DISTINCT taught.class_id), '[]') FROM teachers t
                CROSS JOIN LATERAL (
                    SELECT cs.class_id FROM class_subjects cs WHERE cs.school_id = t.school_id AND cs.teacher_id = t.id AND cs.status = 'active'
                    UNION SELECT c.id FROM classes c WHERE c.school_id = t.school_id AND c.class_teacher_id = t.id AND c.status = 'active'
                ) taught
                WHERE t.school_id = $1 AND t.user_id = $2 AND t.status = 'active'),
    'children', (SELECT coalesce(jsonb_agg(jsonb_build_object('student_id', s.id, 'attends', learner_classes(s.school_id, s.id)) ORDER BY s.id), '[]')
                 FROM student_guardians g JOIN students s ON s.school_id = g.school_id AND s.id = g.student_id AND s.status = 'active'
                 WHERE g.school_id = $1 AND g.guardian_user_id = $2 AND g.status = 'active')
)";

const LEARNER: &str = "
SELECT jsonb_build_object('student_id', s.id, 'attends', learner_classes(s.school_id, s.id))
FROM students s WHERE s.school_id = $1 AND s.id = $2 AND s.status = 'active'";

const CLASS: &str = "
SELECT jsonb_build_object('class_id', c.id, 'name', c.name, 'time_zone', s.time_zone, 'subjects',
    (SELECT coalesce(jsonb_agg(DISTINCT cs.subject_id) FILTER (WHERE cs.subject_id IS NOT NULL), '[]')
     FROM class_subjects cs WHERE cs.school_id = c.school_id AND cs.class_id = c.id AND cs.status = 'active'))
FROM classes c JOIN schools s ON s.id = c.school_id
WHERE c.school_id = $1 AND c.id = $2 AND c.status = 'active'";

const ROSTER: &str = "
SELECT coalesce(jsonb_agg(jsonb_build_object('student_id', s.id, 'name', u.full_name, 'admission_number', s.admission_number, 'roll_number', s.roll_number,
        'home_class_id', s.class_id, 'attends', learner_classes(s.school_id, s.id))
    ORDER BY lpad(s.roll_number, 64), u.full_name, s.id), '[]')
FROM students s JOIN users u ON u.id = s.user_id
WHERE s.school_id = $1 AND s.status = 'active'
    AND EXISTS (SELECT FROM enrollments e WHERE e.school_id = $1 AND e.student_id = s.id AND e.class_id = $2 AND e.status = 'active')";

impl Directory {
    /// A directory on `redis`; `postgres` acts as the service that asks.
    #[must_use]
    pub const fn new(redis: Pool, postgres: Postgres) -> Self {
        Self { redis, postgres }
    }

    /// The user's parts in the school; all empty for a user who has none.
    pub async fn person(&self, school: SchoolId, user: UserId) -> Result<Person, StoreError> {
        Ok(self.look_up(school, "person", user.as_uuid(), PERSON).await?.unwrap_or_default())
    }

    /// The student with this id.
    pub async fn learner(&self, school: SchoolId, student: StudentId) -> Result<Option<Learner>, StoreError> {
        self.look_up(school, "learner", student.as_uuid(), LEARNER).await
    }

    /// The class with this id.
    pub async fn class(&self, school: SchoolId, class: ClassId) -> Result<Option<Class>, StoreError> {
        self.look_up(school, "class", class.as_uuid(), CLASS).await
    }

    /// Everybody who is or was in the class, in the order of a class list: by roll number, then by name.
    pub async fn roster(&self, school: SchoolId, class: ClassId) -> Result<Vec<Seat>, StoreError> {
        Ok(self.look_up(school, "roster", class.as_uuid(), ROSTER).await?.unwrap_or_default())
    }

    /// Something about the school's people or classes has changed and is committed.
    pub async fn changed(&self, school: SchoolId) {
        let moved: Result<u64, _> = self.redis.incr(generation_key(school)).await;
        if let Err(error) = moved {
            warn!(%error, "a change of the directory could not be announced; caches forget the old by themselves");
        }
    }

    async fn look_up<T: Serialize + DeserializeOwned + Send + Unpin + 'static>(
        &self,
        school: SchoolId,
        kind: &str,
        id: Uuid,
        query: &'static str,
    ) -> Result<Option<T>, StoreError> {
        // The tag keeps a school's keys together, so that one MGET reads both on a cluster too.
        let key = format!("directory:{kind}:{{{school}}}:{id}");
        let looked: Result<(Option<u64>, Option<Vec<u8>>), _> = self.redis.mget(vec![generation_key(school), key.clone()]).await;
        let generation = match looked {
            Ok((generation, bytes)) => {
                let generation = generation.unwrap_or(0);
                let cached = bytes.and_then(|bytes| codec::decode::<Cached<T>>(&bytes).ok()).map(|(_, cached)| cached);
                let fresh = cached.filter(|cached| cached.generation == generation);
                cache::record_lookup(fresh.is_some());
                if let Some(fresh) = fresh {
                    return Ok(fresh.value);
                }
                Some(generation)
            }
            Err(error) => {
                warn!(%error, "Redis is away: the directory asks PostgreSQL");
                None
            }
        };
        let mut transaction = self.postgres.school_read(school).await?;
        let found: Option<Json<T>> =
            sqlx::query_scalar(query).bind(school.as_uuid()).bind(id).fetch_optional(transaction.connection()?).await?;
        let value = found.map(|Json(value)| value);
        if let Some(generation) = generation {
            // Cached under the generation that was current before PostgreSQL was asked: a change in between makes this entry stale at once.
            let cached = Cached { generation, value };
            if let Ok(encoded) = codec::encode(&cached, Codec::Snappy, 0, [0; 8], 0) {
                let expiry = Some(Expiration::PX(i64::try_from(TTL.as_millis()).unwrap_or(i64::MAX)));
                let filled: Result<(), _> = self.redis.set(key, encoded.with_sequence(0).as_slice(), expiry, None, false).await;
                if let Err(error) = filled {
                    warn!(%error, "the directory could not be cached");
                }
            }
            return Ok(cached.value);
        }
        Ok(value)
    }
}

fn generation_key(school: SchoolId) -> String {
    format!("directory:generation:{{{school}}}")
}
