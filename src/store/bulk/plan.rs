//! What a batch does, worked out in memory: each row sees what the rows before it did.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::change::Action;
use crate::model::fold::fold;
use crate::model::import::{ImportRow, KeyBy, KeyValue, Outcome};
use crate::model::user::{Draft, FieldError, User};
use crate::store::journal::Entry;

/// The values by which users must be looked up before a batch can be planned: those that its rows name as their
/// key, and those that it may collide with.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) ids: Vec<i64>,
    pub(super) name_keys: Vec<String>,
    pub(super) email_keys: Vec<String>,
    pub(super) external_ids: Vec<String>,
}

impl Wanted {
    pub(super) fn of(key: KeyBy, rows: &[ImportRow]) -> Self {
        // No user has a NUL, and PostgreSQL takes none; the row is refused when its turn comes.
        let possible = |text: &String| !text.contains('\0');
        let texts = |name: &str| -> HashSet<String> {
            let given = rows.iter().filter_map(|row| row.attributes.get(name)?.as_str());
            given.map(fold).filter(possible).collect()
        };
        let mut wanted = Self {
            name_keys: texts("name").into_iter().collect(),
            email_keys: texts("email").into_iter().collect(),
            ..Self::default()
        };
        for value in rows.iter().filter_map(|row| row.key(key).ok()) {
            match value {
                KeyValue::Number(id) => wanted.ids.push(id),
                KeyValue::Text(text) if key == KeyBy::ExternalId && possible(&text) => {
                    wanted.external_ids.push(text);
                }
                KeyValue::Text(_) => {}
            }
        }
        wanted
    }
}

/// A user as the batch sees it.
#[derive(Debug)]
pub(super) struct Person {
    /// As it is in the database; a new one is not.
    pub(super) stored: Option<User>,
    /// As it is after the rows so far. A new one has the id 0.
    pub(super) now: User,
    pub(super) name_key: String,
    pub(super) email_key: Option<String>,
}

/// One change of one user: an entry of the journal.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) person: usize,
    pub(super) row: usize,
    pub(super) before: Option<User>,
    pub(super) after: User,
}

#[derive(Debug)]
pub(super) struct Plan {
    key: KeyBy,
    pub(super) people: Vec<Person>,
    pub(super) steps: Vec<Step>,
    pub(super) outcomes: Vec<Outcome>,
    by_id: HashMap<i64, usize>,
    by_name: HashMap<String, usize>,
    by_email: HashMap<String, usize>,
    by_external_id: HashMap<String, Vec<usize>>,
}

impl Plan {
    /// A plan that begins with the users as they are.
    pub(super) fn new(key: KeyBy, found: Vec<User>) -> Self {
        let mut plan = Self {
            key,
            people: Vec::with_capacity(found.len()),
            steps: Vec::new(),
            outcomes: Vec::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            by_email: HashMap::new(),
            by_external_id: HashMap::new(),
        };
        for user in found {
            if !plan.by_id.contains_key(&user.id) {
                plan.add(Some(user.clone()), user);
            }
        }
        plan
    }

    fn add(&mut self, stored: Option<User>, now: User) {
        let (name_key, email_key) = (fold(&now.name), now.email.as_deref().map(fold));
        if stored.is_some() {
            self.by_id.insert(now.id, self.people.len());
        }
        self.people.push(Person { stored, now, name_key, email_key });
        self.index(self.people.len() - 1);
    }

    fn index(&mut self, at: usize) {
        let Some(person) = self.people.get(at) else { return };
        self.by_name.insert(person.name_key.clone(), at);
        if let Some(key) = &person.email_key {
            self.by_email.insert(key.clone(), at);
        }
        if let Some(id) = person.now.external_id.as_ref().filter(|_| self.key == KeyBy::ExternalId) {
            self.by_external_id.entry(id.clone()).or_default().push(at);
        }
    }

    fn forget(&mut self, at: usize) {
        let Some(person) = self.people.get(at) else { return };
        self.by_name.remove(&person.name_key);
        if let Some(key) = &person.email_key {
            self.by_email.remove(key);
        }
        if let Some(users) = person.now.external_id.as_ref().and_then(|id| self.by_external_id.get_mut(id)) {
            users.retain(|other| *other != at);
        }
    }

    /// Takes the rows in their order. `now` in microseconds since 1970-01-01 UTC.
    pub(super) fn take(&mut self, rows: &[ImportRow], now: i64) {
        for (index, row) in rows.iter().enumerate() {
            let outcome = self.take_one(index, row, now).unwrap_or_else(Outcome::Refused);
            self.outcomes.push(outcome);
        }
    }

    fn take_one(&mut self, index: usize, row: &ImportRow, now: i64) -> Result<Outcome, Vec<FieldError>> {
        let target = self.target(&row.key(self.key)?)?;
        let before = target.and_then(|at| self.people.get(at)).map(|person| person.now.clone());
        let draft = row.draft(before.as_ref())?;
        let taken = |pointer| Err(vec![FieldError::new(pointer, "is taken by another user")]);
        if self.by_name.get(&draft.name_key()).is_some_and(|owner| Some(*owner) != target) {
            return taken("/name");
        }
        let owner = draft.email_key().and_then(|key| self.by_email.get(&key));
        if owner.is_some_and(|owner| Some(*owner) != target) {
            return taken("/email");
        }
        let Some((at, before)) = target.zip(before) else {
            let after = draft.into_user(0, 1, now, now);
            let person = self.people.len();
            self.add(None, after.clone());
            self.steps.push(Step { person, row: index, before: None, after });
            return Ok(Outcome::Created { id: 0 });
        };
        if draft == Draft::from(&before) {
            return Ok(Outcome::Unchanged);
        }
        let after = draft.into_user(before.id, before.version + 1, before.created_at, now);
        self.forget(at);
        if let Some(person) = self.people.get_mut(at) {
            (person.name_key, person.email_key) = (fold(&after.name), after.email.as_deref().map(fold));
            person.now = after.clone();
        }
        self.index(at);
        self.steps.push(Step { person: at, row: index, before: Some(before), after });
        Ok(Outcome::Updated { id: 0, change: String::new() })
    }

    /// The user that a row means; `None` when it is a new one.
    fn target(&self, key: &KeyValue) -> Result<Option<usize>, Vec<FieldError>> {
        let wrong = |detail: &str| Err(vec![FieldError::new(format!("/{}", self.key.name()), detail)]);
        match (self.key, key) {
            (KeyBy::Id, KeyValue::Number(id)) => match self.by_id.get(id) {
                Some(at) => Ok(Some(*at)),
                None => wrong("is the id of no user; ids are given by the directory"),
            },
            (KeyBy::Name, KeyValue::Text(text)) => Ok(self.by_name.get(text).copied()),
            (KeyBy::Email, KeyValue::Text(text)) => Ok(self.by_email.get(text).copied()),
            (KeyBy::ExternalId, KeyValue::Text(text)) => {
                match self.by_external_id.get(text).map_or(&[][..], Vec::as_slice) {
                    [] => Ok(None),
                    [one] => Ok(Some(*one)),
                    several => {
                        wrong(&format!("belongs to {} users, so it does not tell which", several.len()))
                    }
                }
            }
            _ => wrong("is no key"),
        }
    }

    /// The ids of the users in the database that the batch changes.
    pub(super) fn ids_that_change(&self) -> BTreeSet<i64> {
        self.changed().map(|person| person.now.id).collect()
    }

    /// Users in the database that the batch changes.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| {
            person.stored.as_ref().is_some_and(|stored| stored.version != person.now.version)
        })
    }

    /// Users who are new.
    pub(super) fn created(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.stored.is_none())
    }

    /// Takes the ids that the database gave to new users, by their folded names.
    pub(super) fn name_the_created(&mut self, ids: &HashMap<String, i64>) {
        for person in self.people.iter_mut().filter(|person| person.stored.is_none()) {
            person.now.id = ids.get(&person.name_key).copied().unwrap_or_default();
        }
        for step in &mut self.steps {
            let id = self.people.get(step.person).map_or(0, |person| person.now.id);
            step.after.id = id;
            if let Some(before) = &mut step.before {
                before.id = id;
            }
        }
    }

    /// Users in the database whose unique values change to what another one of them has there: no order of
    /// statements may let them pass through a state in which two have the same.
    pub(super) fn entangled(&self) -> Vec<i64> {
        let stored = |person: &Person| {
            person.stored.as_ref().map(|user| (fold(&user.name), user.email.as_deref().map(fold)))
        };
        let owners: Vec<(i64, String, Option<String>)> = self
            .changed()
            .filter_map(|person| stored(person).map(|(name, email)| (person.now.id, name, email)))
            .collect();
        let names: HashMap<&str, i64> = owners.iter().map(|(id, name, _)| (name.as_str(), *id)).collect();
        let emails: HashMap<&str, i64> =
            owners.iter().filter_map(|(id, _, email)| Some((email.as_deref()?, *id))).collect();
        let mut ids = BTreeSet::new();
        for person in self.changed() {
            let name = names.get(person.name_key.as_str());
            let email = person.email_key.as_ref().and_then(|key| emails.get(key.as_str()));
            let owners = [name, email].into_iter().flatten().filter(|id| **id != person.now.id);
            ids.extend(owners);
        }
        ids.into_iter().collect()
    }

    /// The names of the actions, one for each entry of the journal.
    pub(super) fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().map(|step| step.action().name())
    }

    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

impl Step {
    /// What the journal says of it.
    pub(super) fn entry(&self) -> Entry {
        Entry::new(self.action(), self.before.as_ref(), Some(&self.after))
    }

    fn action(&self) -> Action {
        if self.before.is_some() { Action::Updated } else { Action::Created }
    }
}
