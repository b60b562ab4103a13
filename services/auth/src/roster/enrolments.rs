//! Students' places in classes.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use oneroster::{Enrollment, FileKind, RosterRole, Row};
use uuid::Uuid;

use super::batch::{Batch, Column, Rule, Table};
use super::log::at;
use super::work::{Stop, Work};

const ENROLLMENTS: Table = Table {
    name: "enrollments",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("class_id", "uuid", Rule::Take),
        ("student_id", "uuid", Rule::Take),
        ("begin_date", "date", Rule::Take),
        ("end_date", "date", Rule::Take),
    ],
};

const KNOWN: &str = "
SELECT id, source_id, class_id, student_id, begin_date, end_date, status FROM enrollments WHERE source_id = ANY ($1) OR class_id = ANY ($2)";

/// As with terms: whatever moves lets go of its old days first, and is written anyway.
const LET_GO: &str = "
UPDATE enrollments e SET status = 'tobedeleted' FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::date[], $6::date[]) AS x (id, class, student, starts, ends)
WHERE e.school_id = $1 AND e.id = x.id AND e.status = 'active'
    AND ROW(e.class_id, e.student_id, e.begin_date, e.end_date) IS DISTINCT FROM ROW(x.class, x.student, x.starts, x.ends)";

#[derive(sqlx::FromRow)]
struct Known {
    id: Uuid,
    source_id: Option<String>,
    class_id: Uuid,
    student_id: Uuid,
    begin_date: NaiveDate,
    end_date: Option<NaiveDate>,
    status: String,
}

struct Place<'a> {
    row: &'a Row<Enrollment>,
    class: Uuid,
    student: Uuid,
    begin: NaiveDate,
    end: Option<NaiveDate>,
}

impl Place<'_> {
    fn overlaps(&self, known: &Known) -> bool {
        let last = |end: Option<NaiveDate>| end.unwrap_or(NaiveDate::MAX);
        self.begin <= last(known.end_date) && known.begin_date <= last(self.end)
    }
}

impl<'a> Work<'a> {
    fn places(&mut self) -> Vec<Place<'a>> {
        let roster = self.roster;
        let mut places = Vec::new();
        for row in roster.enrollments.iter().copied().filter(|row| row.role == RosterRole::Student) {
            let place = at(FileKind::Enrollments, row.line);
            let (class, student) = (self.classes.get(row.class.as_str()), self.students.get(row.fields.user.as_str()));
            let begin = row.begin.or_else(|| self.first_days.get(row.class.as_str()).copied());
            match (class, student, begin) {
                (Some(class), Some(student), Some(begin)) => {
                    // An end before the class begins can only come with no beginning of its own.
                    let begin = row.end.map_or(begin, |end| begin.min(end));
                    places.push(Place { row, class: *class, student: *student, begin, end: row.end });
                }
                (None, ..) => self.log.fault(place, Some("classSourcedId"), "the class is not in this bundle as an active row"),
                (_, None, _) => self.log.fault(place, Some("userSourcedId"), "the student is not in this bundle as an active row"),
                (.., None) => self.log.fault(place, Some("beginDate"), "is needed, as the class has no term that says when it begins"),
            }
        }
        places
    }

    pub(super) async fn put_enrollments(&mut self) -> Result<(), Stop> {
        let places = self.places();
        self.stop_if_faulty()?;
        let (ids, created) = self.identify_places(&places).await?;
        self.stop_if_faulty()?;
        let classes: Vec<Uuid> = places.iter().map(|place| place.class).collect();
        let students: Vec<Uuid> = places.iter().map(|place| place.student).collect();
        let starts: Vec<NaiveDate> = places.iter().map(|place| place.begin).collect();
        let ends: Vec<Option<NaiveDate>> = places.iter().map(|place| place.end).collect();
        if created < ids.len() {
            let query = sqlx::query(LET_GO).bind(self.school).bind(&ids).bind(&classes).bind(&students).bind(&starts).bind(&ends);
            query.execute(&mut *self.connection).await?;
        }
        let batch = Batch {
            table: &ENROLLMENTS,
            created,
            places: places.iter().map(|place| at(FileKind::Enrollments, place.row.line)).collect(),
            columns: vec![
                Column::texts(places.iter().map(|place| place.row.sourced_id.clone())),
                Column::ids(classes),
                Column::ids(students),
                Column::dates(starts),
                Column::Date(ends),
            ],
            ids,
        };
        self.report.enrollments = self.put(batch).await?;
        Ok(())
    }

    /// By source id, or else the one of the same student in the same class and time that no row of the file goes by.
    async fn identify_places(&mut self, places: &[Place<'_>]) -> Result<(Vec<Uuid>, usize), Stop> {
        let sources: Vec<&str> = places.iter().map(|place| place.row.sourced_id.as_str()).collect();
        let classes: HashSet<Uuid> = places.iter().map(|place| place.class).collect();
        let classes: Vec<Uuid> = classes.into_iter().collect();
        let known: Vec<Known> = sqlx::query_as(KNOWN).bind(&sources).bind(&classes).fetch_all(&mut *self.connection).await?;
        let by_source: HashMap<&str, Uuid> = known.iter().filter_map(|row| Some((row.source_id.as_deref()?, row.id))).collect();
        let listed: HashSet<&str> = sources.iter().copied().collect();
        let mut sitting: HashMap<(Uuid, Uuid), Vec<&Known>> = HashMap::new();
        for row in known.iter().filter(|row| row.status == "active" && row.source_id.as_deref().is_none_or(|s| !listed.contains(s))) {
            sitting.entry((row.class_id, row.student_id)).or_default().push(row);
        }
        let (mut ids, mut created, mut taken) = (Vec::with_capacity(places.len()), 0, HashSet::new());
        for place in places {
            let mut id = by_source.get(place.row.sourced_id.as_str()).copied();
            for row in sitting.get(&(place.class, place.student)).into_iter().flatten().filter(|row| place.overlaps(row)) {
                if id.is_none() && taken.insert(row.id) {
                    id = Some(row.id);
                } else if !taken.contains(&row.id) {
                    let message = "overlaps an enrolment of this student in this class that the school has already";
                    self.log.fault(at(FileKind::Enrollments, place.row.line), Some("beginDate"), message);
                }
            }
            ids.push(id.unwrap_or_else(|| {
                created += 1;
                Uuid::now_v7()
            }));
        }
        Ok((ids, created))
    }
}
