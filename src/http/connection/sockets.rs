//! Opening listening sockets: TCP, Unix sockets, and those that systemd passes.
//!
//! Must not know what is served on them.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use actix_web::rt::net::TcpSocket;
use listenfd::ListenFd;
use rustix::fs::Mode;
use rustix::process::umask;

use crate::config::{Endpoint, exposed};

/// Connections that the system queues until they are accepted; its own limit may be lower.
const BACKLOG: u32 = 1024;
/// The most sockets that systemd may pass.
const MAX_INHERITED: usize = 64;

/// An open listening socket.
pub(crate) enum ListeningSocket {
    /// A port.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl ListeningSocket {
    /// The address, if other machines can connect to it.
    pub(crate) fn exposed(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().and_then(exposed),
            Self::Unix(_) => None,
        }
    }

    /// How clients connect to it: a URL, or `unix:` and the path.
    pub(crate) fn url(&self, is_https: bool) -> io::Result<String> {
        Ok(match self {
            Self::Tcp(listener) => {
                let scheme = if is_https { "https" } else { "http" };
                format!("{scheme}://{}", listener.local_addr()?)
            }
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                format!("unix:{}", address.as_pathname().unwrap_or(Path::new("(unnamed)")).display())
            }
        })
    }
}

/// The sockets that systemd passes (`LISTEN_FDS`, sd_listen_fds(3)); none if it passes none.
pub(crate) fn inherited() -> io::Result<Vec<ListeningSocket>> {
    let mut passed = ListenFd::from_env();
    (0..passed.len().min(MAX_INHERITED)).map(|at| take(&mut passed, at)).collect()
}

fn take(passed: &mut ListenFd, at: usize) -> io::Result<ListeningSocket> {
    if let Ok(Some(listener)) = passed.take_unix_listener(at) {
        return Ok(ListeningSocket::Unix(listener));
    }
    match passed.take_tcp_listener(at)? {
        Some(listener) => Ok(ListeningSocket::Tcp(listener)),
        None => Err(ErrorKind::NotFound.into()),
    }
}

/// Opens a socket. The file of a Unix socket gets `mode`, and is removed when the second value is dropped.
pub(crate) fn open(endpoint: &Endpoint, mode: u32) -> io::Result<(ListeningSocket, Option<SocketFile>)> {
    match endpoint {
        Endpoint::Tcp(address) => Ok((ListeningSocket::Tcp(open_port(*address)?), None)),
        Endpoint::Unix(path) => {
            let (listener, file) = open_unix(path, mode)?;
            Ok((ListeningSocket::Unix(listener), Some(file)))
        }
    }
}

/// Opens a port.
pub(crate) fn open_port(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the previous process may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// The file of a Unix socket, which is removed on drop.
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Another process may have put its own socket there.
    device_and_inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.device_and_inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn open_unix(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    // Until the mode is set, only this user may connect.
    let before = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    let file = SocketFile { path: path.to_owned(), device_and_inode: identity(path)? };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok((listener, file))
}

/// Removes the socket of a process that has ended without removing it, as after `kill -9`. Refuses that of a running
/// server, and every other file.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "there is another file, which is no socket",
            ));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another process listens on it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_at(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
        open_unix(path, 0o660)
    }

    #[test]
    fn replaces_the_socket_of_a_process_that_has_ended() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("socket");
        drop(UnixListener::bind(&path).expect("a socket"));
        let (_listener, file) = open_at(&path).expect("the socket is stale");
        assert!(UnixStream::connect(&path).is_ok());
        let mode = fs::symlink_metadata(&path).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        drop(file);
        assert!(!path.exists(), "it is removed at the end");
    }

    #[test]
    fn keeps_the_socket_of_a_running_server_and_other_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let (socket, file) = (dir.path().join("socket"), dir.path().join("file"));
        let _running = UnixListener::bind(&socket).expect("a socket");
        let error = open_at(&socket).err().expect("it is in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        drop(fs::File::create_new(&file).expect("a file"));
        let error = open_at(&file).err().expect("it is no socket");
        assert!(error.to_string().contains("no socket"), "{error}");
        assert!(UnixStream::connect(&socket).is_ok() && file.exists());
    }

    #[test]
    fn does_not_remove_the_socket_of_its_successor() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("socket");
        let (_listener, file) = open_at(&path).expect("nothing is there");
        // Kept under another name, so that its inode is not used again.
        fs::rename(&path, dir.path().join("before")).expect("the socket can be renamed");
        let _successor = UnixListener::bind(&path).expect("a socket");
        drop(file);
        assert!(path.exists());
    }
}
