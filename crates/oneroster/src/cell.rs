//! The cells of one row by the standard's column names, read as what the standard says they are. Promises: a cell that is
//! not what it should be is noted with its line and column, and the row's other cells are read all the same.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use domain::Email;

use crate::file::{Mode, Version};
use crate::records::Record;
use crate::report::{FaultCode, Log, WarningCode};
use crate::rows::{Listed, Status};
use crate::table::{Context, Header};

pub(crate) struct Cells<'a> {
    context: Context<'a>,
    header: &'a Header,
    record: &'a Record,
    log: &'a mut Log,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(context: Context<'a>, header: &'a Header, record: &'a Record, log: &'a mut Log) -> Self {
        Self { context, header, record, log }
    }

    /// The cell without spaces around it, None if empty; notes nothing.
    pub(crate) fn peek(&self, column: &str) -> Option<String> {
        let text = self.record.text(self.header.place(column)?)?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(crate) fn fault(&mut self, column: &'static str, code: FaultCode) {
        self.fault_because(column, code, code.message());
    }

    fn fault_because(&mut self, column: &'static str, code: FaultCode, why: &'static str) {
        self.log.fault_because(self.context.file.file_name(), Some(self.record.line), Some(column), code, why);
    }

    pub(crate) fn warn(&mut self, column: &'static str, code: WarningCode) {
        self.log.warn(self.context.file.file_name(), Some(self.record.line), Some(column), code);
    }

    /// A text that may be empty.
    pub(crate) fn text(&mut self, column: &'static str) -> Option<String> {
        let place = self.header.place(column)?;
        let raw = self.record.text(place)?;
        let text = raw.trim();
        if text.len() != raw.len() || text.contains("  ") {
            self.warn(column, WarningCode::ExtraSpaces);
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text that must be there.
    pub(crate) fn required(&mut self, column: &'static str) -> Option<String> {
        let text = self.text(column);
        if text.is_none() {
            self.fault(column, FaultCode::MissingValue);
        }
        text
    }

    /// A text that the standard requires but the import can do without.
    pub(crate) fn expected(&mut self, column: &'static str) -> Option<String> {
        let text = self.text(column);
        if text.is_none() {
            self.warn(column, WarningCode::EmptyRequired);
        }
        text
    }

    /// A comma-separated list; empty and repeated items are dropped.
    pub(crate) fn list(&mut self, column: &'static str) -> Vec<String> {
        let mut items: Vec<String> = Vec::new();
        for item in self.text(column).as_deref().unwrap_or_default().split(',').map(str::trim) {
            if !item.is_empty() && !items.iter().any(|seen| seen == item) {
                items.push(item.to_owned());
            }
        }
        items
    }

    /// One of the standard's values, or `Ok(None)` if empty. `Err` has been noted.
    pub(crate) fn choice<T: Listed>(&mut self, column: &'static str) -> Result<Option<T>, ()> {
        let Some(text) = self.text(column) else { return Ok(None) };
        if let Some((name, value)) = T::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text)) {
            if *name != text {
                self.warn(column, WarningCode::ValueCase);
            }
            return Ok(Some(*value));
        }
        match T::EXTENSION {
            Some(other) if self.context.version == Version::V1_2 && text.starts_with("ext:") => {
                self.warn(column, WarningCode::ExtensionValue);
                Ok(Some(other))
            }
            _ => {
                self.fault_because(column, FaultCode::UnknownValue, T::EXPECTED);
                Err(())
            }
        }
    }

    /// One of the standard's values that must be there.
    pub(crate) fn required_choice<T: Listed>(&mut self, column: &'static str) -> Option<T> {
        let value = self.choice(column).ok()?;
        if value.is_none() {
            self.fault(column, FaultCode::MissingValue);
        }
        value
    }

    /// `true`, `false`, or empty.
    pub(crate) fn boolean(&mut self, column: &'static str) -> Result<Option<bool>, ()> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let value = match text.as_str() {
            "true" => true,
            "false" => false,
            _ => {
                let value = [("true", true), ("false", false)].iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
                let Some((_, value)) = value else {
                    self.fault(column, FaultCode::BadBoolean);
                    return Err(());
                };
                self.warn(column, WarningCode::ValueCase);
                *value
            }
        };
        Ok(Some(value))
    }

    /// A date `YYYY-MM-DD`, or empty.
    pub(crate) fn date(&mut self, column: &'static str) -> Result<Option<NaiveDate>, ()> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let date = parse_date(&text);
        if date.is_none() {
            self.fault(column, FaultCode::BadDate);
        }
        date.map(Some).ok_or(())
    }

    pub(crate) fn required_date(&mut self, column: &'static str) -> Option<NaiveDate> {
        let date = self.date(column).ok()?;
        if date.is_none() {
            self.fault(column, FaultCode::MissingValue);
        }
        date
    }

    /// Two optional dates in order. None has been noted.
    pub(crate) fn span(&mut self, begin: &'static str, end: &'static str) -> Option<(Option<NaiveDate>, Option<NaiveDate>)> {
        let (from, to) = (self.date(begin), self.date(end));
        let span = (from.ok()?, to.ok()?);
        if let (Some(from), Some(to)) = span
            && to < from
        {
            self.fault(end, FaultCode::EndBeforeBegin);
            return None;
        }
        Some(span)
    }

    /// Two dates that must be there, in order.
    pub(crate) fn required_span(&mut self, begin: &'static str, end: &'static str) -> Option<(NaiveDate, NaiveDate)> {
        let (from, to) = (self.required_date(begin), self.required_date(end));
        let (from, to) = (from?, to?);
        if to < from {
            self.fault(end, FaultCode::EndBeforeBegin);
            return None;
        }
        Some((from, to))
    }

    /// A year of four digits, or empty.
    pub(crate) fn year(&mut self, column: &'static str) -> Result<Option<u16>, ()> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
        let year = text.parse().ok().filter(|year| digits && plausible(i32::from(*year)));
        if year.is_none() {
            self.fault(column, FaultCode::BadYear);
        }
        year.map(Some).ok_or(())
    }

    /// An e-mail address, or empty.
    pub(crate) fn email(&mut self, column: &'static str) -> Result<Option<Email>, ()> {
        let Some(text) = self.text(column) else { return Ok(None) };
        Email::try_from(text).map(Some).map_err(|_| self.fault(column, FaultCode::BadEmail))
    }

    /// `status` and `dateLastModified`. A bulk file should leave them empty, a delta file must not.
    pub(crate) fn lifecycle(&mut self) -> (Option<Status>, Option<DateTime<Utc>>) {
        let delta = self.context.mode == Mode::Delta;
        let modified = self.moment("dateLastModified");
        let status = if self.peek("status").is_some_and(|status| status.eq_ignore_ascii_case("inactive")) {
            self.warn("status", WarningCode::RetiredValue);
            Ok(Some(Status::ToBeDeleted))
        } else {
            self.choice("status")
        };
        if !delta && (matches!(status, Ok(Some(_))) || matches!(modified, Ok(Some(_)))) {
            self.warn("status", WarningCode::StatusInBulk);
        }
        if delta && matches!(status, Ok(None)) {
            self.fault("status", FaultCode::MissingValue);
            return (None, None);
        }
        match (status, modified) {
            (Ok(status), Ok(modified)) => (Some(status.unwrap_or(Status::Active)), modified),
            _ => (None, None),
        }
    }

    fn moment(&mut self, column: &'static str) -> Result<Option<DateTime<Utc>>, ()> {
        let Some(text) = self.text(column) else { return Ok(None) };
        if let Ok(moment) = DateTime::parse_from_rfc3339(&text)
            && plausible(moment.year())
        {
            return Ok(Some(moment.to_utc()));
        }
        let local = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok();
        let loose = local.or_else(|| parse_date(&text)?.and_hms_opt(0, 0, 0)).filter(|moment| plausible(moment.year()));
        if let Some(moment) = loose {
            self.warn(column, WarningCode::LooseDateTime);
            return Ok(Some(moment.and_utc()));
        }
        self.fault(column, FaultCode::BadDateTime);
        Err(())
    }
}

fn plausible(year: i32) -> bool {
    (1900..=2200).contains(&year)
}

/// Exactly ten characters: chrono alone would take `2026-6-1` and `+12026-06-01`.
fn parse_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (text.len() == 10 && plausible(date.year())).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_ten_characters_and_exists() {
        assert!(parse_date("2028-02-29").is_some());
        for bad in ["2026-02-29", "2026-6-1", "01/06/2026", "2026-06-01T00:00:00Z", "12026-06-1", "0026-06-01", "2026-06-011"] {
            assert!(parse_date(bad).is_none(), "{bad}");
        }
    }
}
