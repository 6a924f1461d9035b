//! The invariants of the architecture, read off the sources. A rule that is broken names the place.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

mod source;

use source::{Source, all, functions, names, outside_quotes, product, rust_files};
pub(crate) use source::{functions_of_the_store, read_source};

/// Most lines of a file.
const FILE_LINES: usize = 300;
/// Most lines of a function.
const FUNCTION_LINES: usize = 50;
/// Most lines of a test, which is often a table of cases.
const TEST_LINES: usize = 70;
/// Functions that are longer, and why.
const LONG_FUNCTIONS: [(&str, &str); 1] =
    [("src/openapi/schemas.rs::users", "one schema after the other, without a branch")];
/// Modules that name one above them, and why.
const UPWARD: [(&str, &str, &str); 2] = [
    ("api", "routes", "links name paths, and paths are written in routes.rs alone"),
    ("openapi", "routes", "the contract is put together from the route table"),
];

fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Lines of the product's code that `rule` refuses, as `path:line: text`.
fn refused(rule: impl Fn(&Source, usize, &str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for source in product() {
        for (index, line) in source.code.iter().enumerate() {
            if rule(&source, index, line) {
                places.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    places
}

#[test]
fn sql_is_only_in_the_store() {
    none(&refused(|source, _, line| {
        !source.path.starts_with("src/store/") && names(&outside_quotes(line), "sqlx")
    }));
    let stored = product().into_iter().filter(|source| source.code.iter().any(|line| names(line, "sqlx")));
    assert!(stored.count() > 5, "the rule sees nothing");
}

#[test]
fn model_and_store_know_nothing_of_http() {
    let below = |path: &str| path.starts_with("src/model/") || path.starts_with("src/store/");
    none(&refused(|source, _, line| {
        below(&source.path) && ["axum", "hyper", "http", "tower"].iter().any(|name| names(line, name))
    }));
}

#[test]
fn the_environment_is_read_in_config_alone() {
    const READERS: [&str; 6] = ["var", "var_os", "vars", "vars_os", "remove_var", "set_var"];
    none(&refused(|source, _, line| {
        source.path != "src/config.rs" && names(line, "env") && READERS.iter().any(|name| names(line, name))
    }));
}

#[test]
fn time_and_randomness_come_from_the_app_state() {
    const SOURCES: [&str; 6] =
        ["SystemTime::now", "Timestamp::now", "Zoned::now", "rand::rng", "rand::make_rng", "rand::random"];
    none(&refused(|source, index, line| {
        let expected = source.code[index.saturating_sub(3)..index]
            .iter()
            .any(|before| before.contains("#[expect(clippy::disallowed_methods, reason = "));
        let taken = SOURCES.iter().any(|name| {
            let rest = line.split_once(name).map(|(_, rest)| rest);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        taken && !expected
    }));
    let banned = read_source("clippy.toml");
    let list = ["std::time::SystemTime::now", "jiff::Timestamp::now", "rand::rng", "rand::make_rng"];
    for name in
        list.into_iter().chain(["std::env::var", "std::env::var_os", "std::env::vars", "std::env::vars_os"])
    {
        assert!(banned.contains(&format!("path = \"{name}\"")), "clippy.toml does not ban {name}");
    }
}

#[test]
fn paths_are_written_in_routes_alone() {
    let routes = Source::read("src/routes.rs");
    let segments: BTreeSet<String> = routes
        .code
        .iter()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter_map(|text| text.strip_prefix('/'))
        .map(|path| path.split('/').next().unwrap().to_owned())
        .filter(|segment| !segment.is_empty() && !segment.starts_with('{'))
        .collect();
    let known = ["changes", "docs", "livez", "metrics", "openapi.json", "readyz", "users"];
    assert!(known.iter().all(|name| segments.contains(*name)), "{segments:?}");
    none(&refused(|source, _, line| {
        let exempt = source.path == "src/routes.rs"
            // The contract and what `demo` prints are texts for people.
            || source.path.starts_with("src/openapi/")
            || source.path == "src/demo/mod.rs";
        // A path ends where its segment does: templates/docs.css is none.
        let begins = |place: &str, segment: &String| {
            let rest = place.strip_prefix(segment.as_str());
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_'))
        };
        let quoted = line.contains('"');
        !exempt
            && quoted
            && line.split('/').skip(1).any(|place| segments.iter().any(|one| begins(place, one)))
    }));
}

#[test]
fn statuses_of_errors_are_chosen_in_error_alone() {
    const FINE: [&str; 5] = ["OK", "CREATED", "NO_CONTENT", "NOT_MODIFIED", "TEMPORARY_REDIRECT"];
    const ELSEWHERE: [(&str, &str, &str); 2] = [
        ("src/api/health.rs", "SERVICE_UNAVAILABLE", "the ops port tells a state, not an error"),
        ("src/api/users.rs", "== StatusCode::UNSUPPORTED_MEDIA_TYPE", "compares, does not choose"),
    ];
    none(&refused(|source, _, line| {
        let excused = ELSEWHERE.iter().any(|(path, text, _)| source.path == *path && line.contains(text));
        let chosen = line.split("StatusCode::").skip(1).any(|rest| {
            let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap();
            !FINE.contains(&name)
        });
        !source.path.starts_with("src/error") && chosen && !excused
    }));
}

#[test]
fn users_are_written_together_with_the_journal() {
    const WRITERS: [&str; 2] = ["src/store/rows.rs", "src/store/bulk/write.rs"];
    const WRITES: [&str; 4] =
        ["INSERT INTO users", "UPDATE users", "DELETE FROM users", "REPLACE INTO users"];
    let writes = |line: &str| WRITES.iter().any(|text| line.contains(text));
    none(&refused(|source, _, line| !WRITERS.contains(&source.path.as_str()) && writes(line)));
    none(&refused(|source, _, line| {
        // A copy replaces the first epoch of an empty journal.
        let epochs = source.path == "src/store/copy/target.rs" && line.contains("DELETE FROM journal_epochs");
        !epochs && (line.contains("UPDATE journal ") || line.contains("DELETE FROM journal"))
    }));
    // Of a batch, one function does it all.
    let batch = Source::read("src/store/bulk/write.rs");
    let public: Vec<_> = functions(&batch)
        .into_iter()
        .filter(|function| {
            batch.code.iter().any(|line| line.contains(&format!("pub(super) async fn {}(", function.name)))
        })
        .collect();
    assert_eq!(public.iter().map(|function| function.name.as_str()).collect::<Vec<_>>(), ["apply"]);
    assert!(public[0].body.iter().any(|line| line.contains("append_all(tx, author")));
    let users = Source::read("src/store/rows.rs");
    let (mut constants, mut begun) = (Vec::new(), None);
    for line in &users.code {
        if let Some(rest) = line.strip_prefix("const ") {
            begun = rest.split(':').next();
        }
        constants.extend(begun.filter(|_| writes(line)));
        if line.ends_with(';') {
            begun = None;
        }
    }
    let mut found = Vec::new();
    for function in functions(&users) {
        if function
            .body
            .iter()
            .any(|line| writes(line) || constants.iter().any(|name| names(&outside_quotes(line), name)))
        {
            assert!(
                function.body.iter().any(|line| line.contains("append(tx, author")),
                "{} does not append to the journal",
                function.name
            );
            found.push(function.name);
        }
    }
    assert_eq!(found, ["create", "update", "delete"]);
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for source in all() {
        if source.lines > FILE_LINES {
            long.push(format!("{}: {} lines", source.path, source.lines));
        }
        for function in functions(&source) {
            let name = format!("{}::{}", source.path, function.name);
            let excused = LONG_FUNCTIONS.iter().any(|(path, _)| *path == name);
            let most = if source.path.starts_with("tests/") { TEST_LINES } else { FUNCTION_LINES };
            if function.lines > most && !excused {
                long.push(format!("{name}: {} lines", function.lines));
            }
        }
    }
    none(&long);
}

#[test]
fn modules_use_only_those_below_them() {
    let map = Source::read("src/lib.rs");
    let order: Vec<&str> =
        map.code.iter().filter_map(|line| line.strip_prefix("pub mod ")?.split(';').next()).collect();
    let place = |name: &str| order.iter().position(|module| *module == name);
    let mut broken = Vec::new();
    for source in product() {
        let module = source.path["src/".len()..].split(['/', '.']).next().unwrap().to_owned();
        let Some(own) = place(&module) else { continue };
        for used in source.modules_used() {
            let excused = UPWARD.iter().any(|(from, to, _)| *from == module && *to == used);
            match place(&used) {
                Some(at) if at >= own || excused => {}
                Some(_) => broken.push(format!("{} uses crate::{used}, which is above it", source.path)),
                None => {
                    broken
                        .push(format!("{} uses crate::{used}, which src/lib.rs does not list", source.path));
                }
            }
        }
    }
    assert!(order.len() > 10);
    none(&broken);
}

#[test]
fn unsafe_code_is_forbidden() {
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        assert!(read_source(manifest).contains("unsafe_code = \"forbid\""), "{manifest}");
    }
    none(&refused(|_, _, line| names(line, "unsafe")));
}

#[test]
fn migrations_are_the_same_on_both_engines() {
    let list = |engine: &str| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let entries = fs::read_dir(directory).unwrap();
        let mut files: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort_unstable();
        files
    };
    let (released, next) = (list("sqlite"), list("next/sqlite"));
    assert_eq!((&list("postgres"), &list("next/postgres")), (&released, &next));
    let all = [released.clone(), next].concat();
    for (index, file) in all.iter().enumerate() {
        assert!(file.starts_with(&format!("{:04}_", index + 1)), "{file}");
    }
    let known: Vec<String> = roster::store::migrate::MIGRATIONS
        .iter()
        .map(|migration| format!("{}.sql", migration.name))
        .collect();
    assert_eq!(known, if cfg!(feature = "next-schema") { all } else { released });
    for (index, migration) in roster::store::migrate::MIGRATIONS.iter().enumerate() {
        assert_eq!(usize::try_from(migration.version), Ok(index + 1));
    }
}

#[test]
fn every_exception_is_still_needed() {
    let sources = all();
    for (name, _) in LONG_FUNCTIONS {
        let (path, function) = name.split_once("::").unwrap();
        let source = sources.iter().find(|source| source.path == path);
        let found = source.map(functions).unwrap_or_default();
        assert!(found.iter().any(|one| one.name == function && one.lines > FUNCTION_LINES), "{name}");
    }
    for (from, to, _) in UPWARD {
        let files = rust_files("src").into_iter().map(|path| Source::read(&path));
        let mut own = files.filter(|source| source.path.starts_with(&format!("src/{from}")));
        assert!(own.any(|source| source.modules_used().contains(to)), "{from} does not use {to} any more");
    }
}
