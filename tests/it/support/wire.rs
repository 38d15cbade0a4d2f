use std::{
    collections::HashMap,
    mem,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{self, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::sleep,
};

/// The code of a first message that asks for encryption.
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
/// How long nothing goes over a wire that is at rest.
const QUIET: Duration = Duration::from_millis(200);

/// A wire between a server and PostgreSQL. It notes each statement that is run over it, and can be held and cut; it is
/// gone when dropped.
pub struct Wire {
    url: String,
    shared: Arc<Shared>,
    carrying: AbortHandle,
}

struct Shared {
    statements: Mutex<Vec<String>>,
    connections: Mutex<Vec<Connection>>,
    held: watch::Sender<bool>,
}

struct Connection {
    task: AbortHandle,
    listens: Arc<AtomicBool>,
}

impl Wire {
    pub fn to(postgres_url: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (url, postgres) = rerouted(postgres_url, listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            statements: Mutex::default(),
            connections: Mutex::default(),
            held: watch::Sender::new(false),
        });
        let carrying = tokio::spawn(carry_all(listener, postgres, Arc::clone(&shared))).abort_handle();
        Self { url, shared, carrying }
    }

    /// The database at the other end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every statement since this was last asked, in the order in which they were run.
    pub fn statements(&self) -> Vec<String> {
        mem::take(&mut *self.shared.statements.lock().unwrap())
    }

    /// A call's answer, and the statements that were run until it came.
    pub async fn during<T>(&self, call: impl Future<Output = T>) -> (T, Vec<String>) {
        self.statements();
        let answer = call.await;
        (answer, self.statements())
    }

    /// Waits until nothing more goes over, and forgets what has.
    pub async fn settle(&self) {
        loop {
            sleep(QUIET).await;
            if self.statements().is_empty() {
                return;
            }
        }
    }

    /// Keeps statements from going over; they are noted as they come.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Lets go over what was held.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Cuts every connection that there is; says how many.
    pub fn cut(&self) -> usize {
        self.cut_those(|_| true)
    }

    /// Cuts the connections that listen for notices; says how many.
    pub fn cut_listeners(&self) -> usize {
        self.cut_those(|connection| connection.listens.load(Ordering::Relaxed))
    }

    fn cut_those(&self, chosen: impl Fn(&Connection) -> bool) -> usize {
        let connections = self.shared.connections.lock().unwrap();
        let live = connections.iter().filter(|connection| !connection.task.is_finished() && chosen(connection));
        live.inspect(|connection| connection.task.abort()).count()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

/// A URL with another host, and the host that it had.
fn rerouted(url: &str, host: SocketAddr) -> (String, String) {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (authority, path) = rest.split_once('/').expect("a URL that names a database");
    let (user, postgres) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let port = if postgres.contains(':') { "" } else { ":5432" };
    (format!("{scheme}://{user}{host}/{path}"), format!("{postgres}{port}"))
}

async fn carry_all(listener: TcpListener, postgres: String, shared: Arc<Shared>) {
    // They end with this task.
    let mut tasks = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let listens = Arc::new(AtomicBool::new(false));
        let task = tasks.spawn(carry(client, postgres.clone(), Arc::clone(&shared), Arc::clone(&listens)));
        shared.connections.lock().unwrap().push(Connection { task, listens });
    }
}

/// Carries one connection until either side ends it.
async fn carry(client: TcpStream, postgres: String, shared: Arc<Shared>, listens: Arc<AtomicBool>) -> io::Result<()> {
    let server = TcpStream::connect(postgres).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (asked, mut told) = client.into_split();
    let (mut answers, mut asks) = server.into_split();
    let mut asked = BufReader::new(asked);
    // The first message has no type. Encryption is declined, since nothing could be read of it.
    let mut start = message(&mut asked).await?;
    while start[4..8] == SSL_REQUEST {
        told.write_all(b"N").await?;
        start = message(&mut asked).await?;
    }
    asks.write_all(&start).await?;
    tokio::select! {
        ended = forward(asked, asks, &shared, &listens) => ended,
        ended = io::copy(&mut answers, &mut told) => ended.map(drop),
    }
}

async fn forward(
    mut asked: BufReader<OwnedReadHalf>,
    mut asks: OwnedWriteHalf,
    shared: &Shared,
    listens: &AtomicBool,
) -> io::Result<()> {
    let mut prepared = HashMap::new();
    loop {
        let kind = asked.read_u8().await?;
        let message = message(&mut asked).await?;
        if let Some(statement) = statement(kind, &message[4..], &mut prepared) {
            if statement.starts_with("LISTEN") {
                listens.store(true, Ordering::Relaxed);
            }
            shared.statements.lock().unwrap().push(statement);
            let mut held = shared.held.subscribe();
            held.wait_for(|held| !*held).await.ok();
        }
        asks.write_all(&[&[kind][..], message.as_slice()].concat()).await?;
    }
}

/// A message's length, which counts itself, and what follows.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(length as usize, 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// The statement that a message runs, if it runs one; what it prepares is kept under its name.
fn statement(kind: u8, body: &[u8], prepared: &mut HashMap<String, String>) -> Option<String> {
    let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let (first, second) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    match kind {
        // Parse: a name and its statement.
        b'P' => {
            prepared.insert(first, second);
            None
        }
        // Bind: a portal and the name of what is run in it. Each is executed once.
        b'B' => prepared.get(&second).cloned(),
        // Query.
        b'Q' => Some(first),
        _ => None,
    }
}
