//! The real binary, grpcurl, and a shell to try them in.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_leadward");
const PATIENCE: Duration = Duration::from_secs(60);

/// `leadward` with its settings from the arguments alone, in a folder of nobody's.
fn command() -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("LEADWARD_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `leadward` to its good end and answers all that it printed.
pub fn leadward(arguments: &[&str]) -> String {
    let output = command().args(arguments).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success(), "leadward {arguments:?}: {}\n{printed}", output.status);
    printed
}

/// What grpcurl prints, errors included.
pub fn grpcurl(arguments: &[&str]) -> String {
    match Command::new("grpcurl").args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => text(&output),
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("grpcurl is not there: run `make test`"),
        Err(error) => panic!("grpcurl: {error}"),
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `leadward serve`, killed when dropped.
pub struct Serve {
    child: Child,
    lines: Receiver<String>,
    printed: String,
    addr: SocketAddr,
}

impl Serve {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = command().arg("serve").args(arguments).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take().unwrap(), sender.clone());
        forward(child.stderr.take().unwrap(), sender);
        Self { child, lines, printed: String::new(), addr: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }

    /// On a free port, once it says that it serves.
    pub fn listening(database_url: &str) -> Self {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listen = addr.to_string();
        let mut server = Self::start(&["--listen", &listen, "--database-url", database_url]);
        server.addr = addr;
        let asked = Instant::now();
        while !grpcurl(&["-plaintext", &listen, "grpc.health.v1.Health/Check"]).contains("\"SERVING\"") {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && asked.elapsed() < PATIENCE, "no server:\n{}", server.all_printed());
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The lines that the demo's greeting begins with, for another terminal.
    pub fn exports(&mut self) -> String {
        let mut exports = String::new();
        let started = Instant::now();
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(line) if line.starts_with("export ") => exports.push_str(&format!("{line}\n")),
                Ok(line) if line.is_empty() && !exports.is_empty() => return exports,
                Ok(line) => self.printed.push_str(&format!("{line}\n")),
                Err(error) => panic!("no greeting ({error}):\n{exports}{}", self.printed),
            }
        }
    }

    /// Asks it to stop, and answers all that it has printed; it must end well and in time.
    pub fn stop(self, within: Duration) -> String {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let (status, printed) = self.ended(within);
        assert_eq!(status.code(), Some(0), "{status}\n{printed}");
        printed
    }

    /// How it ended by itself, and all that it has printed.
    pub fn ended(mut self, within: Duration) -> (ExitStatus, String) {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.all_printed());
            }
            assert!(asked.elapsed() < within, "still running after {within:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Until now; of a server that has ended: everything.
    fn all_printed(&mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.printed.push_str(&format!("{line}\n"));
        }
        self.printed.clone()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Either fails only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends line after line, so that a pipe that nobody reads never stops the process.
fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(io::Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
}

const END: &str = "-- end of the step --";

/// One long-lived bash in the project's folder, with `leadward` on its path.
pub struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Shell {
    pub fn start() -> Self {
        let bin = Path::new(BINARY).parent().unwrap().display().to_string();
        let path = env::var("PATH").unwrap_or_default();
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", format!("{bin}:{path}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "exec 2>&1").unwrap();
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take().unwrap(), sender);
        let mut shell = Self { child, stdin, lines, folder: TempDir::new().unwrap() };
        let found = shell.run("command -v grpcurl");
        assert!(!found.is_empty(), "grpcurl is not there: run `make test`");
        shell
    }

    /// Runs commands and answers all that they print. What they set stays set.
    pub fn run(&mut self, commands: &str) -> String {
        let script = self.folder.path().join("commands.sh");
        fs::write(&script, commands).unwrap();
        writeln!(self.stdin, "source '{}' </dev/null; echo '{END}'", script.display()).unwrap();
        self.stdin.flush().unwrap();

        let mut printed = String::new();
        let started = Instant::now();
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(line) => match line.strip_suffix(END) {
                    Some(rest) => return printed + rest,
                    None => printed.push_str(&format!("{line}\n")),
                },
                Err(RecvTimeoutError::Timeout) => panic!("no end of\n{commands}\nafter\n{printed}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the shell ended in\n{commands}\nafter\n{printed}"),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
