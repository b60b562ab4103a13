//! Accounts: which one a person of the roster has, and what of it the roster may change.

use std::collections::{HashMap, HashSet};

use oneroster::{FileKind, Person};
use uuid::Uuid;

use super::NO_EMAIL_DOMAIN;
use super::check::full_name;
use super::elsewhere::used_elsewhere;
use super::log::at;
use super::report::Counts;
use super::work::{Stop, Work};

/// The people met so far in one import, by sourcedId: a bundle means the same person in each of its schools, address or not.
#[derive(Debug, Clone, Default)]
pub(super) struct Met(HashMap<String, Uuid>);

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Login {
    id: Uuid,
    email: String,
    full_name: String,
    given_name: Option<String>,
    family_name: Option<String>,
    phone: Option<String>,
    is_super_admin: bool,
}

const KNOWN: &str = "
SELECT id, email, full_name, given_name, family_name, phone, is_super_admin FROM users WHERE id = ANY ($1) OR email = ANY ($2)";

/// In the order of the addresses, so that two imports that make the same accounts wait for each other instead of for ever.
const INSERT: &str = "
INSERT INTO users (id, email, full_name, given_name, family_name, phone)
SELECT x.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS x (id, email, full_name, given, family, phone)
ORDER BY x.email
ON CONFLICT (email) DO NOTHING RETURNING id";

const UPDATE: &str = "
UPDATE users u SET email = x.email, email_verified = u.email_verified AND u.email = x.email, full_name = x.full_name, given_name = x.given,
    family_name = x.family, phone = x.phone, version = u.version + 1, updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS x (id, email, full_name, given, family, phone)
WHERE u.id = x.id AND NOT u.is_super_admin RETURNING u.id";

fn some(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Who has which account, while it is being worked out.
struct Assignment {
    accounts: Vec<Option<Uuid>>,
    /// Whether the roster's address may become or is the account's.
    addressed: Vec<bool>,
}

impl Work<'_> {
    pub(super) async fn put_users(&mut self, met: &mut Met) -> Result<(), Stop> {
        let roster = self.roster;
        let people = roster.people.as_slice();
        let members: Vec<(String, Uuid)> = sqlx::query_as("SELECT source_id, user_id FROM memberships WHERE source_id IS NOT NULL")
            .fetch_all(&mut *self.connection)
            .await?;
        let members: HashMap<String, Uuid> = members.into_iter().collect();
        let mut accounts: Vec<Option<Uuid>> = Vec::with_capacity(people.len());
        for person in people {
            let source = person.user.sourced_id.as_str();
            accounts.push(members.get(source).or_else(|| met.0.get(source)).copied());
        }
        let (logins, assignment) = self.assign(accounts).await?;
        let (mut added, mut changed, mut ids) = (Vec::new(), Vec::new(), Vec::with_capacity(people.len()));
        for ((person, account), addressed) in people.iter().zip(&assignment.accounts).zip(&assignment.addressed) {
            let id = account.unwrap_or_else(Uuid::now_v7);
            ids.push(id);
            match logins.get(&id) {
                Some(login) => {
                    let new = merged(login, person, *addressed);
                    if new != *login && !login.is_super_admin {
                        changed.push(new);
                    }
                }
                None => added.push(fresh(id, person, *addressed)),
            }
        }
        // In a dry run the accounts of the school before are gone again: they are made once more, but counted once.
        let before: HashSet<Uuid> = met.0.values().copied().collect();
        let again = added.iter().filter(|login| before.contains(&login.id)).count();
        let raced = self.insert(&added).await?;
        for id in &mut ids {
            *id = raced.get(id).copied().unwrap_or(*id);
        }
        for (person, id) in people.iter().zip(&ids) {
            met.0.insert(person.user.sourced_id.clone(), *id);
        }
        self.users = people.iter().map(|person| person.user.sourced_id.as_str()).zip(ids).collect();
        let changed = self.permitted(changed).await?;
        self.update(&changed).await?;
        let created = added.len() - raced.len() - again;
        self.report.users = Counts { created, changed: changed.len(), unchanged: people.len() - created - changed.len(), removed: 0 };
        Ok(())
    }

    /// Finds accounts by address for those who have none yet, and settles who gets an address that several want.
    async fn assign(&mut self, mut accounts: Vec<Option<Uuid>>) -> Result<(HashMap<Uuid, Login>, Assignment), Stop> {
        let people = self.roster.people.as_slice();
        let known: Vec<Uuid> = accounts.iter().flatten().copied().collect();
        let addresses: Vec<&str> = people.iter().filter_map(|person| person.user.email.as_ref()).map(domain::Email::as_str).collect();
        let logins: Vec<Login> = sqlx::query_as(KNOWN).bind(&known).bind(&addresses).fetch_all(&mut *self.connection).await?;
        let holders: HashMap<String, Uuid> = logins.iter().map(|login| (login.email.clone(), login.id)).collect();
        let logins: HashMap<Uuid, Login> = logins.into_iter().map(|login| (login.id, login)).collect();
        let mut claimed: HashSet<Uuid> = known.into_iter().collect();
        let mut marked = vec![false; people.len()];
        let mut given: HashSet<&str> = HashSet::new();
        // Whoever has an address keeps it, before others ask for it.
        for ((person, account), mark) in people.iter().zip(&accounts).zip(&mut marked) {
            let Some(email) = person.user.email.as_ref().map(domain::Email::as_str) else { continue };
            if account.is_some() && holders.get(email) == account.as_ref() {
                *mark = given.insert(email);
            }
        }
        for ((person, account), mark) in people.iter().zip(&mut accounts).zip(&mut marked) {
            let Some(email) = person.user.email.as_ref().map(domain::Email::as_str).filter(|_| !*mark) else { continue };
            let place = at(FileKind::Users, person.user.line);
            if given.contains(email) {
                self.log.warn(place, "email", "another person of the roster has this address; this one goes without");
                continue;
            }
            match (holders.get(email), &account) {
                (None, _) => *mark = given.insert(email),
                (Some(owner), None) if claimed.insert(*owner) => {
                    *account = Some(*owner);
                    *mark = given.insert(email);
                }
                (Some(_), _) => self.log.warn(place, "email", "another account has this address; this person keeps another one"),
            }
        }
        Ok((logins, Assignment { accounts, addressed: marked }))
    }

    /// Makes accounts. Answers with those that somebody else made at the same moment: ours and theirs.
    async fn insert(&mut self, logins: &[Login]) -> Result<HashMap<Uuid, Uuid>, Stop> {
        if logins.is_empty() {
            return Ok(HashMap::new());
        }
        let made: Vec<Uuid> = bound(sqlx::query_scalar(INSERT), logins).fetch_all(&mut *self.connection).await?;
        let made: HashSet<Uuid> = made.into_iter().collect();
        let missed: HashMap<&str, Uuid> =
            logins.iter().filter(|login| !made.contains(&login.id)).map(|login| (login.email.as_str(), login.id)).collect();
        if missed.is_empty() {
            return Ok(HashMap::new());
        }
        let emails: Vec<&str> = missed.keys().copied().collect();
        let theirs: Vec<(String, Uuid)> =
            sqlx::query_as("SELECT email, id FROM users WHERE email = ANY ($1)").bind(&emails).fetch_all(&mut *self.connection).await?;
        Ok(theirs.into_iter().filter_map(|(email, id)| Some((*missed.get(email.as_str())?, id))).collect())
    }

    /// Leaves out whoever has accounts in other schools, unless the platform's operator imports.
    async fn permitted(&mut self, mut changed: Vec<Login>) -> Result<Vec<Login>, Stop> {
        if self.trusted || changed.is_empty() {
            return Ok(changed);
        }
        let ids: Vec<Uuid> = changed.iter().map(|login| login.id).collect();
        let elsewhere = used_elsewhere(self.connection, &ids).await?;
        let refused: HashSet<Uuid> = elsewhere.into_iter().collect();
        for person in &self.roster.people {
            if self.users.get(person.user.sourced_id.as_str()).is_some_and(|id| refused.contains(id)) {
                self.log.warn(at(FileKind::Users, person.user.line), "sourcedId", KEPT);
            }
        }
        changed.retain(|login| !refused.contains(&login.id));
        Ok(changed)
    }

    async fn update(&mut self, logins: &[Login]) -> Result<(), Stop> {
        if !logins.is_empty() {
            bound(sqlx::query_scalar(UPDATE), logins).fetch_all(&mut *self.connection).await?;
        }
        Ok(())
    }
}

const KEPT: &str = "the person's account opens other schools too; name, address and phone stay as they are";

type Returning<'q> = sqlx::query::QueryScalar<'q, sqlx::Postgres, Uuid, sqlx::postgres::PgArguments>;

fn bound<'q>(query: Returning<'q>, logins: &'q [Login]) -> Returning<'q> {
    let texts = |of: fn(&Login) -> Option<&str>| logins.iter().map(of).collect::<Vec<Option<&str>>>();
    query
        .bind(logins.iter().map(|login| login.id).collect::<Vec<Uuid>>())
        .bind(texts(|login| Some(&login.email)))
        .bind(texts(|login| Some(&login.full_name)))
        .bind(texts(|login| login.given_name.as_deref()))
        .bind(texts(|login| login.family_name.as_deref()))
        .bind(texts(|login| login.phone.as_deref()))
}

/// The account with what the roster says of the person. What the roster leaves empty stays.
fn merged(login: &Login, person: &Person<'_>, addressed: bool) -> Login {
    let user = person.user;
    let email = user.email.as_ref().filter(|_| addressed).map_or_else(|| login.email.clone(), |email| email.as_str().to_owned());
    Login {
        id: login.id,
        email,
        full_name: full_name(user),
        given_name: some(&user.given_name),
        family_name: some(&user.family_name),
        phone: user.phone.clone().or_else(|| user.sms.clone()).or_else(|| login.phone.clone()),
        is_super_admin: login.is_super_admin,
    }
}

fn fresh(id: Uuid, person: &Person<'_>, addressed: bool) -> Login {
    let email = format!("{id}@{NO_EMAIL_DOMAIN}");
    let empty = Login { id, email, full_name: String::new(), given_name: None, family_name: None, phone: None, is_super_admin: false };
    merged(&empty, person, addressed)
}
