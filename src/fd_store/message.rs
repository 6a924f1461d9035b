//! What goes over the Unix socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The byte of every message: a descriptor can't be sent without one.
const BYTE: u8 = b'.';

/// What the other side has sent.
#[derive(Debug)]
pub(super) enum Received {
    /// A message with a descriptor.
    Descriptor(OwnedFd),
    /// A message without one.
    Nothing,
    /// The other side is gone.
    End,
}

/// Sends one message.
pub(super) async fn send(stream: &UnixStream, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        Ok(sendmsg(stream, &[IoSlice::new(&[BYTE])], &mut control, SendFlags::empty())?)
    };
    stream.async_io(Interest::WRITABLE, send).await.map(drop)
}

/// Waits for one message.
pub(super) async fn receive(stream: &UnixStream) -> io::Result<Received> {
    let receive = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let read = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok(match descriptor {
            Some(descriptor) => Received::Descriptor(descriptor),
            None if read.bytes == 0 => Received::End,
            None => Received::Nothing,
        })
    };
    stream.async_io(Interest::READABLE, receive).await
}
