//! The zip around the files: bombs, tricks and damage.

use std::fmt::Write as _;
use std::io::{Cursor, Read, Write};

use oneroster::{Bundle, FaultCode, Limits, WarningCode, write_csv_zip};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::support::{Files, found, odd, read};

fn codes(zip: &[u8]) -> Vec<FaultCode> {
    let mut codes: Vec<_> = read(zip).unwrap_err().faults.iter().map(|fault| fault.code).collect();
    codes.dedup();
    codes
}

fn with_entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut files: Vec<_> = Files::small().0.into_iter().collect();
    files.push((name.to_owned(), bytes.to_vec()));
    write_csv_zip(Cursor::new(Vec::new()), files).unwrap().into_inner()
}

/// One gigabyte of zeros as `users.csv`, packed to a megabyte.
fn bomb() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in Files::small().without("users.csv").0 {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.start_file("users.csv", SimpleFileOptions::default().compression_level(Some(6))).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(1 << 30), &mut zip).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Overwrites every claim of `users.csv`'s unpacked size, in the local header and the central directory.
fn claim_small(zip: &mut [u8]) {
    let name = b"users.csv";
    let mut patched = 0;
    for at in 0..zip.len() - name.len() {
        if &zip[at..at + name.len()] != name {
            continue;
        }
        for (signature, before, size) in [(*b"PK\x03\x04", 30, 22), (*b"PK\x01\x02", 46, 24)] {
            if at >= before && zip[at - before..at - before + 4] == signature {
                zip[at - before + size..at - before + size + 4].copy_from_slice(&100u32.to_le_bytes());
                patched += 1;
            }
        }
    }
    assert_eq!(patched, 2);
}

#[test]
fn a_gigabyte_of_zeros_is_refused_whatever_its_header_claims() {
    let mut zip = bomb();
    assert!(zip.len() < 8 << 20);
    assert_eq!(found(&read(&zip).unwrap_err()), [("users.csv", None, None, FaultCode::TooLarge)]);
    // Were the claim let through, what comes out would still be counted, and end the reading after a megabyte.
    let trusting = Limits { max_file: u64::MAX, max_total: u64::MAX, ..Limits::default() };
    let report = Bundle::read(Cursor::new(&zip), &trusting).unwrap_err();
    assert_eq!(found(&report), [("users.csv", None, None, FaultCode::ZipBomb)]);
    // A claim that is a lie is found out at the first byte too many.
    claim_small(&mut zip);
    assert_eq!(found(&read(&zip).unwrap_err()), [("users.csv", None, None, FaultCode::CorruptEntry)]);
}

#[test]
fn sizes_are_counted_while_unpacking() {
    let zip = Files::small().zip();
    let tight = |limits: Limits| Bundle::read(Cursor::new(&zip), &limits).unwrap_err().faults[0].code;
    assert_eq!(tight(Limits { max_total: 2000, ..Limits::default() }), FaultCode::TooLarge);
    assert_eq!(tight(Limits { max_archive: 1000, ..Limits::default() }), FaultCode::ArchiveTooLarge);
    assert_eq!(tight(Limits { max_entries: 7, ..Limits::default() }), FaultCode::TooManyEntries);
    let mut rows = Files::small().text("users.csv");
    for row in 0..40_000 {
        writeln!(rows, "x{},,,true,s1,student,same,,Learner,Same,,,,,,,,", row % 10).unwrap();
    }
    let report = Bundle::read(Cursor::new(Files::small().set("users.csv", rows).zip()), &Limits { max_ratio: 5, ..Limits::default() });
    assert_eq!(report.unwrap_err().faults[0].code, FaultCode::ZipBomb);
}

#[test]
fn paths_that_lead_out_or_down_are_refused() {
    for name in ["../users2.csv", "/etc/users.csv", "a\\users.csv", "C:users.csv", "x/../users.csv"] {
        assert_eq!(codes(&with_entry(name, b"x")), [FaultCode::UnsafePath], "{name}");
    }
    for name in ["folder/other.csv", "folder/deeper/other.csv", "folder/"] {
        let zip = if name.ends_with('/') {
            let mut zip = ZipWriter::new_append(Cursor::new(Files::small().zip())).unwrap();
            zip.add_directory(name, SimpleFileOptions::default()).unwrap();
            zip.finish().unwrap().into_inner()
        } else {
            with_entry(name, b"x")
        };
        assert!(codes(&zip).contains(&FaultCode::Folder), "{name}");
    }
}

#[test]
fn archives_within_links_and_twins_are_refused() {
    assert_eq!(codes(&with_entry("more.ZIP", &Files::small().zip())), [FaultCode::NestedArchive]);
    assert_eq!(codes(&with_entry("USERS.csv", b"x")), [FaultCode::DuplicateEntry]);
    let mut zip = ZipWriter::new_append(Cursor::new(Files::small().zip())).unwrap();
    zip.add_symlink("notes.txt", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    assert_eq!(codes(&zip.finish().unwrap().into_inner()), [FaultCode::UnsafePath]);
}

#[test]
fn two_entries_of_exactly_one_name_are_refused() {
    // The writer refuses to make such a zip, so one of another name is renamed in place.
    let mut zip = with_entry("coursey.csv", b"sourcedId\n");
    for at in 0..zip.len() - 11 {
        if &zip[at..at + 11] == b"coursey.csv" {
            zip[at..at + 11].copy_from_slice(b"classes.csv");
        }
    }
    assert!(codes(&zip).contains(&FaultCode::DuplicateEntry));
}

#[test]
fn an_encrypted_entry_is_refused() {
    let mut zip = Files::small().zip();
    let directory = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    zip[directory + 8] |= 1;
    let first = Files::small().0.into_keys().next().unwrap();
    let report = read(&zip).unwrap_err();
    assert!(found(&report).contains(&(first.as_str(), None, None, FaultCode::Encrypted)), "{report:?}");
}

#[test]
fn what_is_no_zip_or_half_a_zip_is_refused() {
    let zip = Files::small().zip();
    for bytes in [&b""[..], b"PK", b"sourcedId,status\n", &zip[..zip.len() / 2], &zip[..zip.len() - 1]] {
        assert_eq!(codes(bytes), [FaultCode::NotAZip]);
    }
}

#[test]
fn damaged_content_is_refused_by_its_checksum() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in Files::small().0 {
        zip.start_file(name, stored).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    let mut zip = zip.finish().unwrap().into_inner();
    let name = zip.windows(14).position(|w| w == b"Learner,One,,1").unwrap();
    zip[name] = b'l';
    assert_eq!(found(&read(&zip).unwrap_err()), [("users.csv", None, None, FaultCode::CorruptEntry)]);
}

#[test]
fn standard_files_that_are_no_roster_and_strangers_are_named_and_never_unpacked() {
    let files = Files::small()
        .swap("manifest.csv", "file.results,absent", "file.results,bulk")
        .set("results.csv", vec![0u8; 20 << 20])
        .set("notes.txt", "hello");
    let bundle = files.read().unwrap();
    let ignored: Vec<_> = odd(&bundle).into_iter().filter(|w| w.2 == WarningCode::IgnoredFile).map(|w| w.0.to_owned()).collect();
    assert_eq!(ignored, ["notes.txt", "results.csv"]);
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let mut zip = Files::small().zip();
    let second = zip.windows(4).enumerate().filter(|(_, w)| w == b"PK\x01\x02").map(|(at, _)| at).nth(1).unwrap();
    zip[second + 42..second + 46].copy_from_slice(&0u32.to_le_bytes());
    assert!(codes(&zip).contains(&FaultCode::OverlappingEntries));
}
