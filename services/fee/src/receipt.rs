//! A receipt as PDF, in PDF/A-2b where the font has every letter: it is to be readable in ten years, on a machine that has no fonts.
//!
//! The letters are those of `DejaVu` Sans: Latin, Greek, Cyrillic and more. What it lacks, Indic scripts among them, comes out as boxes.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use domain::Currency;
use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime as PdfDateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use service_kit::Problem;

const PLAIN: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../assets/DejaVuSans-Bold.ttf");

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const LEFT: f32 = 56.0;
const RIGHT: f32 = 539.0;
/// Rows of the table that go on a page.
const ROWS: usize = 24;

/// What a receipt says.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) school: String,
    pub(crate) number: String,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) received_on: NaiveDate,
    pub(crate) student: String,
    pub(crate) admission_number: String,
    pub(crate) paid_by: Option<String>,
    pub(crate) method: String,
    pub(crate) currency: Currency,
    pub(crate) amount_minor: i64,
    pub(crate) refunded_minor: i64,
    /// What it paid: number or period of the invoice, and how much.
    pub(crate) paid: Vec<(String, i64)>,
    pub(crate) credit_minor: i64,
    /// Set across the receipt of a cheque that bounced.
    pub(crate) void: Option<String>,
}

struct Pen {
    plain: Font,
    bold: Font,
}

impl Pen {
    fn new() -> Option<Self> {
        let font = |bytes: &'static [u8]| Font::new(bytes.into(), 0);
        Some(Self { plain: font(PLAIN)?, bold: font(BOLD)? })
    }

    fn write(&self, surface: &mut Surface<'_>, (x, y): (f32, f32), size: f32, text: &str, is_bold: bool) {
        let font = if is_bold { &self.bold } else { &self.plain };
        surface.draw_text(Point::from_xy(x, y), font.clone(), size, text, false, TextDirection::Auto);
    }

    /// A figure, ending at the right margin.
    fn figure(&self, surface: &mut Surface<'_>, y: f32, size: f32, text: &str, is_bold: bool) {
        // Digits of DejaVu Sans are all as wide as each other, so that figures can be set without asking the font. In thousandths of the size.
        let (digit, point, hyphen) = if is_bold { (696.0, 380.0, 415.0) } else { (636.0, 318.0, 361.0) };
        let width: f32 = text
            .chars()
            .map(|letter| {
                if letter == '.' {
                    point
                } else if letter == '-' {
                    hyphen
                } else {
                    digit
                }
            })
            .sum();
        self.write(surface, (RIGHT - width * size / 1_000.0, y), size, text, is_bold);
    }
}

fn fill(surface: &mut Surface<'_>, (red, green, blue): (u8, u8, u8)) {
    surface.set_fill(Some(Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }));
}

fn rule(surface: &mut Surface<'_>, y: f32) {
    let mut path = PathBuilder::new();
    if let Some(line) = Rect::from_xywh(LEFT, y, RIGHT - LEFT, 0.7) {
        path.push_rect(line);
    }
    if let Some(path) = path.finish() {
        fill(surface, (150, 150, 150));
        surface.draw_path(&path);
        fill(surface, (0, 0, 0));
    }
}

/// Text that goes on one line.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

fn heading(receipt: &Receipt, pen: &Pen, surface: &mut Surface<'_>) -> f32 {
    fill(surface, (0, 0, 0));
    pen.write(surface, (LEFT, 80.0), 18.0, &short(&receipt.school, 44), true);
    pen.write(surface, (LEFT, 104.0), 12.0, "Fee receipt", false);
    rule(surface, 116.0);
    let mut y = 142.0;
    let student = format!("{} ({})", receipt.student, receipt.admission_number);
    let date = receipt.received_on.format("%-d %B %Y").to_string();
    let mut facts = vec![("Receipt", receipt.number.clone()), ("Date", date), ("Student", student), ("Paid by", receipt.method.clone())];
    if let Some(paid_by) = &receipt.paid_by {
        facts.push(("Handed in by", paid_by.clone()));
    }
    for (name, value) in facts {
        pen.write(surface, (LEFT, y), 10.0, name, false);
        pen.write(surface, (LEFT + 110.0, y), 10.0, &short(&value, 56), true);
        y += 18.0;
    }
    if let Some(void) = &receipt.void {
        fill(surface, (180, 0, 0));
        pen.write(surface, (LEFT, y + 6.0), 12.0, &short(void, 60), true);
        fill(surface, (0, 0, 0));
        y += 24.0;
    }
    y + 10.0
}

fn render(receipt: &Receipt, settings: SerializeSettings) -> Option<Vec<u8>> {
    let pen = Pen::new()?;
    let mut document = Document::new_with(settings);
    let mut rows: Vec<(String, i64)> = receipt.paid.iter().map(|(what, minor)| (format!("Invoice {what}"), *minor)).collect();
    if receipt.credit_minor > 0 {
        rows.push(("Credit for later invoices".to_owned(), receipt.credit_minor));
    }
    if receipt.refunded_minor > 0 {
        rows.push(("Given back".to_owned(), receipt.refunded_minor));
    }
    let pages: Vec<&[(String, i64)]> = if rows.is_empty() { vec![&[]] } else { rows.chunks(ROWS).collect() };
    let last = pages.len() - 1;
    for (number, page_rows) in pages.iter().enumerate() {
        let mut page = document.start_page_with(PageSettings::from_wh(PAGE.0, PAGE.1)?);
        let mut surface = page.surface();
        let mut y = heading(receipt, &pen, &mut surface);
        pen.write(&mut surface, (LEFT, y), 10.0, "What it paid", true);
        pen.write(&mut surface, (RIGHT - 40.0, y), 10.0, receipt.currency.code(), true);
        rule(&mut surface, y + 6.0);
        y += 24.0;
        for (what, minor) in *page_rows {
            pen.write(&mut surface, (LEFT, y), 10.0, &short(what, 60), false);
            pen.figure(&mut surface, y, 10.0, &receipt.currency.format(*minor), false);
            y += 18.0;
        }
        if number == last {
            rule(&mut surface, y - 8.0);
            y += 14.0;
            pen.write(&mut surface, (LEFT, y), 12.0, &format!("Received, {}", receipt.currency), true);
            pen.figure(&mut surface, y, 12.0, &receipt.currency.format(receipt.amount_minor), true);
        }
        pen.write(&mut surface, (LEFT, 790.0), 8.0, "Made by the school's fee office; valid without a signature.", false);
        surface.finish();
        page.finish();
    }
    let at = receipt.received_at;
    let part = |number: u32| u8::try_from(number).unwrap_or(0);
    let made = PdfDateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    let metadata = Metadata::new()
        .title(format!("Receipt {}", receipt.number))
        .language("en".to_owned())
        .creator("Schools24".to_owned())
        .authors(vec![receipt.school.clone()])
        .creation_date(made);
    document.set_metadata(metadata);
    document.finish().ok()
}

/// The receipt. The same receipt is the same bytes.
pub(crate) fn pdf(receipt: &Receipt) -> Result<Vec<u8>, Problem> {
    let archival = ConfigurationBuilder::new().with_archival_validator(Archival::A2_B).finish().ok();
    let made = archival.and_then(|configuration| render(receipt, SerializeSettings { configuration, ..SerializeSettings::default() }));
    // PDF/A takes no letter that the font lacks.
    let made = made.or_else(|| render(receipt, SerializeSettings::default()));
    made.ok_or_else(|| Problem::internal(anyhow::anyhow!("the receipt could not be drawn")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            school: "Greenfield Public School".to_owned(),
            number: "R/2026-27/000042".to_owned(),
            received_at: "2026-11-21T06:25:31Z".parse().unwrap(),
            received_on: "2026-11-21".parse().unwrap(),
            student: "Ananya Łukasz-Ñandú".to_owned(),
            admission_number: "A-0042".to_owned(),
            paid_by: Some("Rohan Verma".to_owned()),
            method: "Cheque 004521, State Bank, 20 November 2026".to_owned(),
            currency: "INR".parse().unwrap(),
            amount_minor: 1_234_550,
            refunded_minor: 0,
            paid: vec![("INV/2026-27/000007".to_owned(), 1_000_000), ("INV/2026-27/000031".to_owned(), 134_550)],
            credit_minor: 100_000,
            void: None,
        }
    }

    #[test]
    fn a_receipt_is_pdf_a_and_the_same_every_time() {
        let made = pdf(&receipt()).unwrap();
        assert!(made.starts_with(b"%PDF-"));
        assert_eq!(made, pdf(&receipt()).unwrap());
        let text = String::from_utf8_lossy(&made);
        assert!(text.contains("pdfaid:part"), "it says that it is PDF/A");
        assert!(made.len() < 60_000, "only the letters that are needed are embedded: {}", made.len());
    }

    #[test]
    fn letters_that_the_font_lacks_and_long_lists_still_make_a_receipt() {
        let strange =
            Receipt { student: "अनन्या".to_owned(), paid: (0..60).map(|n| (format!("INV/{n}"), 1)).collect(), ..receipt() };
        assert!(pdf(&strange).unwrap().starts_with(b"%PDF-"));
    }
}
