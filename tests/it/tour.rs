//! The binary as a person meets it: the README's tour word for word; starting, stopping and migrating.

mod readme;

use std::time::Duration;

use leadward_migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use self::readme::{missing, steps};
use crate::support::process::{Serve, Shell, grpcurl, leadward};

const SOON: Duration = Duration::from_secs(10);

/// A folder with the URL of a database in it that nobody has made yet.
fn folder() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("tour.db").display());
    (folder, url)
}

#[test]
fn every_command_of_the_readmes_tour_does_what_it_says() {
    let (_folder, url) = folder();
    let mut server = Serve::start(&["--demo", "--listen", "127.0.0.1:0", "--database-url", &url]);
    let exports = server.exports();
    let mut shell = Shell::start();
    shell.run(&exports);

    let steps = steps(include_str!("../../README.md"));
    assert!(steps.len() >= 8, "the tour of the README has only {} steps", steps.len());
    for step in steps {
        let came = shell.run(&step.commands);
        if let Some(wanted) = missing(&step.output, &came) {
            panic!("README.md line {}:\n{}\nshould say: {wanted}\nbut says:\n{came}", step.line, step.commands);
        }
    }
}

#[test]
fn a_demo_that_is_started_again_has_the_same_company_and_new_tokens() {
    let (_folder, url) = folder();
    let start = || {
        let mut server = Serve::start(&["--demo", "--listen", "127.0.0.1:0", "--database-url", &url]);
        let exports = server.exports();
        let variable = |name: &str| {
            let line = exports.lines().find_map(|line| line.strip_prefix(&format!("export {name}="))).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        };
        let (addr, ines) = (variable("LEADWARD"), variable("INES"));
        let leads = list_leads(&addr, &ines);
        (server, addr, ines, leads)
    };

    let (first, _, old_token, leads) = start();
    assert!(leads.contains("Beatriz Moura"), "{leads}");
    first.stop(SOON);
    let (_second, addr, token, same_leads) = start();
    assert_eq!(same_leads, leads);
    assert_ne!(token, old_token);
    let refusal = list_leads(&addr, &old_token);
    assert!(refusal.contains("Code: Unauthenticated"), "{refusal}");
}

fn list_leads(addr: &str, token: &str) -> String {
    let authorization = format!("authorization: Bearer {token}");
    grpcurl(&["-plaintext", "-H", &authorization, addr, "leadward.v1.LeadService/ListLeads"])
}

#[test]
fn a_first_start_prints_the_administrators_token_and_no_other_does() {
    let (_folder, url) = folder();
    let printed = Serve::listening(&url).stop(SOON);
    let tokens = tokens(&printed);
    let [token] = tokens.as_slice() else { panic!("one token was to be printed:\n{printed}") };

    let server = Serve::listening(&url);
    let authorization = format!("authorization: Bearer {token}");
    let addr = server.addr().to_string();
    let who = grpcurl(&["-plaintext", "-H", &authorization, &addr, "leadward.v1.DirectoryService/WhoAmI"]);
    assert!(who.contains("\"role\": \"ROLE_ADMINISTRATOR\""), "{who}");
    let printed = server.stop(SOON);
    assert!(!printed.contains("lw_"), "{printed}");
}

/// What looks like a credential in a text.
fn tokens(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("lw_") && word.len() > 40).collect()
}

#[test]
fn a_server_asked_to_stop_ends_well_and_soon() {
    let (_folder, url) = folder();
    // `stop` sends SIGTERM and asks for exit code 0.
    Serve::listening(&url).stop(SOON);
}

#[test]
fn a_first_start_on_a_taken_port_keeps_its_token_for_the_next() {
    let (_folder, url) = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (status, printed) = Serve::start(&["--listen", &listen, "--database-url", &url]).ended(SOON);
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("can't listen on"), "{printed}");
    drop(taken);
    let printed = Serve::listening(&url).stop(SOON);
    assert_eq!(tokens(&printed).len(), 1, "{printed}");
}

/// Whoever copies the file after a stop has everything, and nobody else reads it.
#[test]
fn a_stopped_server_leaves_one_private_file() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, url) = folder();
    Serve::listening(&url).stop(SOON);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["tour.db"]);
    let file = std::fs::metadata(folder.path().join("tour.db")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert!(file.len() > 100_000, "{} bytes", file.len());
}

#[test]
fn a_demo_fills_no_company_that_is_there() {
    let (_folder, url) = folder();
    Serve::listening(&url).stop(SOON);
    let (status, printed) = Serve::start(&["--demo", "--listen", "127.0.0.1:0", "--database-url", &url]).ended(SOON);
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("belongs to another company") && !printed.contains("lw_"), "{printed}");
}

#[test]
fn health_and_reflection_answer_without_a_token() {
    let (_folder, url) = folder();
    let server = Serve::listening(&url);
    let addr = server.addr().to_string();
    let services = grpcurl(&["-plaintext", &addr, "list"]);
    let listed: Vec<_> = services.lines().collect();
    for service in [
        "grpc.health.v1.Health",
        "leadward.v1.AssignmentService",
        "leadward.v1.DirectoryService",
        "leadward.v1.LeadService",
        "leadward.v1.PermissionService",
    ] {
        assert!(listed.contains(&service), "{services}");
    }
    let health = grpcurl(&["-plaintext", &addr, "grpc.health.v1.Health/Check"]);
    assert!(health.contains("\"status\": \"SERVING\""), "{health}");
    let leads = grpcurl(&["-plaintext", &addr, "leadward.v1.LeadService/ListLeads"]);
    assert!(leads.contains("Code: Unauthenticated"), "{leads}");
}

#[test]
fn migrate_says_what_is_pending_and_applies_it_once() {
    let (_folder, url) = folder();
    let migrate = |command: &str| leadward(&["migrate", command, "--database-url", &url]);
    let names: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let says = |text: &str, name: &str, state: &str| text.lines().any(|l| l.contains(name) && l.contains(state));

    let before = migrate("status");
    let first = migrate("up");
    let after = migrate("status");
    let second = migrate("up");
    for name in &names {
        assert!(says(&before, name, "pending"), "{before}");
        assert!(says(&first, name, "applied"), "{first}");
        assert!(says(&after, name, "applied"), "{after}");
        assert!(!second.contains(name), "{second}");
    }
}

#[tokio::test]
async fn a_schema_that_is_newer_than_the_server_is_refused_by_name() {
    let (_folder, url) = folder();
    leadward(&["migrate", "up", "--database-url", &url]);
    let database = Database::connect(&url).await.unwrap();
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000000_future', 0)";
    database.execute_unprepared(newer).await.unwrap();
    database.close().await.unwrap();

    let server = Serve::start(&["--listen", "127.0.0.1:0", "--database-url", &url]);
    let (status, printed) = server.ended(SOON);
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("m29990101_000000_future"), "{printed}");
    assert!(!printed.contains("lw_"), "{printed}");
}
