//! Every kind of fault in a file by itself names its file, its line and its column, and is the only one.

use oneroster::{FaultCode as F, WarningCode};

use crate::support::{Files, Found, found, odd};

/// Reads a spoilt bundle that must have these faults and no others.
#[track_caller]
pub(crate) fn expect(files: &Files, faults: &[Found<'_>]) {
    let report = files.read().expect_err("read without a fault");
    assert_eq!(found(&report), faults);
    assert_eq!(report.total, faults.len());
}

#[test]
fn a_cell_that_is_not_what_it_should_be_is_named_by_line_and_column() {
    let cases = [
        ("users.csv", "u2,,,true", "u2,,,yes", 3, "enabledUser", F::BadBoolean),
        ("users.csv", "p1,,,true,s1,parent", "p1,,,true,s1,mum", 4, "role", F::UnknownValue),
        ("users.csv", "office.one@north.example", "office.one at north", 7, "email", F::BadEmail),
        ("users.csv", "h1,,,false,s2,aide,,,Helper,", "h1,,,false,s2,aide,,,,", 8, "familyName", F::MissingValue),
        ("users.csv", "u1,,,", "u1,gone,,", 2, "status", F::UnknownValue),
        ("users.csv", "u1,,,", "u1,,yesterday,", 2, "dateLastModified", F::BadDateTime),
        ("orgs.csv", "South School,school", "South School,academy", 4, "type", F::UnknownValue),
        ("orgs.csv", "s2,,,South School", "s2,,,", 4, "name", F::MissingValue),
        ("academicSessions.csv", "gradingPeriod,2026-06-01", "gradingPeriod,01/06/2026", 5, "startDate", F::BadDate),
        ("academicSessions.csv", "2026-12-01,2027-05-31", "2026-12-01,2026-11-31", 4, "endDate", F::BadDate),
        ("academicSessions.csv", "2026-12-01,2027-05-31", "2026-12-01,2026-11-30", 4, "endDate", F::EndBeforeBegin),
        ("academicSessions.csv", ",,2027", ",,27", 2, "schoolYear", F::BadYear),
        ("academicSessions.csv", "y27,,,2026-27,schoolYear", "y27,,,2026-27,aeon", 2, "type", F::UnknownValue),
        ("courses.csv", "Science 6,S6", ",S6", 4, "title", F::MissingValue),
        ("classes.csv", "M5A,scheduled", "M5A,sometimes", 2, "classType", F::UnknownValue),
        ("enrollments.csv", "t1,teacher,true,,\ne5", "t1,head,true,,\ne5", 5, "role", F::UnknownValue),
        ("enrollments.csv", "2026-06-01,2026-11-30", "2026-06-01,2026-05-30", 2, "endDate", F::EndBeforeBegin),
        ("enrollments.csv", "student,false,2026-06-01,\n", "student,0,2026-06-01,\n", 4, "primary", F::BadBoolean),
        ("demographics.csv", "2015-03-01", "2015-02-29", 2, "birthDate", F::BadDate),
        ("demographics.csv", "female", "f", 2, "sex", F::UnknownValue),
    ];
    for (file, from, to, line, column, code) in cases {
        expect(&Files::small().swap(file, from, to), &[(file, Some(line), Some(column), code)]);
    }
}

#[test]
fn all_faults_of_a_row_and_of_all_files_are_in_one_report() {
    let files = Files::small()
        .swap("users.csv", "u2,,,true,s2,student", "u2,,,maybe,s2,pupil")
        .swap("users.csv", "learner.two@south.example", "nowhere")
        .swap("orgs.csv", "d1,,,Riverside District,district", "d1,,,Riverside District,realm")
        .swap("enrollments.csv", "e7,,,k4,s2,u2,student", "e7,,,k4,s2,u2,");
    expect(
        &files,
        &[
            ("enrollments.csv", Some(8), Some("role"), F::MissingValue),
            ("orgs.csv", Some(2), Some("type"), F::UnknownValue),
            ("users.csv", Some(3), Some("email"), F::BadEmail),
            ("users.csv", Some(3), Some("enabledUser"), F::BadBoolean),
            ("users.csv", Some(3), Some("role"), F::UnknownValue),
        ],
    );
}

#[test]
fn a_row_that_is_no_csv_is_named_and_the_rows_after_it_are_still_read() {
    let cases: [(&str, &str, F); 6] = [
        ("Learner,One", "\"Learner,One", F::BrokenQuotes),
        ("Learner,One", "Le\"arner\",One", F::BrokenQuotes),
        ("Learner,One", "\"Learner\" ,One", F::BrokenQuotes),
        ("Learner,One", "Learner One", F::WrongFieldCount),
        ("Learner,One", "Learner,One,More", F::WrongFieldCount),
        ("Learner,One", &format!("Learner,{}", "x".repeat(5000)), F::FieldTooLong),
    ];
    for (from, to, code) in cases {
        let files = Files::small().swap("users.csv", from, to).swap("users.csv", "office.one@north.example", "none");
        expect(&files, &[("users.csv", Some(2), None, code), ("users.csv", Some(7), Some("email"), F::BadEmail)]);
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let files =
        Files::small().swap("users.csv", "Learner,One", "Learner,\"One\nof\nmany\"").swap("users.csv", "office.one@north.example", "none");
    expect(&files, &[("users.csv", Some(9), Some("email"), F::BadEmail)]);
    let crlf = files.text("users.csv").replace('\n', "\r\n");
    expect(&files.set("users.csv", crlf), &[("users.csv", Some(9), Some("email"), F::BadEmail)]);
}

#[test]
fn bytes_that_are_no_text_are_named_by_line_and_column() {
    for (bad, code) in [
        (&b"Learner,On\xe9"[..], F::InvalidUtf8),
        (b"Learner,On\0e", F::ControlCharacter),
        (b"Learner,On\x1b[31me", F::ControlCharacter),
        (b"Learner,On\re", F::ControlCharacter),
    ] {
        let text = Files::small().text("users.csv").into_bytes();
        let at = text.windows(11).position(|w| w == b"Learner,Two").unwrap();
        let bytes = [&text[..at], bad, &text[at + 11..]].concat();
        expect(&Files::small().set("users.csv", bytes), &[("users.csv", Some(3), Some("familyName"), code)]);
    }
    let utf16: Vec<u8> = "\u{feff}sourcedId".encode_utf16().flat_map(u16::to_le_bytes).collect();
    expect(&Files::small().set("demographics.csv", utf16), &[("demographics.csv", Some(1), None, F::WrongEncoding)]);
}

#[test]
fn a_header_that_lacks_or_repeats_a_column_is_named() {
    let one = |column| [("classes.csv", Some(1), Some(column), F::MissingColumn)];
    expect(&Files::small().swap("classes.csv", "schoolSourcedId", "school"), &one("schoolSourcedId"));
    expect(&Files::small().swap("classes.csv", "location", "title"), &[("classes.csv", Some(1), Some("title"), F::DuplicateColumn)]);
    for empty in ["", "\n", "\u{feff}"] {
        expect(&Files::small().set("demographics.csv", empty), &[("demographics.csv", Some(1), None, F::EmptyFile)]);
    }
    let wide = format!("sourcedId{}\n", ",metadata.x".repeat(300));
    expect(&Files::small().set("demographics.csv", wide), &[("demographics.csv", Some(1), None, F::TooManyColumns)]);
    let report = Files::small().set("demographics.csv", "sourcedId;birthDate\nu1;2015-03-01\n").read().unwrap_err();
    assert!(report.faults[0].message.contains("commas"));
}

#[test]
fn the_manifest_is_held_against_the_zip() {
    let manifest = |line, column, code| [("manifest.csv", line, Some(column), code)];
    let small = Files::small;
    expect(&small().swap("manifest.csv", "1.1", "1.3"), &manifest(Some(3), "value", F::UnsupportedVersion));
    expect(&small().swap("manifest.csv", "1.0", "2.0"), &manifest(Some(2), "value", F::UnsupportedVersion));
    expect(&small().swap("manifest.csv", "users,bulk", "users,some"), &manifest(Some(16), "value", F::UnknownValue));
    expect(&small().swap("manifest.csv", "oneroster.version,1.1\n", ""), &manifest(None, "propertyName", F::MissingProperty));
    expect(&small().append("manifest.csv", "file.users,delta\n"), &manifest(Some(19), "propertyName", F::DuplicateProperty));
    expect(&small().without("manifest.csv"), &[("manifest.csv", None, None, F::MissingFile)]);
    expect(&small().without("users.csv"), &[("users.csv", None, None, F::MissingFile)]);
    expect(
        &small().swap("manifest.csv", "demographics,bulk", "demographics,absent"),
        &[("demographics.csv", None, None, F::UnexpectedFile)],
    );
    let no_users = small().without("users.csv").swap("manifest.csv", "users,bulk", "users,absent");
    assert_eq!(found(&no_users.read().unwrap_err())[0], ("users.csv", None, None, F::MissingFile));
    expect(&Files::contoso().without("roles.csv"), &[("roles.csv", None, None, F::MissingFile)]);
}

#[test]
fn no_message_repeats_a_value_from_the_file() {
    let secret = "Secretname";
    let files = Files::small()
        .swap("users.csv", "u2,,,true,s2,student", &format!("u2,,{secret},{secret},{secret},{secret}"))
        .swap("users.csv", "learner.two@south.example", secret)
        .swap("users.csv", "Learner,One", &format!("\"{secret},One"))
        .swap("orgs.csv", "d1,,,Riverside District,district", &format!("d1,,,x,{secret}"))
        .swap("enrollments.csv", "e7,,,k4,s2,u2,student", &format!("e7,,,{secret},{secret},{secret},{secret}"));
    let report = files.read().unwrap_err();
    assert!(report.total >= 7);
    assert!(!format!("{report:?}").contains(secret));
}

#[test]
fn oddities_of_real_exports_are_tolerated_and_named() {
    use WarningCode as W;
    let users = Files::small().text("users.csv");
    let cases = [
        (format!("\u{feff}{users}"), (None, W::ByteOrderMark, Some(1))),
        (users.replacen("sourcedId", "SOURCEDID", 1), (Some("sourcedId"), W::HeaderSpelling, Some(1))),
        (users.replacen("true", "TRUE", 1), (Some("enabledUser"), W::ValueCase, Some(2))),
        (users.replacen(",student,", ",Student,", 1), (Some("role"), W::ValueCase, Some(2))),
        (users.replacen("Learner,One", " Learner,One", 1), (Some("givenName"), W::ExtraSpaces, Some(2))),
        (format!("{users},,,,,,,,,,,,,,,,,\n\n\n"), (None, W::BlankRow, Some(9))),
        (users.replacen("05,\n", "05,hunter2\n", 1), (Some("password"), W::PasswordIgnored, Some(2))),
        (users.replacen("u1,,,true", "u1,,,", 1), (Some("enabledUser"), W::EmptyRequired, Some(2))),
        (users.replacen("u1,,,true", "u1,,2026-06-01,true", 1), (Some("dateLastModified"), W::LooseDateTime, Some(2))),
        (users.replacen("learner.two,", "Learner.One,", 1), (Some("username"), W::SharedLogin, Some(3))),
        (users.clone() + users.lines().nth(1).unwrap() + "\n", (None, W::DuplicateRow, Some(9))),
    ];
    for (text, (column, code, line)) in cases {
        let bundle = Files::small().set("users.csv", text).read().unwrap();
        assert!(odd(&bundle).iter().any(|w| (w.0, w.1, w.2, w.3) == ("users.csv", column, code, line)), "{code:?}: {:?}", odd(&bundle));
        assert_eq!(bundle.users.len(), 7);
    }
    // Columns reversed, with a stranger among them.
    let reversed: String = Files::small()
        .text("orgs.csv")
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let extra = if i == 0 { "metadata.colour" } else { "green" };
            let mut fields: Vec<_> = line.split(',').rev().collect();
            fields.push(extra);
            fields.join(",") + "\n"
        })
        .collect();
    let bundle = Files::small().set("orgs.csv", reversed).read().unwrap();
    assert_eq!(bundle.orgs, Files::small().read().unwrap().orgs);
    let codes: Vec<_> = odd(&bundle).iter().filter(|w| w.0 == "orgs.csv").map(|w| w.2).collect();
    assert_eq!(codes, [W::ColumnOrder, W::ExtraColumn]);
}

#[test]
fn an_odd_manifest_is_tolerated_and_named() {
    use WarningCode as W;
    let cases = [
        (Files::small().swap("manifest.csv", "file.orgs,bulk\n", ""), ("orgs.csv", None, W::UnlistedFile)),
        (Files::small().append("manifest.csv", "colour,green\n"), ("manifest.csv", Some("propertyName"), W::UnknownProperty)),
        (Files::small().append("manifest.csv", "file.secrets,absent\n"), ("manifest.csv", Some("propertyName"), W::UnknownProperty)),
        (Files::small().append("manifest.csv", "file.orgs,bulk\n"), ("manifest.csv", None, W::DuplicateRow)),
        (Files::contoso().swap("manifest.csv", "version,1.2", "version,1.2.1"), ("manifest.csv", Some("value"), W::PatchVersion)),
        (Files::small().set("roles.csv", "sourcedId\n"), ("roles.csv", None, W::IgnoredFile)),
    ];
    for (files, expected) in cases {
        let bundle = files.read().unwrap();
        assert!(odd(&bundle).iter().any(|w| (w.0, w.1, w.2) == expected), "{expected:?}: {:?}", odd(&bundle));
    }
    expect(&Files::small().swap("manifest.csv", "1.1", "1.10"), &[("manifest.csv", Some(3), Some("value"), F::UnsupportedVersion)]);
}
