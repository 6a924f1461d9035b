//! SQLite on a disk without space.

use std::path::PathBuf;
use std::process::Stdio;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{Program, assert_problem, client, parts, token_file};

/// Mounts a small file system that only this process and its children see, keeps a part of it for later, and
/// becomes the program.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o size="$4" none "$1" && head -c 1000000 /dev/zero >"$1/reserve" && chmod 755 "$1" || exit 77
exec env -i "$2" serve --database-url "sqlite:$1/roster.db" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 \
  --bootstrap-token-file "$3"
"#;

/// What is printed where nothing can be tried.
pub(crate) const NO_MOUNT: &str =
    "skipped: a file system can be mounted neither as this user nor in a user namespace";

/// A command that may mount: as root, or else as root of a user namespace; `None` where neither is allowed.
pub(crate) async fn may_mount() -> Option<Vec<&'static str>> {
    for flags in [vec!["-m"], vec!["-r", "-m"]] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(&flags).args(["mount", "-t", "tmpfs", "none"]).arg(directory.path());
        let tried = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        if tried.is_ok_and(|status| status.success()) {
            return Some(flags);
        }
    }
    None
}

/// The program with its database on such a disk.
pub(crate) struct SmallDisk {
    pub(crate) program: Program,
    pub(crate) client: Client,
    directory: TempDir,
}

impl SmallDisk {
    /// `size` as `mount` takes it; a megabyte of it is kept for later.
    pub(crate) async fn new(flags: &[&str], size: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(flags).args(["sh", "-c", SMALL_DISK, "sh"]).arg(directory.path());
        command
            .arg(env!("CARGO_BIN_EXE_roster"))
            .args([token_file(), size])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let program = Program::started(command).await;
        Self { program, client: client(), directory }
    }

    async fn create(&self, name: &str) -> reqwest::Response {
        let user = json!({ "name": name, "profile": { "text": "x".repeat(50_000) } });
        self.client.post(format!("{}/users", self.program.url)).json(&user).send().await.unwrap()
    }

    pub(crate) async fn users(&self) -> Value {
        let users = self.client.get(format!("{}/users", self.program.url)).send().await.unwrap();
        let (status, users) = parts(users).await;
        assert_eq!(status, 200, "{users}");
        users
    }

    /// A file as the program sees it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.program.child.id().unwrap());
        PathBuf::from(root).join(self.directory.path().strip_prefix("/").unwrap()).join(name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_refused_and_reads_go_on() {
    let Some(flags) = may_mount().await else {
        println!("{NO_MOUNT}");
        return;
    };
    let disk = SmallDisk::new(&flags, "3m").await;
    let mut made = 0;
    let refused = loop {
        let response = disk.create(&format!("user {made}")).await;
        if response.status() != 201 {
            break response;
        }
        made += 1;
        assert!(made < 100, "3 MB are not 100 times 50 KB, twice");
    };
    assert_problem(refused, 507, "storage-full").await;
    for _ in 0..5 {
        assert_problem(disk.create("one more").await, 507, "storage-full").await;
        assert_eq!(disk.users().await.as_array().unwrap().len(), made);
        let one = disk.client.get(format!("{}/users/1", disk.program.url)).send().await.unwrap();
        assert_eq!(one.status(), 200);
        for path in ["livez", "readyz"] {
            let response = disk.client.get(format!("{}/{path}", disk.program.ops)).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
        }
    }
    std::fs::remove_file(disk.file("reserve")).unwrap();
    assert_eq!(disk.create("there is space again").await.status(), 201);
    assert_eq!(disk.users().await.as_array().unwrap().len(), made + 1);
}
