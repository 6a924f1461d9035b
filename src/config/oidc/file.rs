//! The file of several issuers: TOML with one `[[issuer]]` table for each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{IssuerConfig, ROLE_CLAIM, issuer, known_roles};
use crate::model::role::Role;

/// Longer than any list of issuers; anything beyond is a wrong path.
const MAX_BYTES: u64 = 1024 * 1024;
const KEYS: [&str; 6] = ["issuer", "audiences", "ca_file", "token_file", "role_claim", "role_map"];

/// Reads the file; the error is all that is wrong in it, each with its place.
pub(super) fn load(path: &Path) -> Result<Vec<IssuerConfig>, Vec<String>> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| vec![error.to_string()])?;
    if text.len() as u64 > MAX_BYTES {
        return Err(vec![format!("is longer than {MAX_BYTES} bytes")]);
    }
    read(&text)
}

pub(super) fn read(text: &str) -> Result<Vec<IssuerConfig>, Vec<String>> {
    let mut document: Table = toml::from_str(text).map_err(|error| vec![syntax(text, &error)])?;
    let mut problems = Vec::new();
    let tables = document.remove("issuer");
    problems.extend(document.keys().map(|key| format!("{key:?} is not known; there are [[issuer]] tables")));
    let mut issuers: Vec<IssuerConfig> = Vec::new();
    match tables {
        Some(Value::Array(tables)) if !tables.is_empty() => {
            for (index, table) in tables.into_iter().enumerate() {
                let mut reader =
                    Reader { place: format!("[[issuer]] {}", index + 1), problems: &mut problems };
                let read = reader.issuer(table);
                let Some(read) = read else { continue };
                if issuers.iter().any(|other| other.issuer == read.issuer) {
                    reader.wrong("issuer", "is that of an earlier table too");
                }
                issuers.push(read);
            }
        }
        Some(_) => problems.push("write each issuer as a table of its own under [[issuer]]".to_owned()),
        None => problems.push("there is no [[issuer]] table".to_owned()),
    }
    if problems.is_empty() { Ok(issuers) } else { Err(problems) }
}

/// An error of the parser on one line.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    format!("line {line}: {}", error.message().replace('\n', " "))
}

/// Reads one table and notes what is wrong in it.
struct Reader<'a> {
    place: String,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, key: &str, problem: &str) {
        self.problems.push(format!("{}: {key} {problem}", self.place));
    }

    fn issuer(&mut self, table: Value) -> Option<IssuerConfig> {
        let Value::Table(table) = table else {
            self.problems.push(format!("{} is not a table", self.place));
            return None;
        };
        for key in table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.wrong(&format!("{key:?}"), &format!("is not known; there are {}", KEYS.join(", ")));
        }
        let address = self.text(&table, "issuer");
        if !table.contains_key("issuer") {
            self.wrong("issuer", "is missing");
        }
        let address = address.and_then(|text| match issuer(&text) {
            Ok(address) => Some(address),
            Err(problem) => {
                self.wrong("issuer", &problem);
                None
            }
        });
        let audiences = self.audiences(&table);
        let [ca_file, token_file] =
            ["ca_file", "token_file"].map(|key| self.text(&table, key).map(PathBuf::from));
        let role_claim = self.text(&table, "role_claim").unwrap_or_else(|| ROLE_CLAIM.to_owned());
        let role_map = self.role_map(&table);
        Some(IssuerConfig { issuer: address?, audiences, ca_file, token_file, role_claim, role_map })
    }

    /// A text that is not empty, if the key is there.
    fn text(&mut self, table: &Table, key: &str) -> Option<String> {
        match table.get(key)? {
            Value::String(text) if !text.is_empty() => return Some(text.clone()),
            Value::String(_) => self.wrong(key, "is empty"),
            _ => self.wrong(key, "is not a string"),
        }
        None
    }

    fn audiences(&mut self, table: &Table) -> Vec<String> {
        let Some(Value::Array(list)) = table.get("audiences") else {
            self.wrong("audiences", "is missing, or is not an array of strings");
            return Vec::new();
        };
        let texts = list.iter().filter_map(Value::as_str).filter(|text| !text.is_empty());
        let audiences: Vec<String> = texts.map(str::to_owned).collect();
        if audiences.is_empty() || audiences.len() != list.len() {
            self.wrong("audiences", "must have at least one string, and no empty one");
        }
        audiences
    }

    fn role_map(&mut self, table: &Table) -> BTreeMap<String, Role> {
        let mut map = BTreeMap::new();
        match table.get("role_map") {
            None => {}
            Some(Value::Table(pairs)) => {
                for (value, role) in pairs {
                    match role.as_str().and_then(Role::parse) {
                        Some(role) => drop(map.insert(value.clone(), role)),
                        None => self.wrong(
                            &format!("role_map.{value:?}"),
                            &format!("names {role}, which is no role; {}", known_roles()),
                        ),
                    }
                }
            }
            Some(_) => self.wrong("role_map", "is not a table of VALUE = \"ROLE\""),
        }
        map
    }
}
