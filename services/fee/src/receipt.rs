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
/// The lowest line of a row on a page: below it are the sums and the foot.
const LAST_ROW: f32 = 680.0;
/// Where the values of the facts begin.
const VALUES: f32 = LEFT + 110.0;

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
    /// Set across the receipt of a cheque that bounced, or of what was entered by mistake.
    pub(crate) void: Option<Void>,
}

/// Why a receipt is good for nothing.
#[derive(Debug, Clone)]
pub(crate) struct Void {
    /// The reason and the day.
    pub(crate) why: String,
    /// What the amount is called.
    pub(crate) entered: &'static str,
    /// What taking it back is called.
    pub(crate) taken_back: &'static str,
}

/// How letters look.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Style {
    size: f32,
    is_bold: bool,
}

const fn plain(size: f32) -> Style {
    Style { size, is_bold: false }
}

const fn bold(size: f32) -> Style {
    Style { size, is_bold: true }
}

/// A font, to draw with and to measure with: both shape text alike.
struct Face {
    font: Font,
    shapes: rustybuzz::Face<'static>,
}

impl Face {
    fn of(bytes: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(bytes.into(), 0)?, shapes: rustybuzz::Face::from_slice(bytes, 0)? })
    }
}

struct Pen {
    plain: Face,
    bold: Face,
}

impl Pen {
    fn new() -> Option<Self> {
        Some(Self { plain: Face::of(PLAIN)?, bold: Face::of(BOLD)? })
    }

    fn face(&self, style: Style) -> &Face {
        if style.is_bold { &self.bold } else { &self.plain }
    }

    /// How wide `text` is, in points.
    #[allow(clippy::cast_precision_loss)] // a line has some ten thousand units of the font
    fn width(&self, style: Style, text: &str) -> f32 {
        let face = self.face(style);
        let mut buffer = rustybuzz::UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(&face.shapes, &[], buffer);
        let units: i32 = shaped.glyph_positions().iter().map(|glyph| glyph.x_advance).sum();
        units as f32 * style.size / face.font.units_per_em()
    }

    /// The longest beginning of `text` that goes into `room` with `tail` behind it; one letter at least.
    fn beginning<'t>(&self, style: Style, text: &'t str, tail: &str, room: f32) -> &'t str {
        let beginnings: Vec<&str> = text.char_indices().filter_map(|(at, letter)| text.get(..at + letter.len_utf8())).collect();
        let fitting = beginnings.partition_point(|part| self.width(style, &format!("{part}{tail}")) <= room);
        beginnings.get(fitting.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// `text` on lines no wider than `room`, broken between words where that is possible; at most `most`, the last of which ends with an ellipsis if there
    /// is more.
    fn wrap(&self, style: Style, text: &str, room: f32, most: usize) -> Vec<String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            if self.width(style, rest) <= room {
                lines.push(rest.to_owned());
                break;
            }
            if lines.len() + 1 == most {
                lines.push(format!("{}…", self.beginning(style, rest, "…", room).trim_end()));
                break;
            }
            let fits = self.beginning(style, rest, "", room);
            let ends_a_word = rest.get(fits.len()..).is_some_and(|behind| behind.starts_with(' '));
            let end = if ends_a_word { fits.len() } else { fits.rfind(' ').filter(|at| *at > 0).unwrap_or(fits.len()) };
            let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            lines.push(line.trim_end().to_owned());
            rest = behind.trim_start();
        }
        lines
    }
}

/// An amount with its thousands apart, in the currencies of South Asia lakhs and crores.
fn grouped(currency: Currency, minor: i64) -> String {
    let figure = currency.format(minor.saturating_abs());
    let (units, decimals) = figure.split_once('.').unwrap_or((&figure, ""));
    let in_lakhs = matches!(currency.code(), "BDT" | "INR" | "NPR" | "PKR");
    let mut written = String::from(if minor < 0 { "−" } else { "" });
    for (place, digit) in units.chars().enumerate() {
        let left = units.len() - place;
        let is_apart = left == 3 || left > 3 && if in_lakhs { left % 2 == 1 } else { left.is_multiple_of(3) };
        if place > 0 && is_apart {
            written.push(',');
        }
        written.push(digit);
    }
    if !decimals.is_empty() {
        written.push('.');
        written.push_str(decimals);
    }
    written
}

/// Words at their place.
#[derive(Debug, Clone, PartialEq)]
struct Words {
    at: (f32, f32),
    style: Style,
    text: String,
    is_red: bool,
}

/// What stands on a page.
#[derive(Debug, Clone, Default)]
struct Sheet {
    words: Vec<Words>,
    rules: Vec<f32>,
}

impl Sheet {
    fn write(&mut self, at: (f32, f32), style: Style, text: impl Into<String>) {
        self.words.push(Words { at, style, text: text.into(), is_red: false });
    }

    /// Ends at the right margin.
    fn write_right(&mut self, pen: &Pen, y: f32, style: Style, text: impl Into<String>) {
        let text = text.into();
        self.write((RIGHT - pen.width(style, &text), y), style, text);
    }
}

/// A new page down to where the table begins.
fn heading(receipt: &Receipt, pen: &Pen) -> (Sheet, f32) {
    let mut sheet = Sheet::default();
    let mut y = 80.0;
    for line in pen.wrap(bold(18.0), &receipt.school, RIGHT - LEFT, 2) {
        sheet.write((LEFT, y), bold(18.0), line);
        y += 24.0;
    }
    sheet.write((LEFT, y), plain(12.0), "Fee receipt");
    sheet.rules.push(y + 12.0);
    y += 38.0;
    let student = format!("{} ({})", receipt.student, receipt.admission_number);
    let date = receipt.received_on.format("%-d %B %Y").to_string();
    let mut facts = vec![("Receipt", receipt.number.clone()), ("Date", date), ("Student", student), ("Paid by", receipt.method.clone())];
    if let Some(paid_by) = &receipt.paid_by {
        facts.push(("Handed in by", paid_by.clone()));
    }
    for (name, value) in facts {
        sheet.write((LEFT, y), plain(10.0), name);
        for line in pen.wrap(bold(10.0), &value, RIGHT - VALUES, 3) {
            sheet.write((VALUES, y), bold(10.0), line);
            y += 14.0;
        }
        y += 4.0;
    }
    if let Some(void) = &receipt.void {
        y += 6.0;
        for text in pen.wrap(bold(12.0), &void.why, RIGHT - LEFT, 2) {
            sheet.words.push(Words { at: (LEFT, y), style: bold(12.0), text, is_red: true });
            y += 18.0;
        }
    }
    sheet.write((LEFT, 790.0), plain(8.0), "Made by the school's fee office; valid without a signature.");
    (sheet, y + 10.0)
}

/// What stands below the line, the last of it in bold: what is left of the money.
fn sums(receipt: &Receipt) -> Vec<(String, i64)> {
    let (received, kept) = (format!("Received, {}", receipt.currency), format!("Kept, {}", receipt.currency));
    if let Some(void) = &receipt.void {
        vec![(void.entered.to_owned(), receipt.amount_minor), (void.taken_back.to_owned(), -receipt.amount_minor), (received, 0)]
    } else if receipt.refunded_minor > 0 {
        let left = receipt.amount_minor - receipt.refunded_minor;
        vec![("Received".to_owned(), receipt.amount_minor), ("Given back".to_owned(), -receipt.refunded_minor), (kept, left)]
    } else {
        vec![(received, receipt.amount_minor)]
    }
}

/// Sets the receipt: every word within the margins, as many pages as it takes.
fn set(receipt: &Receipt, pen: &Pen) -> Vec<Sheet> {
    let mut rows: Vec<(String, i64)> = receipt.paid.iter().map(|(what, minor)| (format!("Invoice {what}"), *minor)).collect();
    if receipt.credit_minor > 0 {
        rows.push(("Credit for later invoices".to_owned(), receipt.credit_minor));
    }
    let table = || {
        let (mut sheet, y) = heading(receipt, pen);
        sheet.write((LEFT, y), bold(10.0), "What it paid");
        sheet.write_right(pen, y, bold(10.0), receipt.currency.code());
        sheet.rules.push(y + 6.0);
        (sheet, y + 24.0)
    };
    let mut sheets = Vec::new();
    let (mut sheet, mut y) = if rows.is_empty() { heading(receipt, pen) } else { table() };
    for (what, minor) in rows {
        if y > LAST_ROW {
            sheets.push(sheet);
            (sheet, y) = table();
        }
        let figure = grouped(receipt.currency, minor);
        let room = RIGHT - LEFT - 20.0 - pen.width(plain(10.0), &figure);
        for name in pen.wrap(plain(10.0), &what, room, 1) {
            sheet.write((LEFT, y), plain(10.0), name);
        }
        sheet.write_right(pen, y, plain(10.0), figure);
        y += 18.0;
    }
    sheet.rules.push(y - 8.0);
    y += 14.0;
    let sums = sums(receipt);
    let last = sums.len() - 1;
    for (n, (name, minor)) in sums.into_iter().enumerate() {
        let style = if n == last { bold(12.0) } else { plain(10.0) };
        sheet.write((LEFT, y), style, name);
        sheet.write_right(pen, y, style, grouped(receipt.currency, minor));
        y += 20.0;
    }
    sheets.push(sheet);
    sheets
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
    }
}

fn render(receipt: &Receipt, settings: SerializeSettings) -> Option<Vec<u8>> {
    let pen = Pen::new()?;
    let mut document = Document::new_with(settings);
    for sheet in set(receipt, &pen) {
        let mut page = document.start_page_with(PageSettings::from_wh(PAGE.0, PAGE.1)?);
        let mut surface = page.surface();
        for y in sheet.rules {
            rule(&mut surface, y);
        }
        for words in sheet.words {
            fill(&mut surface, if words.is_red { (180, 0, 0) } else { (0, 0, 0) });
            let (font, at) = (pen.face(words.style).font.clone(), Point::from_xy(words.at.0, words.at.1));
            surface.draw_text(at, font, words.style.size, &words.text, false, TextDirection::Auto);
        }
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
    fn figures_have_their_thousands_apart_as_the_currency_has_them() {
        let figure = |code: &str, minor: i64| grouped(code.parse().unwrap(), minor);
        assert_eq!((figure("INR", 123_456_789), figure("INR", 99_999)), ("12,34,567.89".to_owned(), "999.99".to_owned()));
        assert_eq!((figure("INR", -100_000), figure("INR", 1_000_000_000_000)), ("−1,000.00".to_owned(), "10,00,00,00,000.00".to_owned()));
        assert_eq!((figure("USD", 123_456_789), figure("JPY", 1_234_567)), ("1,234,567.89".to_owned(), "1,234,567".to_owned()));
        assert_eq!((figure("KWD", 1_234_567), figure("EUR", 0)), ("1,234.567".to_owned(), "0.00".to_owned()));
    }

    #[test]
    fn every_word_stands_within_the_margins_however_long_what_it_says() {
        let pen = Pen::new().unwrap();
        let (wide, words) = ("W".repeat(200), "Wörter und Wörter ".repeat(12));
        let long = Receipt {
            school: wide.clone(),
            student: words,
            admission_number: wide.clone(),
            paid_by: Some(wide.clone()),
            method: wide.clone(),
            void: Some(Void { why: wide.clone(), entered: "Cheque over", taken_back: "Not honoured" }),
            amount_minor: 1_000_000_000_000,
            paid: (0..60).map(|_| (wide.clone(), 1_000_000_000_000)).collect(),
            ..receipt()
        };
        for receipt in [long.clone(), Receipt { void: None, refunded_minor: 1, ..long }, receipt()] {
            for sheet in set(&receipt, &pen) {
                for words in &sheet.words {
                    let end = words.at.0 + pen.width(words.style, &words.text);
                    assert!(words.at.0 >= LEFT && end <= RIGHT + 0.01 && words.at.1 <= 790.0, "{words:?} ends at {end}");
                }
                let mut lines: Vec<(f32, f32, f32)> =
                    sheet.words.iter().map(|words| (words.at.1, words.at.0, words.at.0 + pen.width(words.style, &words.text))).collect();
                lines.sort_by(|one, other| one.partial_cmp(other).unwrap());
                for pair in lines.windows(2) {
                    assert!(pair[0].0 + 8.0 <= pair[1].0 || pair[0].2 < pair[1].1, "two lie on one another: {pair:?}");
                }
            }
        }
    }

    #[test]
    fn the_currency_stands_over_the_ends_of_its_figures() {
        let pen = Pen::new().unwrap();
        let sheet = set(&receipt(), &pen).remove(0);
        for text in ["INR", "10,000.00", "1,345.50", "12,345.50"] {
            let words = sheet.words.iter().find(|words| words.text == text).unwrap_or_else(|| panic!("{text}: {sheet:?}"));
            assert!((words.at.0 + pen.width(words.style, &words.text) - RIGHT).abs() < 0.01, "{words:?}");
        }
    }

    #[test]
    fn letters_that_the_font_lacks_and_long_lists_still_make_a_receipt() {
        let strange =
            Receipt { student: "अनन्या".to_owned(), paid: (0..60).map(|n| (format!("INV/{n}"), 1)).collect(), ..receipt() };
        assert!(pdf(&strange).unwrap().starts_with(b"%PDF-"));
    }
}
