//! The sample people of the demo: made up, the same at every start.
//!
//! Addresses are under the domains that RFC 2606 section 3 sets aside, telephone numbers in the range
//! 555-0100 to 555-0199 that is never given to anybody.

use serde_json::{Map, Value, json};

use super::names::{Culture, Order, Word, cultures};

/// How many sample people there are.
pub const COUNT: usize = 1_000;

const DOMAINS: [&str; 6] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "people.example.org",
    "lab.example.net",
];

/// How many heads of department come first.
const HEADS: usize = DEPARTMENTS.len();

struct Department {
    name: &'static str,
    titles: [&'static str; 4],
    skills: [&'static str; 5],
}

const DEPARTMENTS: [Department; 8] = [
    Department {
        name: "Engineering",
        titles: ["Software Engineer", "Senior Engineer", "Site Reliability Engineer", "Test Engineer"],
        skills: ["Rust", "PostgreSQL", "Kubernetes", "observability", "API design"],
    },
    Department {
        name: "Design",
        titles: ["Product Designer", "Illustrator", "User Researcher", "Accessibility Specialist"],
        skills: ["prototyping", "typography", "interviews", "WCAG", "colour theory"],
    },
    Department {
        name: "Finance",
        titles: ["Accountant", "Controller", "Payroll Specialist", "Financial Analyst"],
        skills: ["bookkeeping", "forecasting", "IFRS", "spreadsheets", "auditing"],
    },
    Department {
        name: "Support",
        titles: ["Support Agent", "Support Engineer", "Knowledge Editor", "Escalation Lead"],
        skills: ["troubleshooting", "technical writing", "SQL", "mediation", "training"],
    },
    Department {
        name: "Sales",
        titles: ["Account Manager", "Sales Engineer", "Partner Manager", "Sales Assistant"],
        skills: ["negotiation", "presentations", "CRM", "pricing", "market research"],
    },
    Department {
        name: "People",
        titles: ["Recruiter", "People Partner", "Learning Specialist", "Office Coordinator"],
        skills: ["interviewing", "coaching", "labour law", "onboarding", "event planning"],
    },
    Department {
        name: "Operations",
        titles: ["Logistics Planner", "Facilities Manager", "Buyer", "Network Technician"],
        skills: ["procurement", "planning", "first aid", "cabling", "inventory"],
    },
    Department {
        name: "Research",
        titles: ["Research Scientist", "Data Analyst", "Laboratory Technician", "Librarian"],
        skills: ["statistics", "Python", "experiment design", "literature review", "GIS"],
    },
];

/// A sample user.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The full name as its bearer writes it; unique, also when case is ignored.
    pub name: String,
    /// An ASCII address at an example domain; unique. About one person in fourteen has none.
    pub email: Option<String>,
    /// The number in the staff register, such as `E-1042`; unique. About one person in eight has none.
    pub external_id: Option<String>,
    /// Whether the person still works here; about one in twenty-five does not.
    pub active: bool,
    /// What else is known, `title`, `department` and `location` always.
    pub profile: Map<String, Value>,
}

/// The [`COUNT`] sample people, always the same and in the same order.
pub fn people() -> impl Iterator<Item = Person> {
    (0..COUNT).map(person)
}

/// Whether `index` is among the `per_mille` that the odd `stride` scatters over all people.
const fn is_among(index: usize, stride: usize, offset: usize, per_mille: usize) -> bool {
    (index * stride + offset) % 1_000 < per_mille
}

fn person(index: usize) -> Person {
    let names = Names::of(index);
    Person {
        email: (!is_among(index, 387, 500, 70)).then(|| names.email(index)),
        external_id: (!is_among(index, 713, 300, 120)).then(|| format!("E-{}", 1_001 + index)),
        active: !is_among(index, 531, 700, 40),
        profile: profile(index, &names),
        name: names.full(),
    }
}

fn profile(index: usize, names: &Names) -> Map<String, Value> {
    let department = &DEPARTMENTS[index % HEADS];
    let round = index / HEADS;
    let title = match round {
        0 => format!("Head of {}", department.name),
        _ => department.titles[round % department.titles.len()].to_owned(),
    };
    let mut profile = Map::new();
    profile.insert("title".to_owned(), json!(title));
    profile.insert("department".to_owned(), json!(department.name));
    profile.insert("location".to_owned(), json!(names.city));
    if !is_among(index, 253, 650, 150) {
        let area = [202, 212, 312, 415, 503, 617, 713, 808, 907, 919][index / 100 % 10];
        profile.insert("phone".to_owned(), json!(format!("+1-{area}-555-01{:02}", index % 100)));
    }
    if index.is_multiple_of(3) {
        let skills: Vec<_> = department.skills.iter().cycle().skip(round % 5).take(1 + round % 3).collect();
        profile.insert("skills".to_owned(), json!(skills));
    }
    if round > 0 && index % 5 < 2 {
        profile.insert("manager".to_owned(), json!({ "name": Names::of(index % HEADS).full() }));
    }
    profile
}

/// The words of one person's name, and where such a person lives.
struct Names {
    order: Order,
    given: Option<Word>,
    family: Option<Word>,
    city: String,
}

impl Names {
    /// The names of the person at `index`, neighbours being of different cultures.
    fn of(index: usize) -> Self {
        let mut place = index * 619 % COUNT;
        for culture in cultures() {
            if place < culture.count {
                return Self::within(culture, place);
            }
            place -= culture.count;
        }
        unreachable!("the cultures' counts add up to the count of people")
    }

    /// The pair of names at `place`: the family names shift by one each time the given names are through,
    /// so that no pair comes twice.
    fn within(culture: &'static Culture, place: usize) -> Self {
        let columns = culture.given.split_whitespace().count();
        let (turn, column) = (place / columns, place % columns);
        Self {
            order: culture.order,
            given: Word::nth(culture.given, column),
            family: Word::nth(culture.family, column * 3 + turn),
            city: Word::nth(culture.cities, column + turn).map(Word::native).unwrap_or_default(),
        }
    }

    fn in_order(&self) -> impl Iterator<Item = Word> {
        let words = match self.order {
            Order::GivenFirst => [self.given, self.family],
            Order::FamilyFirst | Order::FamilyJoined => [self.family, self.given],
        };
        words.into_iter().flatten()
    }

    fn full(&self) -> String {
        let space = if matches!(self.order, Order::FamilyJoined) { "" } else { " " };
        self.in_order().map(Word::native).collect::<Vec<_>>().join(space)
    }

    fn email(&self, index: usize) -> String {
        let words = [self.given, self.family].into_iter().flatten();
        let local = words.map(Word::romanised).collect::<Vec<_>>().join(".");
        format!("{local}@{}", DOMAINS[index % DOMAINS.len()])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The script of a letter, told by the blocks the lists use.
    fn script(letter: char) -> Option<&'static str> {
        let blocks = [
            ('A'..='\u{24f}', "Latin"),
            ('\u{370}'..='\u{3ff}', "Greek"),
            ('\u{400}'..='\u{52f}', "Cyrillic"),
            ('\u{530}'..='\u{58f}', "Armenian"),
            ('\u{590}'..='\u{5ff}', "Hebrew"),
            ('\u{600}'..='\u{6ff}', "Arabic"),
            ('\u{900}'..='\u{97f}', "Devanagari"),
            ('\u{980}'..='\u{9ff}', "Bengali"),
            ('\u{b80}'..='\u{bff}', "Tamil"),
            ('\u{e00}'..='\u{e7f}', "Thai"),
            ('\u{10a0}'..='\u{10ff}', "Georgian"),
            ('\u{1200}'..='\u{137f}', "Ethiopic"),
            ('\u{3040}'..='\u{30ff}', "Kana"),
            ('\u{4e00}'..='\u{9fff}', "Han"),
            ('\u{ac00}'..='\u{d7a3}', "Hangul"),
        ];
        blocks.into_iter().find(|(block, _)| block.contains(&letter)).map(|(_, name)| name)
    }

    fn is_unique<'a>(values: impl Iterator<Item = &'a str>) -> bool {
        let mut seen = HashSet::new();
        values.into_iter().all(|value| seen.insert(value.to_lowercase()))
    }

    #[test]
    fn a_thousand_unique_people() {
        let people: Vec<_> = people().collect();
        assert_eq!(cultures().map(|culture| culture.count).sum::<usize>(), COUNT);
        assert_eq!(people.len(), 1_000);
        assert!(is_unique(people.iter().map(|person| person.name.as_str())));
        assert!(is_unique(people.iter().filter_map(|person| person.email.as_deref())));
        assert!(is_unique(people.iter().filter_map(|person| person.external_id.as_deref())));
        assert!(
            people
                .iter()
                .all(|person| person.name.trim() == person.name && !person.name.contains(['_', '/']))
        );
    }

    #[test]
    fn names_come_in_many_scripts() {
        let scripts: HashSet<_> =
            people().flat_map(|p| p.name.chars().filter_map(script).collect::<Vec<_>>()).collect();
        assert_eq!(scripts.len(), 15, "{scripts:?}");
        let first: HashSet<_> = people().take(20).filter_map(|p| p.name.chars().find_map(script)).collect();
        assert!(first.len() >= 6, "the first page shows only {first:?}");
    }

    #[test]
    fn emails_are_plain_addresses_at_example_domains() {
        for email in people().filter_map(|person| person.email) {
            let (local, domain) = email.split_once('@').unwrap();
            assert!(local.split('.').all(|part| !part.is_empty()), "{email}");
            assert!(local.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'-'), "{email}");
            assert!(DOMAINS.contains(&domain), "{email}");
        }
    }

    #[test]
    fn shares_of_the_unusual() {
        let share = |of: fn(&Person) -> bool| people().filter(of).count();
        assert!((50..=100).contains(&share(|person| person.email.is_none())));
        assert!((20..=60).contains(&share(|person| !person.active)));
        assert!(share(|person| person.external_id.is_some()) > 800);
        assert!(share(|person| person.profile.contains_key("skills")) > 200);
        assert!(share(|person| person.profile.contains_key("manager")) > 200);
    }
}
