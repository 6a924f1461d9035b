//! What goes over the Unix socket: one byte a message, and a descriptor with one of them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// One message, with what stands for its descriptor on either side.
#[derive(Debug)]
pub(super) enum Message<D> {
    /// A socket that listens.
    Socket(D),
    /// There is none.
    Nothing,
    /// The socket is to be let go.
    LetGo,
}

const SOCKET: u8 = b's';
const NOTHING: u8 = b'n';
const LET_GO: u8 = b'l';

/// Sends one message.
pub(super) async fn send(stream: &UnixStream, message: Message<BorrowedFd<'_>>) -> io::Result<()> {
    let (byte, descriptor) = match message {
        Message::Socket(descriptor) => (SOCKET, Some(descriptor)),
        Message::Nothing => (NOTHING, None),
        Message::LetGo => (LET_GO, None),
    };
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        Ok(sendmsg(stream, &[IoSlice::new(&[byte])], &mut control, SendFlags::empty())?)
    };
    stream.async_io(Interest::WRITABLE, send).await.map(drop)
}

/// Waits for one message; `None` is the end of the other side.
///
/// # Errors
///
/// A message that is none: its descriptor may have been lost on the way, since this process has too many open files.
pub(super) async fn receive(stream: &UnixStream) -> io::Result<Option<Message<OwnedFd>>> {
    let receive = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let read = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match (&byte[..read.bytes], descriptor) {
            ([], _) => Ok(None),
            ([SOCKET], Some(descriptor)) => Ok(Some(Message::Socket(descriptor))),
            ([NOTHING], None) => Ok(Some(Message::Nothing)),
            ([LET_GO], None) => Ok(Some(Message::LetGo)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    };
    stream.async_io(Interest::READABLE, receive).await
}
