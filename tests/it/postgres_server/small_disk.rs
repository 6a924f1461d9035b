//! A small disk for a server's tablespace.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{PostgresServer, Stop, run};

/// Mounts a file system that only the server and its children see, and becomes the command that starts it.
const START: &str = r#"
mount -t tmpfs -o "size=$1,uid=$2,gid=$3,mode=700" none "$4" || exit 77
account="--reuid $2 --regid $3"
shift 4
exec setpriv $account --clear-groups "$@"
"#;

impl PostgresServer {
    /// Starts it anew with a disk of this size, as `mount` takes it; gives the directory. `None` where this process may
    /// not mount and then start it as somebody else.
    pub(crate) fn with_small_disk(size: &str) -> Option<(Self, PathBuf)> {
        let server = Self::new();
        let (uid, gid) = server.account?;
        server.stop(Stop::Fast);
        let disk = server.directory.path().join("disk");
        fs::create_dir(&disk).unwrap();
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", START, "sh", size, &uid.to_string(), &gid.to_string()]).arg(&disk);
        command.arg(server.bin.join("pg_ctl")).args(["start", "-w", "-s", "-t", "60", "-l"]);
        command.arg(server.directory.path().join("log")).arg("--pgdata").arg(server.data()).current_dir("/");
        run(command);
        Some((server, disk))
    }

    /// Makes the disk this large.
    pub(crate) fn enlarge(&self, disk: &PathBuf, size: &str) {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.processes()[0])).args(["--mount", "mount", "-o"]);
        command.args([&format!("remount,size={size}"), "none"]).arg(disk);
        run(command);
    }
}
