//! Whatever the bytes are, there is an answer.

use std::io::Cursor;
use std::sync::LazyLock;

use oneroster::Bundle;
use proptest::prelude::*;

use crate::support::{Files, read};

static ZIP: LazyLock<Vec<u8>> = LazyLock::new(|| Files::small().zip());

fn answers(zip: &[u8]) -> Result<(), TestCaseError> {
    match read(zip) {
        Ok(bundle) => drop(bundle.schools()),
        Err(report) => prop_assert!(report.total > 0 && !report.faults.is_empty()),
    }
    Ok(())
}

fn word() -> impl Strategy<Value = String> {
    // What a spreadsheet may hold: quotes, commas, line breaks, letters of several scripts; spaces only inside.
    "[A-Za-zéßनम,\"\n']([A-Za-zé ,\"\n'-]{0,12}[A-Za-z,\"'])?".prop_filter("lists drop empty items", |w| !w.trim().is_empty())
}

fn spoilt(bundle: &Bundle, names: &[(String, String)]) -> Bundle {
    let mut bundle = bundle.clone();
    for (user, (given, family)) in bundle.users.iter_mut().zip(names) {
        given.trim().clone_into(&mut user.fields.given_name);
        family.trim().clone_into(&mut user.fields.family_name);
        user.fields.middle_name = Some(format!("{given}{family}").trim().to_owned());
    }
    bundle
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn corrupted_bytes_never_panic(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut zip = ZIP.clone();
        for (place, byte) in places {
            let at = place.index(zip.len());
            zip[at] = byte;
        }
        answers(&zip)?;
    }

    #[test]
    fn truncated_zips_never_panic_and_are_refused(length in any::<prop::sample::Index>()) {
        let zip = &ZIP[..length.index(ZIP.len())];
        prop_assert!(read(zip).is_err());
    }

    #[test]
    fn corrupted_files_never_panic(
        file in prop::sample::select(vec!["manifest.csv", "orgs.csv", "academicSessions.csv", "courses.csv", "classes.csv", "users.csv", "enrollments.csv", "demographics.csv"]),
        places in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\",\n\r\0\xff\xc3\xa9 0ae-".to_vec())), 1..6),
    ) {
        let files = Files::small();
        let mut bytes = files.0[file].clone();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        answers(&files.set(file, bytes).zip())?;
    }

    #[test]
    fn what_is_written_reads_back(names in prop::collection::vec((word(), word()), 7)) {
        let bundle = spoilt(&Files::small().read().unwrap(), &names);
        let zip = bundle.write_zip(Cursor::new(Vec::new())).unwrap().into_inner();
        let again = read(&zip).unwrap();
        let fields = |b: &Bundle| b.users.iter().map(|u| (u.sourced_id.clone(), u.fields.clone())).collect::<Vec<_>>();
        prop_assert_eq!(fields(&again), fields(&bundle));
        prop_assert_eq!(again.schools().len(), bundle.schools().len());
    }
}
