//! Random users and filters that meet: both draw from the same few words, numbers, times and keys, so that
//! every operator is often true and often false.

use proptest::{collection::vec, option, prelude::*, sample::select};
use roster::model::{
    filter::{Attribute, Filter, Operator, Value},
    user::User,
};
use serde_json::{Map, Value as Json};

/// Words as stored; none contains U+0000. Some fold to the same text, some are special in SQL, LIKE or JSON.
const WORDS: [&str; 30] = [
    "",
    "a",
    "A",
    "ab",
    "é",
    "\"",
    "[]",
    "\u{10ffff}",
    "aB",
    "b",
    "e\u{301}",
    "E",
    "ß",
    "SS",
    "s",
    "ﬁ",
    "fi",
    "Ａ",
    "\u{ad}",
    "%",
    "_",
    "'",
    "\\",
    "{}",
    "null",
    "1",
    "10",
    "😀",
    "\u{d7ff}",
    "\u{e000}",
];
/// Profiles mostly hold the first words only: paths miss often enough without that the values do.
const PROFILE_WORDS: usize = 8;
/// Keys, the first ones more often than the others.
const KEYS: [&str; 12] = ["a", "a", "a", "a", "a", "a", "b", "A", "0", "not", "é", "a-_$"];
const INTEGERS: [i64; 14] = [0, 1, 9, 10, 11, 19, 99, 100, 123, 1_000, -1, -10, i64::MAX, i64::MIN];
const REALS: [f64; 11] =
    [0.0, -0.0, 1.0, -1.0, 1.5, 0.1, 0.3, 1e-7, 1e21, 9_007_199_254_740_992.0, 9.223_372_036_854_776e18];
/// Microseconds since the epoch; the first and last are those of the years 0001 and 9999.
const TIMES: [i64; 6] = [-62_135_596_800_000_000, -1, 0, 1, 1_900_000_000_123_456, 253_402_000_000_000_000];

/// A user without regard to uniqueness: ids, names and e-mails repeat, also when folded.
pub(crate) fn user() -> impl Strategy<Value = User> {
    let identity = (integer(), word(), option::of(word()), any::<bool>(), option::of(word()));
    let rest = (profile(), integer(), select(&TIMES[..]), select(&TIMES[..]));
    (identity, rest).prop_map(
        |((id, name, email, active, external_id), (profile, version, created_at, updated_at))| User {
            id,
            name,
            email,
            active,
            external_id,
            profile,
            version,
            created_at,
            updated_at,
        },
    )
}

/// A filter as [`Filter::parse`] could return it.
pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    comparison().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// A single comparison: every attribute with every operator and type of value that it takes.
pub(crate) fn comparison() -> impl Strategy<Value = Filter> {
    prop_oneof![
        1 => attribute().prop_map(Filter::Present),
        1 => (attribute(), equality(), Just(Value::Null))
            .prop_filter("takes only pr", |(attribute, ..)| *attribute != Attribute::Profile(vec![]))
            .prop_map(compare),
        4 => (text_attribute(), operator(), literal().prop_map(Value::Text)).prop_map(compare),
        2 => (Just(Attribute::Id), operator(), id_text()).prop_map(id_text_comparison),
        2 => (select(vec![Attribute::Id, Attribute::Version]), numeric(), integer().prop_map(Value::Integer))
            .prop_map(compare),
        1 => (Just(Attribute::Active), equality(), any::<bool>().prop_map(Value::Bool)).prop_map(compare),
        2 => (select(vec![Attribute::CreatedAt, Attribute::UpdatedAt]), numeric(), time()).prop_map(compare),
        3 => (path(), operator(), profile_literal().prop_map(Value::Text)).prop_map(compare),
        3 => (path(), numeric(), real().prop_map(Value::Real)).prop_map(compare),
        1 => (path(), equality(), any::<bool>().prop_map(Value::Bool)).prop_map(compare),
    ]
}

fn compare((attribute, operator, value): (Attribute, Operator, Value)) -> Filter {
    Filter::Compare { attribute, operator, value }
}

/// Only the decimal form of an integer can be ordered among ids.
fn id_text_comparison((attribute, operator, text): (Attribute, Operator, String)) -> Filter {
    let canonical = text.parse::<i64>().is_ok_and(|id| id.to_string() == text);
    let operator = if operator.is_ordering() && !canonical { Operator::Eq } else { operator };
    Filter::Compare { attribute, operator, value: Value::Text(text) }
}

fn attribute() -> impl Strategy<Value = Attribute> {
    prop_oneof![select(Attribute::ALL.map(|(_, attribute)| attribute).to_vec()), path()]
}

fn text_attribute() -> impl Strategy<Value = Attribute> {
    select(vec![Attribute::Name, Attribute::Email, Attribute::ExternalId])
}

fn path() -> impl Strategy<Value = Attribute> {
    prop_oneof![3 => vec(key(), 1), 2 => vec(key(), 2), 1 => vec(key(), 3)].prop_map(Attribute::Profile)
}

fn operator() -> impl Strategy<Value = Operator> {
    select(Operator::ALL.map(|(_, operator)| operator).to_vec())
}

fn numeric() -> impl Strategy<Value = Operator> {
    operator().prop_filter("not for numbers", |operator| !operator.is_substring())
}

fn equality() -> impl Strategy<Value = Operator> {
    select(vec![Operator::Eq, Operator::Ne])
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&WORDS[..]).prop_map(str::to_owned),
        vec(select(&WORDS[..]), 2..4).prop_map(|w| w.concat())
    ]
}

/// A word as it may stand in a filter: also with U+0000.
fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => word(),
        1 => (word(), word()).prop_map(|(a, b)| format!("{a}\0{b}")),
    ]
}

fn profile_word() -> impl Strategy<Value = String> {
    select(&WORDS[..PROFILE_WORDS]).prop_map(str::to_owned)
}

fn profile_literal() -> impl Strategy<Value = String> {
    prop_oneof![5 => profile_word(), 1 => literal()]
}

fn id_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => integer().prop_map(|integer| integer.to_string()),
        4 => (integer(), 0..4_usize).prop_map(|(integer, n)| integer.to_string().chars().take(n).collect()),
        1 => integer().prop_map(|integer| format!("0{integer}")),
        1 => literal(),
        1 => Just("-".to_owned()),
    ]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => select(&INTEGERS[..]),
        1 => any::<i64>(),
        1 => (any::<i64>(), 0..63_u32).prop_map(|(n, shift)| n >> shift),
    ]
}

fn time() -> impl Strategy<Value = Value> {
    (select(&TIMES[..]), prop_oneof![2 => Just(0_i128), 1 => -999..1000_i128]).prop_map(
        |(microseconds, extra)| {
            let nanoseconds = (i128::from(microseconds) * 1000) + extra;
            Value::Time(jiff::Timestamp::from_nanosecond(nanoseconds).expect("in the years 0001 to 9999"))
        },
    )
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => select(&REALS[..]),
        1 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
    ]
}

fn key() -> impl Strategy<Value = String> {
    select(&KEYS[..]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        1 => Just(Json::Null),
        2 => any::<bool>().prop_map(Json::Bool),
        2 => integer().prop_map(Json::from),
        1 => any::<u64>().prop_map(Json::from),
        2 => real().prop_map(Json::from),
        8 => profile_word().prop_map(Json::String),
        1 => word().prop_map(Json::String),
    ]
}

fn profile() -> impl Strategy<Value = Map<String, Json>> {
    let json = scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            4 => scalar(),
            2 => vec(inner.clone(), 0..4).prop_map(Json::Array),
            3 => members(inner).prop_map(Json::Object),
        ]
    });
    members(json)
}

/// Some of the keys are beyond the reach of filters.
fn members(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Map<String, Json>> {
    let other = select(vec!["", "a.b", "a\"b", "\\", "$", "[0]"]).prop_map(str::to_owned);
    let key = prop_oneof![9 => key(), 1 => other];
    vec((key, value), 0..6).prop_map(Map::from_iter)
}
