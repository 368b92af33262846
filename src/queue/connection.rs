//! The connection to Redis.
//!
//! Owns when it is made and given up, and that no Redis is used that other machines can use without a password. Must not know
//! what is stored there. Redis' own connection manager repeats commands in the background; here a command fails at once, so that
//! a request can go on without Redis.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, IntoConnectionInfo as _, ScriptInvocation,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::error::QueueError;

/// How long a connection or an answer may take. Redis answers within a millisecond.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// After a failure, the next attempt is made after this time.
const RETRY_TIME: Duration = Duration::from_millis(500);

/// The connection to Redis.
pub(super) struct Connection {
    client: Client,
    /// The same address without credentials, if other machines can reach it.
    stranger: Option<Client>,
    current: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    failed: Option<Instant>,
}

impl Connection {
    pub(super) fn new(url: &str) -> Result<Self, QueueError> {
        install_cryptography();
        let client = Client::open(url).map_err(|_| QueueError::Address)?;
        let address = client.get_connection_info().addr().clone();
        let stranger = if is_local(&address) {
            None
        } else {
            let info = address.into_connection_info().map_err(|_| QueueError::Address)?;
            Some(Client::open(info).map_err(|_| QueueError::Address)?)
        };
        Ok(Self { client, stranger, current: Mutex::default() })
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, QueueError> {
        let mut connection = self.connection().await?;
        let answer = timeout(ANSWER_TIME, script.invoke_async(&mut connection)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
                    self.give_up().await;
                }
                Err(error.into())
            }
            Err(_) => {
                self.give_up().await;
                Err(QueueError::Silent)
            }
        }
    }

    /// Connects, if there is no connection.
    pub(super) async fn connection(&self) -> Result<MultiplexedConnection, QueueError> {
        let mut state = self.current.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        if state.failed.is_some_and(|failed| failed.elapsed() < RETRY_TIME) {
            return Err(QueueError::Away);
        }
        match self.connect().await {
            Ok(connection) => {
                *state = State { connection: Some(connection.clone()), failed: None };
                Ok(connection)
            }
            Err(error) => {
                state.failed = Some(Instant::now());
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, QueueError> {
        if let Some(stranger) = &self.stranger
            && let Ok(mut connection) = connect(stranger).await
        {
            let ping = redis::cmd("PING");
            let answer = ping.query_async::<String>(&mut connection);
            if matches!(timeout(ANSWER_TIME, answer).await, Ok(Ok(_))) {
                return Err(QueueError::Open);
            }
        }
        connect(&self.client).await
    }

    async fn give_up(&self) {
        *self.current.lock().await = State { connection: None, failed: Some(Instant::now()) };
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, QueueError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_TIME))
        .set_response_timeout(Some(ANSWER_TIME));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    // The time of the library is that of each address of a name.
    Ok(timeout(2 * ANSWER_TIME, connecting).await.map_err(|_| QueueError::Silent)??)
}

/// Whether only this machine reaches an address.
fn is_local(address: &ConnectionAddr) -> bool {
    let (host, port) = match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => (host.as_str(), *port),
        ConnectionAddr::Unix(_) => return true,
        _ => return false,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let mut addresses = (host, port).to_socket_addrs().into_iter().flatten().peekable();
    addresses.peek().is_some() && addresses.all(|address| address.ip().to_canonical().is_loopback())
}

/// TLS of this library takes the cryptography of the process.
fn install_cryptography() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // It fails if it is installed already.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("redis://127.0.0.1:6379", true)]
    #[case("redis://:secret@[::1]:6379/2", true)]
    #[case("rediss://localhost", true)]
    #[case("unix:///run/redis/redis.sock", true)]
    #[case("redis://192.0.2.1:6379", false)]
    #[case("rediss://[2001:db8::1]", false)]
    #[case("redis://no-such-host.invalid", false)]
    fn knows_which_addresses_only_this_machine_reaches(#[case] url: &str, #[case] local: bool) {
        let client = Client::open(url).expect("an address");
        assert_eq!(is_local(client.get_connection_info().addr()), local, "{url}");
    }

    #[rstest]
    #[case("http://127.0.0.1")]
    #[case("127.0.0.1:6379")]
    fn refuses_other_addresses_without_repeating_them(#[case] url: &str) {
        let error = Connection::new(url).err().expect("it is refused");
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
}
