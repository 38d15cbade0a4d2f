//! Rejects that nobody may lose: those of an import that was killed, and those that people have put in order and mended.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use tokio::{task::spawn_blocking, time::sleep};

use super::desk::{Desk, Report, rejects};
use crate::support::{TestServer, on_both_databases};

/// What is sent together.
const BATCH: usize = 500;
const ROWS: usize = 600;
const REJECTS: &str = "people.csv.rejects.csv";
const PARTIAL: &str = "people.csv.rejects.csv.partial";

/// Of a hundred rows one is refused by the command, and one by the server.
fn people() -> String {
    let row = |number: usize| match number % 100 {
        50 => format!("{number},p{number}@example.com,Narnia\n"),
        0 => format!("{number},p{number}@nowhere,PT\n"),
        _ => format!("{number},p{number}@example.com,PT\n"),
    };
    "external_id,email,country\n".to_owned() + &(1..=ROWS).map(row).collect::<String>()
}

/// The lines of what is refused among so many rows.
fn refused_lines(rows: usize) -> Vec<usize> {
    (1..=rows).filter(|row| row % 50 == 0).map(|row| row + 1).collect()
}

fn lines(text: &str) -> Vec<usize> {
    rejects(text, b',').into_iter().map(|(line, _)| line).collect()
}

/// An import that has had its first batch, and waits for what else comes through the pipe.
struct Waiting {
    import: Child,
    pipe: File,
}

impl Waiting {
    async fn start(desk: &Desk, hangup: &str) -> Self {
        let path = desk.path("people.csv");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // For reading too, so that it opens at once.
        let mut pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        pipe.write_all(people().as_bytes()).unwrap();

        let command = desk.command(&["import", "people.csv", "--import-id=spring"]);
        let mut import = Command::new("env");
        import.arg(format!("--{hangup}-signal=HUP")).arg(command.get_program()).args(command.get_args());
        import.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        import.current_dir(command.get_current_dir().unwrap());
        let before = modified(desk);
        let import = import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let written = || {
            modified(desk) != before
                && desk.has(PARTIAL)
                && desk.read(PARTIAL).lines().count() == 1 + refused_lines(BATCH).len()
        };
        until(written).await;
        fs::remove_file(path).unwrap();
        Self { import, pipe }
    }

    fn signal(&self, name: &str) {
        let id = self.import.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Nothing more comes through the pipe.
    async fn end(self) -> Report {
        drop(self.pipe);
        Report::of(spawn_blocking(move || self.import.wait_with_output()).await.unwrap().unwrap())
    }
}

/// When rejects that are under way were last written.
fn modified(desk: &Desk) -> Option<SystemTime> {
    fs::metadata(desk.path(PARTIAL)).ok()?.modified().ok()
}

async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1200 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it takes too long");
}

/// The same rows in a file, under the same ID.
async fn run_whole(desk: &Desk) -> Report {
    desk.write("people.csv", people());
    desk.import("people.csv", &["--import-id=spring"]).await
}

fn assert_all_is_listed_once(desk: &Desk) {
    assert_eq!(lines(&desk.read(REJECTS)), refused_lines(ROWS));
    assert_eq!(fs::metadata(desk.path(REJECTS)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!desk.has(PARTIAL));
}

on_both_databases! {
    async fn the_rejects_of_an_import_that_was_killed_are_those_of_the_next_run(t: TestServer) {
        let desk = Desk::of(&t.manager("marta").await, &t);
        for _ in 0..2 {
            let mut waiting = Waiting::start(&desk, "default").await;
            let mode = fs::metadata(desk.path(PARTIAL)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            waiting.signal("KILL");
            waiting.import.wait().unwrap();
            assert_eq!(lines(&desk.read(PARTIAL)), refused_lines(BATCH));
        }
        // The last record may be broken off where it was killed.
        let partial = desk.read(PARTIAL);
        desk.write(PARTIAL, format!("{partial}600,p600@now"));

        run_whole(&desk).await.expect(2, &[("already taken", 490), ("created", 98), ("rejected", 12)]);
        assert_all_is_listed_once(&desk);
        run_whole(&desk).await.expect(2, &[("already taken", 588), ("rejected", 12)]);
        assert_all_is_listed_once(&desk);
    }

    async fn an_import_that_is_told_to_end_puts_its_rejects_in_order(t: TestServer) {
        for signal in ["TERM", "HUP"] {
            let desk = Desk::of(&t.manager(signal).await, &t);
            let waiting = Waiting::start(&desk, "default").await;
            waiting.signal(signal);
            until(|| desk.has(REJECTS)).await;
            waiting.end().await.expect_failure(&["the import broke off after", "interrupted"]);
            assert_eq!(lines(&desk.read(REJECTS)), refused_lines(BATCH), "{signal}");
            assert!(!desk.has(PARTIAL));
        }
    }

    /// As `nohup leadward import` does.
    async fn a_hangup_that_is_to_be_ignored_is(t: TestServer) {
        let desk = Desk::of(&t.manager("marta").await, &t);
        let waiting = Waiting::start(&desk, "ignore").await;
        waiting.signal("HUP");
        waiting.end().await.expect(2, &[("created", 588), ("rejected", 12)]);
        assert_all_is_listed_once(&desk);
    }

    /// The original command, given again, neither undoes what was mended nor drops what it doesn't know.
    async fn rejects_that_were_sorted_and_mended_survive_the_original_command(t: TestServer) {
        let desk = Desk::of(&t.manager("marta").await, &t);
        desk.write(
            "people.csv",
            "external_id,email,country\n1,ana@example.com,Narnia\n2,bo@nowhere,PT\n3,cid@example.com,PT\n4,dot@nowhere,PT\n",
        );
        desk.import("people.csv", &[]).await.expect(2, &[("created", 1), ("rejected", 3)]);

        let rejected = desk.read(REJECTS).replace("Narnia,2,", "PT,2,").replace("bo@nowhere", "bo@example.com");
        let (header, rows) = rejected.split_once('\n').unwrap();
        let reversed: Vec<&str> = rows.lines().rev().collect();
        desk.write(REJECTS, format!("{header}\n{}\n,eva@example.com,PT,,\n", reversed.join("\n")));

        for _ in 0..2 {
            desk.import("people.csv", &[]).await.expect(2, &[("already taken", 1), ("rejected", 3)]);
            let kept = desk.read(REJECTS);
            let mut starts: Vec<String> =
                kept.lines().skip(1).map(|row| row.split(',').take(3).collect::<Vec<_>>().join(",")).collect();
            starts.sort_unstable();
            let expected = [",eva@example.com,PT", "1,ana@example.com,PT", "2,bo@example.com,PT", "4,dot@nowhere,PT"];
            assert_eq!(starts, expected, "{kept}");
        }
        desk.import(REJECTS, &[]).await.expect(2, &[("created", 2), ("rejected", 2)]);
    }

    /// Where every row was rejected, the server's answers say nothing of an earlier run.
    async fn mended_rejects_survive_where_nothing_was_taken(t: TestServer) {
        let desk = Desk::of(&t.manager("marta").await, &t);
        desk.write("people.csv", "external_id,email\n1,ana@nowhere\n2,bo@nowhere\n");
        desk.import("people.csv", &[]).await.expect(2, &[("rejected", 2)]);
        desk.write(REJECTS, desk.read(REJECTS).replace("ana@nowhere", "ana@example.com"));
        desk.import("people.csv", &[]).await.expect(2, &[("rejected", 2)]);
        let kept = desk.read(REJECTS);
        assert!(kept.contains("1,ana@example.com,2,"), "{kept}");
        assert_eq!(kept.matches("2,bo@nowhere,3,").count(), 1, "{kept}");
    }

    /// What can't be read as rejects of this file, such as after another separator was put in, is left alone.
    async fn rejects_with_other_columns_are_not_lost(t: TestServer) {
        let desk = Desk::of(&t.manager("marta").await, &t);
        desk.write("people.csv", "external_id,email\n1,ana@nowhere\n2,bo@example.com\n");
        desk.import("people.csv", &[]).await.expect(2, &[("created", 1), ("rejected", 1)]);
        let other = desk.read(REJECTS).replace(',', ";");
        desk.write(REJECTS, &other);
        desk.import("people.csv", &[]).await.expect_failure(&["has other columns than this file"]);
        assert_eq!(desk.read(REJECTS), other);
        assert!(!desk.has(PARTIAL));
        desk.import("people.csv", &["--rejects=other.csv"]).await.expect(2, &[("already taken", 1), ("rejected", 1)]);
    }
}
