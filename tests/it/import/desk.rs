//! Somebody at a terminal: a folder, the command, what it says, and the files it leaves.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{Caller, TestServer};

/// Where somebody imports from: a folder with files, a server and a token.
pub struct Desk {
    folder: TempDir,
    pub server: SocketAddr,
    pub token: String,
}

/// What the command said.
#[derive(Debug)]
pub struct Report {
    code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn of(user: &Caller, t: &TestServer) -> Self {
        Self::at(t.addr(), &user.token)
    }

    pub fn at(server: SocketAddr, token: &str) -> Self {
        Self { folder: TempDir::new().unwrap(), server, token: token.to_owned() }
    }

    /// Puts a file of tests/data into the folder and gives its text.
    pub fn fetch(&self, path: &str) -> String {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path);
        let text = fs::read_to_string(&source).unwrap();
        self.write(source.file_name().unwrap().to_str().unwrap(), &text);
        text
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    pub fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn import(&self, file: &str, flags: &[&str]) -> Report {
        self.run(&[&["import", file][..], flags].concat()).await
    }

    pub async fn export(&self, file: &str, flags: &[&str]) -> Report {
        self.run(&[&["export", file][..], flags].concat()).await
    }

    async fn run(&self, arguments: &[&str]) -> Report {
        let mut command = self.command(arguments);
        Report::of(spawn_blocking(move || command.output()).await.unwrap().unwrap())
    }

    /// `leadward` as somebody runs it here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadward"));
        command.args(arguments).current_dir(self.folder.path());
        command.env("LEADWARD_SERVER", format!("http://{}", self.server)).env("LEADWARD_TOKEN", &self.token);
        command
    }
}

impl Report {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the command ends by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn expect_success(&self) {
        assert_eq!(self.code, 0, "{self:#?}");
    }

    /// A number of the summary table.
    pub fn rows(&self, outcome: &str) -> usize {
        let number = |line: &str| match line.split(['│', '┆']).map(str::trim).collect::<Vec<_>>().as_slice() {
            ["", name, number, ""] if *name == outcome => number.parse().ok(),
            _ => None,
        };
        self.out.lines().find_map(number).unwrap_or_else(|| panic!("no {outcome:?} in {self:#?}"))
    }

    #[track_caller]
    pub fn expect(&self, code: i32, outcomes: &[(&str, usize)]) {
        assert_eq!(self.code, code, "{self:#?}");
        for outcome in ["created", "updated", "unchanged", "skipped", "already taken", "rejected"] {
            let expected = outcomes.iter().find(|(name, _)| *name == outcome).map_or(0, |(_, rows)| *rows);
            assert_eq!(self.rows(outcome), expected, "{outcome}: {self:#?}");
        }
        assert_eq!(self.rows("total"), outcomes.iter().map(|(_, rows)| rows).sum::<usize>(), "{self:#?}");
    }

    #[track_caller]
    pub fn expect_failure(&self, words: &[&str]) {
        assert_eq!(self.code, 1, "{self:#?}");
        for words in words {
            assert!(self.err.contains(words), "no {words:?} in {self:#?}");
        }
    }
}

/// The records of a CSV file by their columns' names.
pub fn records(text: &str) -> Vec<HashMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

/// The records of a rejects file, as lines and reasons.
pub fn rejects(text: &str, delimiter: u8) -> Vec<(usize, String)> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let columns: Vec<_> = reader.headers().unwrap().iter().rev().take(2).map(str::to_owned).collect();
    assert_eq!(columns, ["rejected_reason", "rejected_line"]);
    let last_two = |record: csv::StringRecord| {
        let cells: Vec<_> = record.iter().rev().take(2).collect();
        (cells[1].parse().unwrap(), cells[0].to_owned())
    };
    reader.records().map(|record| last_two(record.unwrap())).collect()
}
