//! Which addresses are accepted, and that no password is ever shown.

use std::path::Path;

use super::DatabaseUrl;

#[test]
fn an_sqlite_address_names_a_file() {
    for (text, path) in [
        ("sqlite:roster.db", "roster.db"),
        ("sqlite:/var/lib/roster.db", "/var/lib/roster.db"),
        ("sqlite://roster.db", "roster.db"),
        ("sqlite:///var/lib/roster.db", "/var/lib/roster.db"),
        ("sqlite:a b%20c@d.db", "a b%20c@d.db"),
    ] {
        let url = DatabaseUrl::parse(text).expect(text);
        assert_eq!(url.sqlite_path(), Some(Path::new(path)));
        assert_eq!(url.to_string(), text);
    }
    for text in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:a.db?mode=ro", "sqlite:a\nb"] {
        assert!(DatabaseUrl::parse(text).is_err(), "{text}");
    }
    assert_eq!(DatabaseUrl::sqlite(Path::new("/tmp/x.db")).expect("a path").expose(), "sqlite:/tmp/x.db");
}

#[test]
fn what_is_shown_lacks_the_password() {
    for (text, shown) in [
        ("postgres://h/d", "postgres://h/d"),
        ("postgres://u@h/d", "postgres://u@h/d"),
        ("postgres://u:@h/d", "postgres://u:***@h/d"),
        ("postgresql://u:hunter2@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgres://:hunter2@[::1]:5432/d", "postgres://:***@[::1]:5432/d"),
        ("postgres://u:hunt%40er2@h/d", "postgres://u:***@h/d"),
        ("postgres://u:hunt@er2@h/d", "postgres://u:***@h/d"),
        ("postgres://u:hunt:er2@h", "postgres://u:***@h"),
        ("postgres://u:hunter2@h/d?sslmode=disable", "postgres://u:***@h/d?sslmode=disable"),
        ("postgres://h/d?user=u&password=hunter2", "postgres://h/d?user=u&password=***"),
        ("postgres://h/d?p%61ssword=hunter2", "postgres://h/d?p%61ssword=***"),
        ("postgres://h/d?sslkey=hunter2", "postgres://h/d?sslkey=***"),
        ("postgres://u:hunter2@/d?host=/run/postgresql", "postgres://u:***@/d?host=/run/postgresql"),
        ("postgres://u:hunter2@%2Frun%2Fpostgresql/d", "postgres://u:***@%2Frun%2Fpostgresql/d"),
    ] {
        let url = DatabaseUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("DatabaseUrl({shown})"));
        assert_eq!((url.expose(), url.sqlite_path()), (text, None));
    }
}

#[test]
fn what_is_wrong_is_said_without_the_password() {
    for (text, expected) in [
        ("", "none of the forms"),
        ("hunter2", "none of the forms"),
        ("mysql://u:hunter2@h/d", "none of the forms"),
        ("postgres:u:hunter2@h", "none of the forms"),
        ("Postgres://u:hunter2@h", "none of the forms"),
        (
            "postgres://u:hunter2@h/d?sslmode=prefer",
            "has sslmode=prefer, which would go on in the clear without a word",
        ),
        (
            "postgres://u:hunter2@h/d?ssl-mode=allow",
            "has sslmode=allow, which would go on in the clear without a word",
        ),
        (
            "postgres://u:hunter2@h/d?sslmode=verify%2Dca",
            "has sslmode=verify-ca, which would let any server pass",
        ),
        ("postgres://u:hunter2@h/d?sslmode=hunter2", "is none of disable, require and verify-full"),
        ("postgres://u:hunter2@h/d?sslmode", "is none of disable, require and verify-full"),
        ("postgres://", "names no host"),
        ("postgres://u:hunter2@/d", "names no host"),
        ("postgres://u:hunter2", "port"),
        ("postgres://u:hunter2@h:0/d", "port"),
        ("postgres://u:hunter2@h:65536/d", "port"),
        ("postgres://u:hunter2@h:+5/d", "port"),
        ("postgres://u:hun/ter2@h/d", "@ as %40"),
        ("postgres://u:hun?ter2=1@h/d", "@ as %40"),
        ("postgres://u:hun#ter2@h/d", "# as %23"),
        ("postgres://u:hunter2%@h/d", "% as %25"),
        ("postgres://u:hunter2%f@h/d", "% as %25"),
        ("postgres://u:hunter2%ff@h/d", "% as %25"),
        ("postgres://u:hun ter2@h/d", "white space"),
        ("postgres://u:hunter2\n@h/d", "white space"),
        ("postgres://u:hunter2@a,b/d", "several hosts"),
        ("postgres://u:hunter2@a:1,b:2/d", "several hosts"),
        ("postgres://u:hunter2@[::1/d", "host that is not valid"),
        ("postgres://u:hunter2@[::g]/d", "host that is not valid"),
        ("postgres://u:hunter2@h/d?sslpassword=hunter2", "unknown parameter \"sslpassword\""),
    ] {
        let problem = DatabaseUrl::parse(text).expect_err(text);
        assert!(problem.contains(expected), "{text}: {problem}");
        for part in ["hun", "ter2"] {
            assert!(!problem.contains(part), "{text}: {problem}");
        }
    }
}
