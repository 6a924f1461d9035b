//! What comes out of bytes, whatever they are.

use std::io::{self, Cursor, Read};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::store::snapshot::Stored;
use crate::transfer::export::Exporter;

/// Each row as its line and attributes, or as its line and what is wrong.
fn rows(bytes: &[u8], options: &ReaderOptions) -> Result<Vec<(u64, Value)>, String> {
    let mut rows = Vec::new();
    let input = Box::new(Cursor::new(bytes.to_vec()));
    let read = read(input, options, &mut |record, _| {
        let value = match record.row {
            Ok(row) => {
                let mut value = Value::Object(row.attributes);
                for (path, text) in row.members {
                    value[format!("profile.{}", path.join("."))] = json!(text);
                }
                value
            }
            Err(errors) => json!(format!("{} {}", errors[0].pointer, errors[0].detail)),
        };
        rows.push((record.line, value));
        true
    });
    read.map(|()| rows).map_err(|error| error.to_string())
}

fn plain(text: &str) -> Result<Vec<(u64, Value)>, String> {
    rows(text.as_bytes(), &ReaderOptions::default())
}

#[test]
fn csv_as_spreadsheets_write_it() {
    let expected = vec![
        (2, json!({ "name": "Ada", "email": "a@example.com", "active": true })),
        (3, json!({ "name": "two\nlines", "email": null })),
        (5, json!({ "name": "=1+1", "email": null, "active": false })),
    ];
    let comma = "name,email,active\nAda,a@example.com,TRUE\n\"two\nlines\",,\n'=1+1,,0\n";
    assert_eq!(plain(comma).unwrap(), expected);
    let excel =
        format!("\u{feff}{}", comma.replace(',', ";").replace("e\nA", "e\r\nA").replace("E\n", "E\r\n"));
    assert_eq!(plain(&excel).unwrap()[0].1, expected[0].1);
    assert_eq!(plain(&comma.replace(',', "\t")).unwrap(), expected);
    let crlf = "name\r\nAda\r\n\"a\r\nb\"\r\nBob";
    assert_eq!(plain(crlf).unwrap().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 5]);
}

/// Gives its bytes in pieces, as a pipe may.
struct Pieces(Vec<&'static [u8]>);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let piece = self.0.remove(0);
        out[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

#[test]
fn the_form_is_told_by_the_whole_first_line() {
    let mut names = Vec::new();
    let pieces: Vec<&[u8]> =
        vec![b"\xef", b"\xbb", b"\xbfname;e", b"mail\r", b"\n", b"ada;a@example.com", b"\r\n"];
    read(Box::new(Pieces(pieces)), &ReaderOptions::default(), &mut |record, _| {
        names.push((record.line, record.row.unwrap().attributes));
        true
    })
    .unwrap();
    let expected = json!({ "name": "ada", "email": "a@example.com" });
    assert_eq!(names, [(2, expected.as_object().unwrap().clone())]);
}

#[test]
fn a_row_has_a_bounded_number_of_errors_and_columns() {
    let table = |columns: usize| {
        let header = (0..columns).map(|number| format!(",profile.c{number}")).collect::<Vec<_>>().concat();
        [format!("name{header}\nada").into_bytes(), b",\xff".repeat(columns), b"\n".to_vec()].concat()
    };
    let mut counts = Vec::new();
    read(Box::new(Cursor::new(table(1000))), &ReaderOptions::default(), &mut |record, _| {
        counts.push(record.row.unwrap_err().len());
        true
    })
    .unwrap();
    assert_eq!(counts, [100]);
    let deep = format!("name,profile{}\nada,1\n", ".a".repeat(17));
    assert!(rows(deep.as_bytes(), &ReaderOptions::default()).unwrap_err().contains("is no attribute"));
    // A batch has fewer rows where each has long names with it.
    let long = format!("name,profile.{}\nada,1\n", "a".repeat(10_000));
    let mut sizes = Vec::new();
    read(Box::new(Cursor::new(long)), &ReaderOptions::default(), &mut |_, size| {
        sizes.push(size);
        true
    })
    .unwrap();
    assert!(sizes[0] > 10_000, "{sizes:?}");
    let refused = rows(&table(5000), &ReaderOptions::default());
    assert_eq!(refused.unwrap_err(), "line 1: there are 5001 columns; at most 4000 are taken");
}

#[test]
fn columns_are_mapped_or_refused() {
    let map = |pairs: &[(&str, &str)]| ReaderOptions {
        map: pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
        ..ReaderOptions::default()
    };
    let text = "Login,Title,Shoe\nada,Dr.,37\n";
    let refused = plain(text).unwrap_err();
    assert!(refused.contains("\"Login\"") && refused.contains("Login="), "{refused}");
    let pairs = [("Login", "name"), ("Title", "profile.job.title"), ("Shoe", "")];
    let read = rows(text.as_bytes(), &map(&pairs)).unwrap();
    assert_eq!(read, [(2, json!({ "name": "ada", "profile.job.title": "Dr." }))]);
    assert!(
        rows(text.as_bytes(), &map(&[("Login", "nick")])).unwrap_err().contains("nick is not an attribute")
    );
    assert!(rows(text.as_bytes(), &map(&[("x", "name")])).unwrap_err().contains("\"Login\""));
    assert!(plain("email\na\n").unwrap_err().contains("no column means name"));
    assert!(plain("name,name\na,b\n").unwrap_err().contains("both mean name"));
    assert!(plain("").unwrap_err().contains("empty"));
}

#[test]
fn members_are_mapped_or_refused() {
    let map = [("Mail", "email"), ("Title", "profile.title"), ("Shoe", "")];
    let map = map.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let options = ReaderOptions { map, ..ReaderOptions::default() };
    for (line, read) in [
        (
            r#"{"name":"a","Mail":"m","Title":"t","Shoe":4}"#,
            json!({ "name": "a", "email": "m", "profile.title": "t" }),
        ),
        (r#"{"name":"a","Title":null}"#, json!({ "name": "a", "profile.title": null })),
        (r#"{"email":"x","Mail":"m"}"#, json!(" has \"email\" and \"Mail\", which both mean email")),
        (r#"{"name":"a","Title":7}"#, json!("/Title must be a string or null")),
    ] {
        assert_eq!(rows(line.as_bytes(), &options).unwrap(), [(1, read)], "{line}");
    }
    // With a map or without one, a member that is not mapped is one of the API's.
    for options in [&options, &ReaderOptions::default()] {
        let line = r#"{"name":"a","profile.title":7}"#;
        assert_eq!(rows(line.as_bytes(), options).unwrap(), [(1, serde_json::from_str(line).unwrap())]);
    }
}

#[test]
fn a_bad_row_is_one_bad_row() {
    let rows = plain("name,active\nAda,yes,more\nBob,perhaps\nCy,no\n").unwrap();
    assert!(rows[0].1.as_str().unwrap().contains("3 cells where the header has 2"), "{rows:?}");
    assert!(rows[1].1.as_str().unwrap().starts_with("/active must be"), "{rows:?}");
    assert_eq!(rows[2], (4, json!({ "name": "Cy", "active": false })));
    let rows = plain("{\"name\":\"a\"}\n\n{\"name\":\n[1]\n{\"name\":\"b\",\"name\":\"c\"}\n").unwrap();
    assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4, 5]);
    assert!(rows[3].1.as_str().unwrap().contains("more than once"), "{rows:?}");
}

#[test]
fn wrong_encodings_are_named_with_their_place() {
    let read = |bytes: &[u8]| rows(bytes, &ReaderOptions::default());
    let latin = read(b"name\nJos\xe9\n").unwrap();
    assert!(latin[0].1.as_str().unwrap().contains("byte 0xE9 at character 4"), "{latin:?}");
    let utf16: Vec<u8> = "\u{feff}name\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(read(&utf16).unwrap_err().contains("UTF-16"));
}

#[test]
fn an_array_is_taken_apart_by_its_commas() {
    let text = "[\n {\"name\":\"a, ]}\\\"\"},\n\n{\"name\":\"b\",\"profile\":{\"x\":[{}]}} ,5, \"s\"]\n";
    let rows = plain(text).unwrap();
    assert_eq!(rows[0], (2, json!({ "name": "a, ]}\"" })));
    assert_eq!(rows[1], (4, json!({ "name": "b", "profile": { "x": [{}] } })));
    assert_eq!(rows.len(), 4);
    assert_eq!(plain(" [ ] ").unwrap(), []);
    for (text, told) in [
        ("[{}", "line 1: the input ends"),
        ("[{},\n]", "line 2: an element is missing"),
        ("[{} {}]", "a comma or ] is missing"),
        ("[{}] x", "something follows"),
        ("[,]", "an element is missing"),
    ] {
        let refused = plain(text).unwrap_err();
        assert!(refused.contains(told), "{text}: {refused}");
    }
}

#[test]
fn nothing_is_too_large_to_be_refused() {
    let long = "x".repeat(ROW_BYTES_MAX + 70_000);
    let told = plain(&format!("name\nAda\n\"{long}")).unwrap_err();
    assert!(told.contains("line 3") && told.contains("is a quote missing?"), "{told}");
    let rows = plain(&format!("{{\"name\":\"{long}\"}}\n{{\"name\":\"b\"}}\n")).unwrap();
    assert!(rows[0].1.as_str().unwrap().contains("more than"), "{:?}", rows[1]);
    assert_eq!(rows[1], (2, json!({ "name": "b" })));
    let rows = plain(&format!("[{{\"name\":\"{long}\"}}, {{\"name\":\"b\"}}]")).unwrap();
    assert!(rows[0].1.as_str().unwrap().contains("more than"));
    assert_eq!(rows[1].1, json!({ "name": "b" }));
}

/// Any cell, and those that mean something.
fn cell() -> impl Strategy<Value = Vec<u8>> {
    let known =
        ["", "true", "no", "{\"a\":1}", "'=x", "{\"a\":1,\"a\":2}"].map(|text| text.as_bytes().to_vec());
    prop_oneof![
        proptest::sample::select(known.to_vec()),
        awkward().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..8),
    ]
}

fn records(bytes: &[u8], options: &ReaderOptions) -> Vec<Record> {
    let mut records = Vec::new();
    let input = Box::new(Cursor::new(bytes.to_vec()));
    read(input, options, &mut |record, _| {
        records.push(record);
        true
    })
    .unwrap();
    records
}

fn awkward() -> impl Strategy<Value = String> {
    let any = proptest::char::any().prop_filter("no control characters in names", |c| !c.is_control());
    let special =
        proptest::sample::select(vec!['"', ',', ';', '\'', '=', '+', '-', '@', ' ', 'é', '\u{feff}']);
    proptest::collection::vec(prop_oneof![any, special], 1..20).prop_map(|list| list.into_iter().collect())
}

proptest! {
    #[test]
    fn a_kept_row_reads_as_it_was(cells in proptest::collection::vec(cell(), 3..=5)) {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(["name", "active", "profile", "Title"]).unwrap();
        let mut table = csv::WriterBuilder::new().flexible(true).from_writer(table.into_inner().unwrap());
        table.write_record(&cells).unwrap();
        let map = vec![("Title".to_owned(), "profile.title".to_owned())];
        let options = ReaderOptions { format: Some(Format::Csv), map, keep: true, ..ReaderOptions::default() };
        let first = records(&table.into_inner().unwrap(), &options).remove(0);
        let mut report = json!({ "line": first.line, "errors": [] });
        first.kept.add_to(report.as_object_mut().unwrap());
        let options = ReaderOptions { format: Some(Format::Ndjson), ..options };
        let again = records(report.to_string().as_bytes(), &options).remove(0);
        let faithful = cells.len() == 4 && cells.iter().all(|cell| std::str::from_utf8(cell).is_ok());
        prop_assert_eq!(report["cells"].is_object(), faithful);
        if faithful {
            prop_assert_eq!(again.row, first.row);
        } else {
            prop_assert!(first.row.is_err() && again.row.is_err(), "{:?}", again.row);
        }
    }

    #[test]
    fn an_export_reads_back_as_it_was(
        name in awkward(),
        email in proptest::option::of(awkward()),
        external_id in proptest::option::of(awkward()),
        active: bool,
        text in ".{0,20}",
        escape: bool,
    ) {
        let profile = json!({ "text": text, "null": null, "list": [1, "a"] });
        let written = profile.to_string();
        let user = Stored {
            id: 7, name: &name, email: email.as_deref(), active, external_id: external_id.as_deref(),
            profile: &written, version: 3, created_at: 1, updated_at: 2,
        };
        for format in Format::ALL {
            let mut exporter = Exporter::new(format, escape, Vec::new()).unwrap();
            exporter.write(&user).unwrap();
            exporter.write(&user).unwrap();
            let bytes = exporter.finish().unwrap();
            let read = rows(&bytes, &ReaderOptions { format: Some(format), ..ReaderOptions::default() }).unwrap();
            prop_assert_eq!(read.len(), 2);
            for (_, row) in read {
                let expected = json!([name, email, external_id, active, profile]);
                let found = json!([row["name"], row["email"], row["external_id"], row["active"], row["profile"]]);
                prop_assert_eq!(found, expected);
            }
        }
    }
}
