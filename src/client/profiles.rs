//! Saved addresses with their tokens.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ClientError;
use super::text::visible;
use crate::config::{Credential, ServerUrl};
use crate::transfer::output::Output;

/// The profile that is used when none is named.
pub const DEFAULT: &str = "default";
/// Most bytes of the file.
const FILE_MAX: u64 = 1 << 20;

/// One saved server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The address.
    pub url: ServerUrl,
    /// The token, for this address alone.
    pub token: Credential,
    /// The authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether the token may go over plain HTTP to another machine.
    pub insecure_http: bool,
}

/// All saved servers, by their names.
pub type Profiles = BTreeMap<String, Profile>;

/// The file. It has no `Debug`, for it has tokens.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    profiles: BTreeMap<String, WrittenProfile>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenProfile {
    url: String,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    insecure_http: bool,
}

/// Reads the file; without one there are no profiles.
///
/// # Errors
///
/// Others can read the file or write it, or it is not as [`save`] writes it. No part of it is repeated.
pub fn read(path: &Path) -> Result<Profiles, ClientError> {
    let named =
        |problem: String| ClientError::usage(format!("{}: {problem}", visible(&path.to_string_lossy())));
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Profiles::new()),
        opened => opened.map_err(|error| named(error.to_string()))?,
    };
    let kind = file.metadata().map_err(|error| named(error.to_string()))?;
    let mode = kind.permissions().mode() & 0o777;
    if !kind.is_file() {
        return Err(named("is not a file".to_owned()));
    }
    if mode & 0o077 != 0 {
        return Err(named(format!(
            "has tokens, and others on this machine may read or write it (mode {mode:04o}): chmod 600 it, and \
             consider its tokens known"
        )));
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| named(error.to_string()))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(named(format!("has more than {} MiB", FILE_MAX >> 20)));
    }
    parse(&bytes).map_err(named)
}

fn parse(bytes: &[u8]) -> Result<Profiles, String> {
    let written: Written = toml::from_slice(bytes).map_err(|error| {
        // What the parser says may repeat a token.
        let before = error.span().and_then(|span| bytes.get(..span.start)).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        format!("line {line} is not as roster login writes it")
    })?;
    let mut profiles = Profiles::new();
    for (name, profile) in written.profiles {
        let wrong = |what: &str, problem: String| format!("{what} of the profile {name:?} {problem}");
        let url = ServerUrl::parse(&profile.url).map_err(|problem| wrong("url", problem))?;
        let token = Credential::token(&profile.token).map_err(|problem| wrong("token", problem))?;
        let WrittenProfile { ca_file, insecure_http, .. } = profile;
        profiles.insert(name, Profile { url, token, ca_file, insecure_http });
    }
    Ok(profiles)
}

/// Changes the file with nobody else changing it meanwhile, and gives what `change` gives.
///
/// # Errors
///
/// The file cannot be read or written, or `change` refuses; then it stays as it is.
pub fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut Profiles) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let lock = || -> io::Result<File> {
        make_directory(path)?;
        // A file of its own, since the other one is replaced.
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(name)?;
        file.lock()?;
        Ok(file)
    };
    let _lock = lock().map_err(|error| {
        ClientError::usage(format!("{}: cannot be locked: {error}", visible(&path.to_string_lossy())))
    })?;
    let mut profiles = read(path)?;
    let outcome = change(&mut profiles)?;
    save(path, &profiles)?;
    Ok(outcome)
}

fn make_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Writes the file anew, readable by its owner alone; it is there whole or as it was. Directories that are missing
/// are made, for their owner alone.
///
/// # Errors
///
/// The file cannot be written.
pub fn save(path: &Path, profiles: &Profiles) -> Result<(), ClientError> {
    let written = profiles.iter().map(|(name, profile)| {
        let Profile { url, token, ca_file, insecure_http } = profile.clone();
        let (url, token) = (url.to_string(), token.expose().to_owned());
        (name.clone(), WrittenProfile { url, token, ca_file, insecure_http })
    });
    let written = Written { profiles: written.collect() };
    let named =
        |problem: String| ClientError::usage(format!("{}: {problem}", visible(&path.to_string_lossy())));
    let text = toml::to_string(&written).map_err(|_| named("cannot be written as TOML".to_owned()))?;
    let write = || -> io::Result<()> {
        make_directory(path)?;
        let mut output = Output::file(path)?;
        output
            .write_all(b"# Written by roster login. Tokens are secret: let nobody else read this file.\n")?;
        output.write_all(text.as_bytes())?;
        output.finish()
    };
    write().map_err(|error| named(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn profile(url: &str) -> Profile {
        Profile {
            url: ServerUrl::parse(url).unwrap(),
            token: Credential::token("rst_hunter2").unwrap(),
            ca_file: Some("/etc/ca.pem".into()),
            insecure_http: url.starts_with("http:"),
        }
    }

    #[test]
    fn what_is_saved_is_read_again_by_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new").join("roster").join("profiles.toml");
        assert_eq!(read(&path).unwrap(), Profiles::new());
        let one = ("a.b".to_owned(), profile("http://h"));
        let profiles = Profiles::from([one, (DEFAULT.to_owned(), profile("https://h"))]);
        save(&path, &profiles).unwrap();
        assert_eq!(read(&path).unwrap(), profiles);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        for open in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let problem = read(&path).unwrap_err().message;
            assert!(problem.contains("chmod 600") && problem.contains(&format!("{open:04o}")), "{problem}");
        }
    }

    #[test]
    fn a_wrong_file_is_told_by_its_line_and_never_repeated() {
        for (text, expected) in [
            ("\n[profiles.x]\nurl = \"https://h\"\ntoken = hunter2\n", "line 4"),
            ("[profiles.x]\nurl = \"https://h\"\ntoken = [\"hunter2\"]\n", "line 3"),
            ("[profiles.x]\nurl = \"https://h\"\ntoken = \"a\"\nhunter2 = 1\n", "line 4"),
            ("[profiles.x]\nurl = \"https://u:hunter2@h\"\ntoken = \"a\"\n", "url of the profile \"x\""),
            (
                "[profiles.x]\nurl = \"https://h\"\ntoken = \"hunter2 \\u001b\"\n",
                "token of the profile \"x\"",
            ),
            ("\u{0}hunter2", "line 1"),
        ] {
            let problem = parse(text.as_bytes()).unwrap_err();
            assert!(problem.contains(expected) && !problem.contains("hunter2"), "{text}: {problem}");
        }
        assert_eq!(parse(b"").unwrap(), Profiles::new());
    }

    #[test]
    fn an_overlong_file_is_refused_and_not_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profiles.toml");
        save(&path, &Profiles::from([(DEFAULT.to_owned(), profile("https://h"))])).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        let rest = FILE_MAX - file.metadata().unwrap().len();
        file.write_all(&vec![b'\n'; usize::try_from(rest).unwrap()]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        file.write_all(b"\n").unwrap();
        assert!(read(&path).unwrap_err().message.ends_with("has more than 1 MiB"));
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", profile("https://h")).contains("hunter2"));
    }
}
