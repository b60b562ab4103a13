//! School years and terms.

use std::collections::HashMap;

use chrono::NaiveDate;
use oneroster::{FileKind, SessionType, Term};
use uuid::Uuid;

use super::batch::{Batch, Column, Rule, Table};
use super::identify::{Known, Wanted, identify};
use super::log::{Place, at};
use super::work::{Stop, Work};

const YEARS: Table = Table {
    name: "academic_years",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("name", "text", Rule::Take),
        ("starts_on", "date", Rule::Take),
        ("ends_on", "date", Rule::Take),
    ],
};
const TERMS: Table = Table {
    name: "terms",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("academic_year_id", "uuid", Rule::Take),
        ("parent_term_id", "uuid", Rule::Take),
        ("kind", "text", Rule::Take),
        ("name", "text", Rule::Take),
        ("starts_on", "date", Rule::Take),
        ("ends_on", "date", Rule::Take),
    ],
};

/// Terms that move let go of their old days first, so that it doesn't matter in which order they are written. They are written anyway.
const LET_GO: &str = "
UPDATE terms t SET status = 'tobedeleted' FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::date[]) AS x (id, year, kind, starts, ends)
WHERE t.school_id = $1 AND t.id = x.id AND t.status = 'active'
    AND ROW(t.academic_year_id, t.kind, t.starts_on, t.ends_on) IS DISTINCT FROM ROW(x.year, x.kind, x.starts, x.ends)";

fn place(line: u64) -> Place {
    at(FileKind::AcademicSessions, line)
}

const fn kind(term: &Term<'_>) -> &'static str {
    match term.session.fields.kind {
        SessionType::Semester => "semester",
        SessionType::GradingPeriod => "grading_period",
        _ => "term",
    }
}

/// Id, source id, year, kind, name, first and last day, status.
type TermRow = (Uuid, Option<String>, Uuid, String, String, NaiveDate, NaiveDate, String);

/// A stretch of one kind in one year; the line if it is the file's.
struct Stretch {
    year: Uuid,
    kind: String,
    starts: NaiveDate,
    ends: NaiveDate,
    line: Option<u64>,
}

impl Work<'_> {
    pub(super) async fn put_years(&mut self) -> Result<(), Stop> {
        let rows: Vec<(Uuid, Option<String>, String)> =
            sqlx::query_as("SELECT id, source_id, name FROM academic_years").fetch_all(&mut *self.connection).await?;
        let known: Vec<Known> =
            rows.into_iter().map(|(id, source, name)| Known { id, source, sole: vec![name], likely: Vec::new() }).collect();
        let years = &self.roster.years;
        let wanted: Vec<Wanted> = years
            .iter()
            .map(|year| Wanted { source: year.sourced_id.clone(), sole: vec![year.title.clone()], likely: Vec::new() })
            .collect();
        let found = identify(&known, &wanted);
        self.years = years.iter().map(|year| year.sourced_id.as_str()).zip(found.ids.iter().copied()).collect();
        let batch = Batch {
            table: &YEARS,
            created: found.created,
            places: years.iter().map(|year| place(year.line)).collect(),
            columns: vec![
                Column::texts(years.iter().map(|year| year.sourced_id.clone())),
                Column::texts(years.iter().map(|year| year.title.clone())),
                Column::dates(years.iter().map(|year| year.start)),
                Column::dates(years.iter().map(|year| year.end)),
            ],
            ids: found.ids,
        };
        self.report.academic_years = self.put(batch).await?;
        Ok(())
    }

    pub(super) async fn put_terms(&mut self) -> Result<(), Stop> {
        let roster = self.roster;
        let years = self.years_of_terms().await?;
        self.stop_if_faulty()?;
        let rows: Vec<TermRow> =
            sqlx::query_as("SELECT id, source_id, academic_year_id, kind, name, starts_on, ends_on, status FROM terms")
                .fetch_all(&mut *self.connection)
                .await?;
        let key = |year: Uuid, kind: &str, name: &str| format!("{year}|{kind}|{name}");
        let known: Vec<Known> = rows
            .iter()
            .map(|(id, source, year, kind, name, ..)| Known {
                id: *id,
                source: source.clone(),
                sole: vec![key(*year, kind, name)],
                likely: Vec::new(),
            })
            .collect();
        let wanted: Vec<Wanted> = roster
            .terms
            .iter()
            .zip(&years)
            .map(|(term, year)| Wanted {
                source: term.session.sourced_id.clone(),
                sole: vec![key(*year, kind(term), &term.session.title)],
                likely: Vec::new(),
            })
            .collect();
        self.check_titles(&wanted);
        let found = identify(&known, &wanted);
        let ours: std::collections::HashSet<Uuid> = found.ids.iter().copied().collect();
        let others = rows
            .into_iter()
            .filter(|(id, .., status)| status == "active" && !ours.contains(id))
            .map(|(_, _, year, kind, _, starts, ends, _)| Stretch { year, kind, starts, ends, line: None });
        let mut stretches: Vec<Stretch> = others.collect();
        stretches.extend(roster.terms.iter().zip(&years).map(|(term, year)| {
            let (kind, starts, ends, line) = (kind(term).to_owned(), term.session.start, term.session.end, Some(term.session.line));
            Stretch { year: *year, kind, starts, ends, line }
        }));
        self.check_overlaps(stretches);
        self.stop_if_faulty()?;
        self.terms = roster.terms.iter().map(|term| term.session.sourced_id.as_str()).zip(found.ids.iter().copied()).collect();
        self.term_years = roster.terms.iter().map(|term| term.session.sourced_id.as_str()).zip(years.iter().copied()).collect();
        let kinds: Vec<&str> = roster.terms.iter().map(kind).collect();
        let starts: Vec<NaiveDate> = roster.terms.iter().map(|term| term.session.start).collect();
        let ends: Vec<NaiveDate> = roster.terms.iter().map(|term| term.session.end).collect();
        let query = sqlx::query(LET_GO).bind(self.school).bind(&found.ids).bind(&years).bind(&kinds).bind(&starts).bind(&ends);
        query.execute(&mut *self.connection).await?;
        let parent = |term: &Term<'_>| self.terms.get(term.parent?.sourced_id.as_str()).copied();
        let batch = Batch {
            table: &TERMS,
            created: found.created,
            places: roster.terms.iter().map(|term| place(term.session.line)).collect(),
            columns: vec![
                Column::texts(roster.terms.iter().map(|term| term.session.sourced_id.clone())),
                Column::ids(years),
                Column::Id(roster.terms.iter().map(parent).collect()),
                Column::texts(kinds.iter().map(|&kind| kind.to_owned())),
                Column::texts(roster.terms.iter().map(|term| term.session.title.clone())),
                Column::dates(starts),
                Column::dates(ends),
            ],
            ids: found.ids,
        };
        self.report.terms = self.put(batch).await?;
        Ok(())
    }

    /// The year of each term: the one that it is part of, or else one that holds its days.
    async fn years_of_terms(&mut self) -> Result<Vec<Uuid>, Stop> {
        let all: Vec<(Uuid, NaiveDate, NaiveDate)> =
            sqlx::query_as("SELECT id, starts_on, ends_on FROM academic_years WHERE status = 'active' ORDER BY starts_on, id")
                .fetch_all(&mut *self.connection)
                .await?;
        let mut years = Vec::new();
        for term in &self.roster.terms {
            let (start, end) = (term.session.start, term.session.end);
            let part_of = term.year.and_then(|year| self.years.get(year.sourced_id.as_str()).copied());
            let holds = || all.iter().find(|(_, from, to)| *from <= start && end <= *to).map(|(id, ..)| *id);
            if let Some(year) = part_of.or_else(holds) {
                years.push(year);
            } else {
                let message = "belongs to no school year, and the school has none that holds its dates";
                self.log.fault(place(term.session.line), Some("parentSourcedId"), message);
            }
        }
        Ok(years)
    }

    fn check_titles(&mut self, wanted: &[Wanted]) {
        let mut lines: HashMap<&String, u64> = HashMap::new();
        for (term, row) in self.roster.terms.iter().zip(wanted) {
            let Some(other) = row.sole.first().and_then(|key| lines.insert(key, term.session.line)) else { continue };
            let message = format!("the session of line {other} has this title, type and year too");
            self.log.fault(place(term.session.line), Some("title"), message);
        }
    }

    /// Sessions of one type within one year must not overlap, those that the school has already among them.
    fn check_overlaps(&mut self, mut stretches: Vec<Stretch>) {
        stretches.sort_by(|a, b| (a.year, &a.kind, a.starts).cmp(&(b.year, &b.kind, b.starts)));
        let mut last: Option<&Stretch> = None;
        for stretch in &stretches {
            let before = last.filter(|last| last.year == stretch.year && last.kind == stretch.kind && stretch.starts <= last.ends);
            if let Some(before) = before {
                let other =
                    |line: Option<u64>| line.map_or_else(|| "one that the school has".to_owned(), |line| format!("that of line {line}"));
                match (stretch.line, before.line) {
                    (Some(line), with) | (None, with @ Some(line)) => {
                        let with = if stretch.line.is_some() { with } else { None };
                        let message = format!("overlaps a session of its type and year: {}", other(with));
                        self.log.fault(place(line), Some("startDate"), message);
                    }
                    (None, None) => {}
                }
            }
            if before.is_none_or(|before| before.ends < stretch.ends) {
                last = Some(stretch);
            }
        }
    }
}
